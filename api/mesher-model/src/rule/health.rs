//! `kind: Health`: which instances of a service are passed over, for what became of the calls that they took, or for what
//! they answer to checks. It must say what is looked at, and not how. The words are those of Envoy.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::active_health::{ActiveHealth, active};
use super::bounds::{checked, given};
use super::percent::Percent;
#[cfg(feature = "schema")]
use super::status::STATUSES_MAX;
use super::status::{StatusPattern, server_errors, statuses};
use super::words::{ServiceName, Span};

/// Standard deviations, in thousandths.
const DEVIATIONS_MAX: u32 = 10_000;
/// Times of the median.
const FACTOR_MAX: u32 = 1_000;

/// Which instances of a service are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("anyOf" = super::schema::any_required(["passive", "active"]))))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct Health {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// For what became of the calls that they took.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "PassiveHealth"))]
    pub passive: Option<PassiveHealth>,
    /// For what they answer to checks of the proxies that call them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "active")]
    #[cfg_attr(feature = "schema", schemars(with = "ActiveHealth"))]
    pub active: Option<ActiveHealth>,
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Health {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, |health| match (&health.passive, &health.active) {
            (None, None) => Err("it has passive, active, or both".to_owned()),
            _ => Ok(()),
        })
    }
}

/// When an instance is passed over for what became of its calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PassiveHealth {
    /// Failures in a row; 0: they are not counted.
    #[serde(default = "consecutive_failures")]
    pub consecutive_failures: u32,
    /// Of its calls in an interval this part failed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Percent"))]
    pub failure_rate: Option<Percent>,
    /// Its success rate in an interval is so many thousandths of a standard deviation below the mean of all, of five at least.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "deviations")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(min = 1, max = DEVIATIONS_MAX)))]
    pub success_rate_stdev_factor: Option<u32>,
    /// Its answers took more than so many times the median of all, of three at least.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "factor")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(min = 2, max = FACTOR_MAX)))]
    pub latency_factor: Option<u32>,
    /// Calls in an interval without which nothing is said of it, but for failures in a row.
    #[serde(default = "minimum_requests")]
    pub minimum_requests: u32,
    /// How often instances are looked at.
    #[serde(default = "interval", deserialize_with = "time")]
    pub interval: Span,
    /// How long it is passed over the first time; the second time twice as long, the third time three times. Then one call finds
    /// out whether it works again.
    #[serde(default = "base_ejection_time", deserialize_with = "time")]
    pub base_ejection_time: Span,
    /// The longest time.
    #[serde(default = "max_ejection_time", deserialize_with = "time")]
    pub max_ejection_time: Span,
    /// The part of all instances that may be passed over; of two or more always one.
    #[serde(default = "half")]
    pub max_ejection_percent: Percent,
    /// Where a smaller part of the instances is left, all are used.
    #[serde(default = "half")]
    pub panic_threshold: Percent,
    /// Answers that are failures: `503`, `5xx`. No connection, no answer and an answer that comes too late always are.
    #[serde(default = "server_errors", deserialize_with = "statuses")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = STATUSES_MAX)))]
    pub failure_statuses: Vec<StatusPattern>,
}

const fn consecutive_failures() -> u32 {
    5
}

const fn minimum_requests() -> u32 {
    20
}

fn interval() -> Span {
    Span::try_from("10s").expect("ten seconds are a span")
}

fn base_ejection_time() -> Span {
    Span::try_from("30s").expect("thirty seconds are a span")
}

fn max_ejection_time() -> Span {
    Span::try_from("5m").expect("five minutes are a span")
}

pub(super) const fn half() -> Percent {
    match Percent::whole(50) {
        Some(half) => half,
        None => Percent::ALL,
    }
}

fn deviations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    checked(u32::deserialize(deserializer)?, |deviations| match deviations {
        1..=DEVIATIONS_MAX => Ok(()),
        _ => {
            Err(format!("{deviations} thousandths of a standard deviation; there are 1 to {DEVIATIONS_MAX}"))
        }
    })
    .map(Some)
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    checked(u32::deserialize(deserializer)?, |factor| match factor {
        2..=FACTOR_MAX => Ok(()),
        _ => Err(format!("{factor} times the median; there are 2 to {FACTOR_MAX}")),
    })
    .map(Some)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |time| match time.duration().is_zero() {
        true => Err("a time of 0s; write at least 1ms".to_owned()),
        false => Ok(()),
    })
}
