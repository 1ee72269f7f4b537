//! Numbers and spans of time in the values of keys.
//! It must refuse what is out of its bounds, and say which they are.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde_saphyr::Spanned;

use super::yaml::Fault;

/// The longest span: that of documents.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);

/// A number within bounds; `default` where none is given.
pub(super) fn number<N: FromStr + PartialOrd + Display + Copy>(
    given: Option<&Spanned<String>>,
    default: N,
    bounds: RangeInclusive<N>,
) -> Result<N, Fault> {
    let Some(given) = given else { return Ok(default) };
    let number = given.value.trim().parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (bounds.start(), bounds.end());
        Fault::at(given, format!("{:?} is no number from {least} to {most}", given.value))
    })
}

/// A span of time: digits alone are milliseconds, else what stands behind `PT` in ISO 8601: `10S`, `1M30S`, `1H`.
pub(super) fn span(given: Option<&Spanned<String>>, default: Duration) -> Result<Duration, Fault> {
    let Some(given) = given else { return Ok(default) };
    parse_span(given.value.trim()).filter(|span| *span <= SPAN_MAX).ok_or_else(|| {
        Fault::at(
            given,
            format!(
                "{:?} is no span of time: write milliseconds, or for example 10S or 1M30S; at most 24H",
                given.value
            ),
        )
    })
}

fn parse_span(text: &str) -> Option<Duration> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_millis);
    }
    let text = text.to_ascii_uppercase();
    let mut rest = text.strip_prefix("PT").unwrap_or(&text);
    let mut total = Duration::ZERO;
    // Each unit once at most, the longest first.
    for (unit, seconds) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        let Some((number, behind)) = rest.split_once(unit) else { continue };
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: f64 = number.parse().ok().filter(|_| is_number)?;
        total += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = behind;
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

/// `true` or `false`, in any case; `false` where none is given.
pub(super) fn flag(given: Option<&Spanned<String>>) -> Result<bool, Fault> {
    let Some(given) = given else { return Ok(false) };
    match given.value.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        text => Err(Fault::at(given, format!("{text:?} is neither true nor false"))),
    }
}
