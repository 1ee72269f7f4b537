//! `kind: Bulkhead`: how many calls may be under way at once.
//! It must say what is bounded, and not how a bound that follows the latency is found.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{checked, given};
use super::matches::{CallMatch, matches};
use super::side::Side;
use super::words::{ServiceName, Span};

/// The most calls that may be under way.
const CONCURRENT_MAX: u32 = 100_000;

/// A bound of the calls that are under way to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bulkhead {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// Whose proxy counts and refuses.
    #[serde(default, skip_serializing_if = "Side::is_consumer")]
    pub side: Side,
    /// The calls that it is about, counted apart from all others; every call where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// So many may be under way through one proxy; a further one is refused at once.
    #[serde(deserialize_with = "concurrent")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = CONCURRENT_MAX)))]
    pub max_concurrent: u32,
    /// The bound follows the latency, and is `maxConcurrent` at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "AdaptiveConcurrency"))]
    pub adaptive: Option<AdaptiveConcurrency>,
}

/// A bound that follows the latency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdaptiveConcurrency {
    /// The bound is never lower.
    #[serde(default = "least", deserialize_with = "concurrent")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = CONCURRENT_MAX)))]
    pub min: u32,
    /// What it begins with.
    #[serde(default = "initial", deserialize_with = "concurrent")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = CONCURRENT_MAX)))]
    pub initial: u32,
    /// How often the latency of a service that is not pressed is measured, with a lower bound for some tenths of a second.
    #[serde(default = "measure_every", deserialize_with = "measured")]
    pub measure_every: Span,
}

impl Default for AdaptiveConcurrency {
    fn default() -> Self {
        Self { min: least(), initial: initial(), measure_every: measure_every() }
    }
}

const fn least() -> u32 {
    4
}

const fn initial() -> u32 {
    20
}

fn measure_every() -> Span {
    Span::try_from("1m").expect("a minute is a span")
}

fn concurrent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |calls| match calls {
        1..=CONCURRENT_MAX => Ok(()),
        _ => Err(format!("{calls} calls at once; there may be 1 to {CONCURRENT_MAX}")),
    })
}

fn measured<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |time| match time.duration().as_secs() {
        0 => Err(format!("measureEvery of {time}; it is at least 1s")),
        _ => Ok(()),
    })
}
