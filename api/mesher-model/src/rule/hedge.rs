//! `hedge` of a Retry: when a second try begins beside one that takes long.
//! It must allow one such try for a call, and must say when it begins in one way.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{checked, given};
use super::percent::Percent;
use super::words::Span;

/// The shortest time after which a second try begins.
const DELAY_MIN: Duration = Duration::from_millis(1);
/// The longest.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// The smallest part of the calls that may not be hedged: more than half of them would be sent twice.
const PERCENTILE_MIN: Percent = match Percent::whole(50) {
    Some(half) => half,
    None => Percent::ALL,
};

/// When a second try begins beside the first. Whoever answers first is heard; the other try is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = super::schema::any_required(["delay", "percentile"]), "dependentRequired" = {"minDelay": ["percentile"]})))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hedge {
    /// Where nothing of an answer came for so long, `1ms` to `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub delay: Option<Span>,
    /// Where nothing of an answer came for as long as this part of the calls takes, `50%` to `99.99%`. None begins before a hundred
    /// calls were seen.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Percent"))]
    pub percentile: Option<Percent>,
    /// With `percentile`: never sooner, `1ms` to `1m`; `10ms` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub min_delay: Option<Span>,
}

/// Reads the member of a Retry.
pub(super) fn hedge<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hedge>, D::Error> {
    checked(Hedge::deserialize(deserializer)?, |hedge| {
        let Hedge { delay, percentile, min_delay } = hedge;
        let is_time = |span: &Span| (DELAY_MIN..=DELAY_MAX).contains(&span.duration());
        if let Some(span) = [delay, min_delay].into_iter().flatten().find(|span| !is_time(span)) {
            return Err(format!("a delay of {span}; it is 1ms to 1m"));
        }
        match (delay, percentile) {
            (Some(_), None) if min_delay.is_some() => Err("minDelay stands with percentile".to_owned()),
            (Some(_), None) => Ok(()),
            (None, Some(part)) if (PERCENTILE_MIN..Percent::ALL).contains(part) => Ok(()),
            (None, Some(part)) => Err(format!("a percentile of {part}; it is 50% to 99.99%")),
            _ => Err("a hedge has either a delay or a percentile".to_owned()),
        }
    })
    .map(Some)
}
