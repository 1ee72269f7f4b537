//! `kind: Breaker`: when calls are refused, because too many of those before them failed.
//! It must say what is counted, and not how.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::checked;
use super::matches::{CallMatch, matches};
use super::percent::Percent;
use super::side::Side;
use super::words::{ServiceName, Span};

/// Calls in a window.
const WINDOW_MAX: u32 = 100_000;

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
    /// How long it refuses all calls before it lets some through to find out.
    #[serde(default = "open_time", deserialize_with = "time")]
    pub open_time: Span,
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
