//! `active` of `kind: Health`: when an instance is passed over for what it answers to checks.
//! It must say what is asked, and not how or by whom. The words are those of Envoy's health checking.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{checked, given};
use super::health::half;
use super::percent::Percent;
#[cfg(feature = "schema")]
use super::status::STATUSES_MAX;
use super::status::{StatusPattern, good_answers, statuses};
use super::words::Span;

/// The longest path that is asked for, in bytes.
const PATH_BYTES_MAX: usize = 1024;
/// Checks in a row that change what is believed, at most.
const CHECKS_MAX: u32 = 100;
/// The shortest and the longest time between two checks, in milliseconds.
const INTERVAL_MILLIS: [u128; 2] = [100, 3_600_000];
/// The longest time that a check may take, in milliseconds.
const TIMEOUT_MILLIS_MAX: u128 = 60_000;

/// When an instance is passed over for what it answers to checks. It has `path` or `tcp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = super::schema::any_required(["path", "tcp"]))))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActiveHealth {
    /// Its HTTP endpoints are asked for this path, with a query if need be.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "path")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = PATH_BYTES_MAX), regex(pattern = "^/[!-\"$-~]*$")))]
    pub path: Option<String>,
    /// Its endpoints of any protocol are asked for a connection, and for nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schemars(with = "bool", extend("const" = true)))]
    pub tcp: bool,
    /// From the end of one check to the next: `100ms` to `1h`, and up to a tenth more by chance.
    #[serde(default = "interval_default", deserialize_with = "interval")]
    pub interval: Span,
    /// How long a check may take: `1ms` to `1m`.
    #[serde(default = "timeout_default", deserialize_with = "timeout")]
    pub timeout: Span,
    /// Bad checks in a row until it is passed over.
    #[serde(default = "unhealthy", deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = CHECKS_MAX)))]
    pub unhealthy_threshold: u32,
    /// Good checks in a row until it takes calls again.
    #[serde(default = "healthy", deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = CHECKS_MAX)))]
    pub healthy_threshold: u32,
    /// With `path`: the answers that are good.
    #[serde(default = "good_answers", deserialize_with = "statuses")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = STATUSES_MAX)))]
    pub expected_statuses: Vec<StatusPattern>,
    /// The part of all instances that may be passed over for their checks; of two or more always one.
    #[serde(default = "all")]
    pub max_ejection_percent: Percent,
    /// Where a smaller part of the instances is left, all are used.
    #[serde(default = "half")]
    pub panic_threshold: Percent,
}

impl ActiveHealth {
    /// What of it does not fit together, in a sentence.
    fn check(&self) -> Result<(), String> {
        match (&self.path, self.tcp) {
            (None, false) | (Some(_), true) => Err("active has either a path, or tcp: true".to_owned()),
            (None, true) if self.expected_statuses != good_answers() => {
                Err("expectedStatuses stands with a path; a connection has no status".to_owned())
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn active<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ActiveHealth>, D::Error> {
    checked(ActiveHealth::deserialize(deserializer)?, ActiveHealth::check).map(Some)
}

fn interval_default() -> Span {
    Span::try_from("10s").expect("ten seconds are a span")
}

fn timeout_default() -> Span {
    Span::try_from("1s").expect("a second is a span")
}

const fn unhealthy() -> u32 {
    3
}

const fn healthy() -> u32 {
    2
}

const fn all() -> Percent {
    Percent::ALL
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let path: Option<String> = given(deserializer)?;
    checked(path, |path| {
        let path = path.as_deref().unwrap_or_default();
        let is_of_path = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if path.len() <= PATH_BYTES_MAX && path.starts_with('/') && path.bytes().all(is_of_path) {
            return Ok(());
        }
        Err(format!(
            "{path:?} is no path to ask for: it begins with /, and has at most {PATH_BYTES_MAX} bytes, no space, no # and no character that has to be encoded"
        ))
    })
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let [least, most] = INTERVAL_MILLIS;
    checked(Span::deserialize(deserializer)?, |time| match time.duration().as_millis() {
        millis if (least..=most).contains(&millis) => Ok(()),
        _ => Err(format!("an interval of {time} between checks; there are those of 100ms to 1h")),
    })
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |time| match time.duration().as_millis() {
        1..=TIMEOUT_MILLIS_MAX => Ok(()),
        _ => Err(format!("a timeout of {time} for a check; there are those of 1ms to 1m")),
    })
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |checks| match checks {
        1..=CHECKS_MAX => Ok(()),
        _ => Err(format!("{checks} checks in a row; there are 1 to {CHECKS_MAX}")),
    })
}
