//! A part of a hundred, as text with a sign.
//! It must keep what was written exactly: no part of it is rounded.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::words::WordError;

/// Digits behind the point.
const DIGITS: usize = 2;
/// Steps of one percent.
const STEPS: u16 = 100;

/// From `0%` to `100%`, in steps of a hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    /// Nothing of it.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(100 * STEPS);
    /// Hundredths of a percent that are all of it.
    pub const WHOLE: u16 = 100 * STEPS;

    /// So many percent; `None` beyond 100.
    #[must_use]
    pub const fn whole(percent: u8) -> Option<Self> {
        if percent > 100 { None } else { Some(Self(percent as u16 * STEPS)) }
    }

    /// In hundredths of a percent, 0 to [`Self::WHOLE`].
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// As a fraction of one.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    /// Whether `part` of `all` is at least this.
    #[must_use]
    pub const fn is_reached(self, part: u64, all: u64) -> bool {
        all > 0 && (part as u128) * (Self::WHOLE as u128) >= (all as u128) * (self.0 as u128)
    }

    fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let (whole, broken) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole, 3) || !is_number(broken, DIGITS) {
            return None;
        }
        let hundredths: u16 = format!("{broken:0<DIGITS$}").parse().ok()?;
        let all = whole.parse::<u16>().ok()? * STEPS + hundredths;
        (all <= Self::WHOLE).then_some(Self(all))
    }
}

impl TryFrom<&str> for Percent {
    type Error = WordError;

    fn try_from(text: &str) -> Result<Self, WordError> {
        Self::parse(text).ok_or_else(|| WordError::Percent(text.to_owned()))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, broken) = (self.0 / STEPS, self.0 % STEPS);
        match broken {
            0 => write!(formatter, "{whole}%"),
            broken if broken % 10 == 0 => write!(formatter, "{whole}.{}%", broken / 10),
            broken => write!(formatter, "{whole}.{broken:02}%"),
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?.as_str()).map_err(serde::de::Error::custom)
    }
}
