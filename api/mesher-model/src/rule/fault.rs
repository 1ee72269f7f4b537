//! `kind: Fault`: what goes wrong with calls on purpose, so that it is seen what comes of it.
//! It must say what happens to which share of the calls, and leave nothing to chance.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{bounded, checked, given};
use super::matches::{CallMatch, matches};
use super::percent::Percent;
use super::words::{Name, ServiceName, Span};

/// Faults of one document.
const FAULTS_MAX: usize = 64;
/// The longest delay, in seconds.
const DELAY_SECONDS_MAX: u64 = 300;
/// The fastest body that is called slow, in bytes a second.
const SLOW_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Statuses that a call can end with.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// What goes wrong with calls to a service, in the proxies of its callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// The first whose matches hold decides.
    #[serde(deserialize_with = "faults")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = FAULTS_MAX)))]
    pub faults: Vec<FaultRule>,
}

/// What goes wrong with some calls. Its parts choose their calls apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("anyOf" = super::schema::any_required(["delay", "abort", "slowBody"]))))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// What metrics and explanations call it.
    pub name: Name,
    /// The calls that it is about; every call where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// Which of these calls anything goes wrong with.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub percent: Percent,
    /// They are held up.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "FaultDelay"))]
    pub delay: Option<FaultDelay>,
    /// They end, after the delay, before they reach anybody.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "abort")]
    #[cfg_attr(feature = "schema", schemars(with = "FaultAbort"))]
    pub abort: Option<FaultAbort>,
    /// The bodies of their answers come slowly.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "SlowBody"))]
    pub slow_body: Option<SlowBody>,
}

/// How calls are held up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultDelay {
    /// For how long: `1ms` to `5m`.
    #[serde(deserialize_with = "delay_time")]
    pub time: Span,
    /// Which of the calls.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub percent: Percent,
}

/// How calls end: with a status, or with a connection that is reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = super::schema::any_required(["status", "reset"]))))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultAbort {
    /// With this status, 200 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "u16", range(min = 200, max = 599)))]
    pub status: Option<u16>,
    /// With a reset.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schemars(with = "bool", extend("const" = true)))]
    pub reset: bool,
    /// Which of the calls.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub percent: Percent,
}

/// How slowly bodies come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlowBody {
    /// So many bytes a second.
    #[serde(deserialize_with = "bytes_per_second")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = SLOW_BYTES_MAX)))]
    pub bytes_per_second: u64,
    /// Of which of the answers.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub percent: Percent,
}

const fn all() -> Percent {
    Percent::ALL
}

fn is_all(percent: &Percent) -> bool {
    *percent == Percent::ALL
}

fn faults<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FaultRule>, D::Error> {
    let faults: Vec<FaultRule> = bounded(Vec::deserialize(deserializer)?, FAULTS_MAX, "faults")?;
    checked(faults, |faults: &Vec<FaultRule>| {
        let mut names = HashSet::new();
        for fault in faults {
            let name = fault.name.as_str();
            if !names.insert(name) {
                return Err(format!("two faults are called {name:?}"));
            }
            if fault.delay.is_none() && fault.abort.is_none() && fault.slow_body.is_none() {
                return Err(format!("fault {name} does nothing; it has delay, abort or slowBody"));
            }
        }
        Ok(())
    })
}

fn delay_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |time| {
        let duration = time.duration();
        match duration.is_zero() || duration.as_secs_f64() > DELAY_SECONDS_MAX as f64 {
            true => Err(format!("a delay of {time}; there are those of 1ms to {DELAY_SECONDS_MAX}s")),
            false => Ok(()),
        }
    })
}

fn abort<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FaultAbort>, D::Error> {
    checked(FaultAbort::deserialize(deserializer)?, |abort| match (abort.status, abort.reset) {
        (None, false) | (Some(_), true) => Err("abort has either a status, or reset: true".to_owned()),
        (Some(status), false) if !STATUSES.contains(&status) => {
            Err(format!("{status} is no status that a call ends with: it is a number from 200 to 599"))
        }
        _ => Ok(()),
    })
    .map(Some)
}

fn bytes_per_second<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    checked(u64::deserialize(deserializer)?, |rate| match rate {
        1..=SLOW_BYTES_MAX => Ok(()),
        _ => Err(format!("{rate} bytes a second; there are 1 to {SLOW_BYTES_MAX}")),
    })
}
