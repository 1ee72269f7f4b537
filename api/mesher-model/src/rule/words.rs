//! Text with a grammar: names, places, spans of time. Each is checked where it is read.
//! It must not accept what a log, a path or a page would have to escape: no control characters, no slashes.

use std::borrow::Borrow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name, in bytes: what DNS allows.
const NAME_BYTES_MAX: usize = 253;
/// The longest span of time: no call, no window is longer.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);
/// Units of a span, longest first, with their milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
/// How many numbers with units a span may have (GEP-2257).
const SPAN_PARTS_MAX: usize = 4;

/// What is wrong with a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// No name.
    #[error(
        "{0:?} is no name: 1 to {NAME_BYTES_MAX} letters, digits, dots, hyphens and underscores, beginning and ending with a letter or digit"
    )]
    Name(String),
    /// No span of time.
    #[error("{0:?} is no span of time: write for example 500ms, 5s, 1m30s or 1h (at most 24h)")]
    Span(String),
    /// No network.
    #[error(
        "{0:?} is no network: write an address with the length of its prefix, like 10.0.0.0/8 or fd00::/8"
    )]
    Network(String),
    /// No part of a hundred.
    #[error(
        "{0:?} is no percentage: write for example 10% or 0.5%, from 0% to 100%, with two digits behind the point at most"
    )]
    Percent(String),
}

/// Gives a word its conversions: from text with a check, to text as it stands.
macro_rules! word {
    ($word:ident, $check:expr, $error:ident) => {
        impl TryFrom<String> for $word {
            type Error = WordError;

            fn try_from(text: String) -> Result<Self, WordError> {
                if $check(&text) { Ok(Self(text)) } else { Err(WordError::$error(text)) }
            }
        }

        impl $word {
            /// As it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $word {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $word {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $word {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The name of a document, or of a part of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

word!(Name, is_name, Name);

/// The service that a rule is about; `*` stands for every service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServiceName(String);

word!(ServiceName, |text: &str| text == ServiceName::EVERY || is_name(text), Name);

impl ServiceName {
    /// Every service.
    pub const EVERY: &str = "*";

    /// Whether it stands for every service.
    #[must_use]
    pub fn is_every(&self) -> bool {
        self.0 == Self::EVERY
    }
}

fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(is_inner)
        && ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// A span of time in whole milliseconds, at most a day. Written as the Gateway API does (GEP-2257): `1h30m`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<&str> for Span {
    type Error = WordError;

    fn try_from(text: &str) -> Result<Self, WordError> {
        parse_span(text).map(Self).ok_or_else(|| WordError::Span(text.to_owned()))
    }
}

fn parse_span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    for _ in 0..SPAN_PARTS_MAX {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let (unit, milliseconds) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = rest.get(unit.len()..)?;
        total = total.checked_add(number.checked_mul(*milliseconds)?)?;
        if rest.is_empty() {
            return Some(Duration::from_millis(total)).filter(|span| *span <= SPAN_MAX);
        }
    }
    None
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_millis();
        if total == 0 {
            return formatter.write_str("0s");
        }
        let parts = [
            (total / 3_600_000, "h"),
            (total / 60_000 % 60, "m"),
            (total / 1_000 % 60, "s"),
            (total % 1_000, "ms"),
        ];
        parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .try_for_each(|(number, unit)| write!(formatter, "{number}{unit}"))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?.as_str()).map_err(serde::de::Error::custom)
    }
}

/// A network, as an address with the length of its prefix (RFC 4632, RFC 4291 §2.3). What lies beyond the prefix is
/// passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether an address is in it. An IPv4 address counts as such also where it is written as an IPv6 one.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= u32::from(self.prefix)
    }
}

impl TryFrom<&str> for Cidr {
    type Error = WordError;

    fn try_from(text: &str) -> Result<Self, WordError> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let (address, prefix): (IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
            let most = if address.is_ipv4() { 32 } else { 128 };
            // An IPv4 network in the clothes of IPv6 would never hold: addresses are compared without them.
            let is_plain = address.to_canonical() == address;
            (is_plain && prefix <= most && text.bytes().all(|byte| byte != b'+'))
                .then_some(Self { address, prefix })
        };
        parse().ok_or_else(|| WordError::Network(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?.as_str()).map_err(serde::de::Error::custom)
    }
}
