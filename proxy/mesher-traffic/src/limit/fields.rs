//! What a caller is told who is refused: the values of `Retry-After`, `RateLimit` and `RateLimit-Policy`.
//! It must promise nothing: a client that waits as long as it is told may find that others came before.

use std::fmt::Write as _;
use std::time::Duration;

/// The longest name that is told, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Whole seconds, rounded up: the value of `Retry-After` (RFC 9110 §10.2.3), and of `t`. Never 0: nobody is told to come again
/// in the same moment.
#[must_use]
pub fn seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).max(1)
}

/// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10 §3): how many requests, in which time. A time
/// that is not of whole seconds is left out, for the field has no words for it.
#[must_use]
pub fn policy(name: &str, requests: u32, interval: Duration) -> String {
    let mut value = format!("{};q={requests}", quoted(name));
    if interval.subsec_nanos() == 0 && interval.as_secs() > 0 {
        // Writing to a text does not fail.
        let _ = write!(value, ";w={}", interval.as_secs());
    }
    value
}

/// The value of `RateLimit` (the same, §4): how many requests are left, and when there will be more.
#[must_use]
pub fn standing(name: &str, remaining: u64, next: Duration) -> String {
    format!("{};r={remaining};t={}", quoted(name), seconds(next))
}

/// A name as a string of a structured field (RFC 9651 §3.3.3).
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for character in name.chars().take(NAME_CHARS_MAX) {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => text.push('?'),
        }
    }
    text.push('"');
    text
}
