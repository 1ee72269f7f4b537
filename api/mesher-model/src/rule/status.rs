//! Statuses as rules write them: `503`, or with `x` for any digit, `5xx`.
//! It must not say what a status means.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::bounds::bounded;

/// Statuses of one list.
pub(super) const STATUSES_MAX: usize = 32;

/// One status, or all that fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusPattern(String);

impl StatusPattern {
    /// As it is written, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || byte.eq_ignore_ascii_case(&b'x');
        match text.as_bytes() {
            [b'1'..=b'5', rest @ ..] if rest.len() == 2 && rest.iter().all(is_digit) => {
                Some(Self(text.to_ascii_lowercase()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for StatusPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.parse::<u16>() {
            Ok(number) => serializer.serialize_u16(number),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for StatusPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Pattern)
    }
}

struct Pattern;

impl Visitor<'_> for Pattern {
    type Value = StatusPattern;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a status such as 503 or 5xx")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<StatusPattern, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<StatusPattern, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StatusPattern, E> {
        let wrong = || E::custom(format_args!("{text:?} is no status: write for example 503, 50x or 5xx"));
        StatusPattern::parse(text).ok_or_else(wrong)
    }
}

/// Every answer of a server that failed.
pub(super) fn server_errors() -> Vec<StatusPattern> {
    StatusPattern::parse("5xx").into_iter().collect()
}

/// Every answer of a server that works.
pub(super) fn good_answers() -> Vec<StatusPattern> {
    ["2xx", "3xx"].into_iter().filter_map(StatusPattern::parse).collect()
}

/// Reads a list of them.
pub(super) fn statuses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<StatusPattern>, D::Error> {
    bounded(Vec::deserialize(deserializer)?, STATUSES_MAX, "statuses")
}
