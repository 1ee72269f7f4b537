//! `kind: Retry`: when a failed call is tried again. The words are those of the Gateway API (GEP-1731, GEP-3388).
//! It must allow nothing that could make a call happen twice unasked.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{bounded, checked};
use super::hedge::{Hedge, hedge};
use super::matches::{CallMatch, matches};
use super::percent::Percent;
use super::words::{ServiceName, Span};

/// Further tries of one call.
const ATTEMPTS_MAX: u32 = 10;
/// Statuses of one document.
const CODES_MAX: usize = 32;
/// Further tries in each second that may always be allowed.
const FLOOR_MAX: u32 = 1_000;
/// The longest interval of a budget.
const INTERVAL_SECONDS_MAX: u64 = 3_600;
/// The longest pause before a try.
const BACKOFF_SECONDS_MAX: u64 = 60;

/// When failed calls to a service are tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// The calls that it is about; every call where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// Further tries after the first; 0: none.
    #[serde(default = "attempts", deserialize_with = "attempts_in_bounds")]
    #[cfg_attr(feature = "schema", schemars(range(max = ATTEMPTS_MAX)))]
    pub attempts: u32,
    /// Statuses of answers after which a call is tried again, 500 to 599 and 429. A connection that cannot be made, or breaks
    /// before an answer, is always one.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "codes")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = CODES_MAX)))]
    pub codes: Vec<u16>,
    /// The pause before the second try; each further one is twice as long, and all of them are drawn by chance up to that.
    #[serde(default = "backoff", deserialize_with = "backoff_in_bounds")]
    pub backoff: Span,
    /// Whether a call of another method than GET, HEAD, PUT, DELETE, OPTIONS may be tried again, where it carries an
    /// `Idempotency-Key`. Without it such a call is tried again only where nothing of it was sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub idempotency_key: bool,
    /// How many further tries all calls together may take.
    #[serde(default)]
    pub budget: RetryBudget,
    /// When a second try begins beside the first; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "hedge")]
    #[cfg_attr(feature = "schema", schemars(with = "Hedge"))]
    pub hedge: Option<Hedge>,
}

/// How many further tries all calls together may take, so that trying again never becomes the greater part of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryBudget {
    /// Of the calls of the last `interval`.
    pub percent: Percent,
    /// The calls that count, `1s` to `1h`.
    #[serde(deserialize_with = "interval")]
    pub interval: Span,
    /// So many in each second are always allowed, 0 to 1,000, however few calls there are; unused ones gather for one `interval`.
    #[serde(deserialize_with = "floor")]
    #[cfg_attr(feature = "schema", schemars(range(max = FLOOR_MAX)))]
    pub min_per_second: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            percent: Percent::whole(20).unwrap_or(Percent::ALL),
            interval: Span::try_from("10s").expect("ten seconds are a span"),
            min_per_second: 10,
        }
    }
}

fn floor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |floor| match floor {
        0..=FLOOR_MAX => Ok(()),
        _ => Err(format!("minPerSecond of {floor}; it is 0 to {FLOOR_MAX}")),
    })
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |interval| match interval.duration().as_secs() {
        1..=INTERVAL_SECONDS_MAX => Ok(()),
        _ => Err(format!("an interval of {interval}; it is 1s to 1h")),
    })
}

const fn attempts() -> u32 {
    2
}

fn attempts_in_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |attempts| match attempts {
        0..=ATTEMPTS_MAX => Ok(()),
        _ => Err(format!("{attempts} further tries; there are at most {ATTEMPTS_MAX}")),
    })
}

fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    let codes = bounded(Vec::<u16>::deserialize(deserializer)?, CODES_MAX, "codes")?;
    checked(codes, |codes| match codes.iter().find(|code| !matches!(code, 429 | 500..=599)) {
        Some(code) => Err(format!("{code} is no status that a further try could mend: 500 to 599, or 429")),
        None => Ok(()),
    })
}

fn backoff() -> Span {
    Span::try_from("25ms").expect("25 milliseconds are a span")
}

fn backoff_in_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |span| match span.duration().as_secs() {
        0..=BACKOFF_SECONDS_MAX => Ok(()),
        _ => Err(format!("a pause of {span}; it is at most {BACKOFF_SECONDS_MAX}s")),
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
