//! `kind: Breaker`: when calls are refused, because too many of those before them failed.
//! It must say what is counted, and not how.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{checked, given};
use super::matches::{CallMatch, matches};
use super::percent::Percent;
use super::side::Side;
#[cfg(feature = "schema")]
use super::status::STATUSES_MAX;
use super::status::{StatusPattern, server_errors, statuses};
use super::words::{ServiceName, Span};

/// Calls in a window.
const WINDOW_MAX: u32 = 10_000;
/// Calls that find out whether a service works again.
const PROBES_MAX: u32 = 1_000;
/// The longest window of time.
const WINDOW_SECONDS_MAX: u64 = 3_600;

/// A breaker in front of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Breaker {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// Whose proxy counts and refuses.
    #[serde(default, skip_serializing_if = "Side::is_consumer")]
    pub side: Side,
    /// The calls that it is about, counted apart from all others; every call where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// Whether it decides, or somebody has.
    #[serde(default)]
    pub mode: BreakerMode,
    /// It opens once this part of the calls in the window failed.
    #[serde(default = "failure_rate")]
    pub failure_rate: Percent,
    /// The last calls that count, and how many there have to be.
    #[serde(default = "window_requests", deserialize_with = "window")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = WINDOW_MAX)))]
    pub window_requests: u32,
    /// The calls of this time count in place of the last ones, 1s to 1h.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "window_of_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub window_time: Option<Span>,
    /// How many calls there have to be in the window before it decides; `windowRequests` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "minimum")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(min = 1, max = WINDOW_MAX)))]
    pub minimum_requests: Option<u32>,
    /// It also opens once this part of the calls in the window was slow.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Percent"))]
    pub slow_call_rate: Option<Percent>,
    /// A call is slow whose answer begins so late, or later.
    #[serde(default = "slow_call_duration")]
    pub slow_call_duration: Span,
    /// How long it refuses all calls before it lets some through to find out.
    #[serde(default = "open_time", deserialize_with = "time")]
    pub open_time: Span,
    /// How many calls find out whether the service works again. It closes where the part of them that failed is smaller than
    /// `failureRate`, and opens again where it is not.
    #[serde(default = "half_open_requests", deserialize_with = "probes")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = PROBES_MAX)))]
    pub half_open_requests: u32,
    /// Answers that are failures: `503`, `5xx`. No connection, no answer and an answer that comes too late always are.
    #[serde(default = "server_errors", deserialize_with = "statuses")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = STATUSES_MAX)))]
    pub failure_statuses: Vec<StatusPattern>,
}

/// Who decides whether calls pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum BreakerMode {
    /// The breaker.
    #[default]
    Automatic,
    /// No call passes.
    ForcedOpen,
    /// Every call passes.
    ForcedClosed,
}

const fn failure_rate() -> Percent {
    match Percent::whole(50) {
        Some(half) => half,
        None => Percent::ALL,
    }
}

const fn window_requests() -> u32 {
    20
}

fn open_time() -> Span {
    Span::try_from("5s").expect("five seconds are a span")
}

fn slow_call_duration() -> Span {
    Span::try_from("1m").expect("a minute is a span")
}

const fn half_open_requests() -> u32 {
    1
}

fn probes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |requests| match requests {
        1..=PROBES_MAX => Ok(()),
        _ => Err(format!("{requests} calls find out; there are 1 to {PROBES_MAX}")),
    })
}

fn minimum<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    window(deserializer).map(Some)
}

fn window_of_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    checked(Span::deserialize(deserializer)?, |time| match time.duration().as_secs() {
        1..=WINDOW_SECONDS_MAX => Ok(()),
        _ => Err(format!("a window of {time}; it has 1s to 1h")),
    })
    .map(Some)
}

fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |requests| match requests {
        1..=WINDOW_MAX => Ok(()),
        _ => Err(format!("a window of {requests} calls; it has 1 to {WINDOW_MAX}")),
    })
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |time| match time.duration().is_zero() {
        true => Err("openTime of 0s would never refuse a call; leave the document out instead".to_owned()),
        false => Ok(()),
    })
}
