//! Durations as Go writes them: `10s`, `1m30s`, `1.5h`, `100ms`.
//! It must not take what Go does not take.

use std::time::Duration;

/// Units and their nanoseconds. A longer unit stands before one that it begins with.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration; `None` where it is none, or less than nothing. What is longer than can be told is the longest.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at(end);
        let (nanoseconds, after) =
            UNITS.iter().find_map(|(unit, size)| after.strip_prefix(unit).map(|after| (*size, after)))?;
        total = total.saturating_add(scaled(number, nanoseconds)?);
        rest = after;
    }
    Some(Duration::from_nanos(total))
}

/// A number with at most one point, times `size`.
fn scaled(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits = |text: &str| {
        text.bytes()
            .fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    };
    let (mut part, mut unit) = (0_u64, size);
    // Digits below a nanosecond say nothing.
    for digit in fraction.bytes() {
        unit /= 10;
        part += u64::from(digit - b'0') * unit;
    }
    Some(digits(whole).saturating_mul(size).saturating_add(part))
}
