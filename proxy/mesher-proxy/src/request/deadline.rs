//! The time that a call has left, as one hop tells it to the next: `grpc-timeout`'s twin for HTTP.
//! It must only ever make a call's time shorter: whoever says more than is left is not believed.

use std::time::Duration;

use mesher_codec::RequestHead;
use mesher_codec::field::FieldKind;
use mesher_codec::request::SetField;

use crate::request::invocation::{Direction, Invocation};
use crate::request::limits;

/// The field's name.
pub(crate) const NAME: &str = "x-mesher-timeout";
/// The most digits of its value. Source: gRPC over HTTP/2, `TimeoutValue`.
const DIGITS_MAX: usize = 8;
/// The largest number of milliseconds that fits.
const MILLISECONDS_MAX: u128 = 99_999_999;

/// What the caller says that is left; `None` where it says nothing that can be read.
pub(crate) fn given(request: &RequestHead) -> Option<Duration> {
    parse(request.value(FieldKind::Timeout)?)
}

/// Up to eight digits and a unit: `H`, `M`, `S`, `m`, `u`, `n`, as in `grpc-timeout`.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=DIGITS_MAX).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The field with what is left, as it leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    text: [u8; DIGITS_MAX + 1],
    length: usize,
}

impl Left {
    /// What the next hop is told; nothing where nobody bounds the call, or where it leaves the mesh.
    pub(crate) fn of(call: &Invocation) -> Option<Self> {
        if call.direction == Direction::Outbound && !call.cluster().is_service() {
            return None;
        }
        Some(Self::new(limits::left(call)?))
    }

    fn new(left: Duration) -> Self {
        let milliseconds = left.as_millis().min(MILLISECONDS_MAX) as u32;
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(milliseconds).as_bytes();
        let mut text = [0; DIGITS_MAX + 1];
        let bytes = digits.iter().chain(b"m");
        let length = text.iter_mut().zip(bytes).map(|(place, byte)| *place = *byte).count();
        Self { text, length }
    }

    /// As a field that replaces the caller's.
    pub(crate) fn field(&self) -> SetField<'_> {
        let value = self.text.get(..self.length).unwrap_or_default();
        SetField { kind: FieldKind::Timeout, name: NAME, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_digits_and_a_unit() {
        let table: [(&[u8], Option<Duration>); 12] = [
            (b"1500m", Some(Duration::from_millis(1500))),
            (b"0m", Some(Duration::ZERO)),
            (b"2S", Some(Duration::from_secs(2))),
            (b"1M", Some(Duration::from_secs(60))),
            (b"1H", Some(Duration::from_secs(3600))),
            (b"7u", Some(Duration::from_micros(7))),
            (b"7n", Some(Duration::from_nanos(7))),
            (b"99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            (b"100000000m", None),
            (b"m", None),
            (b"-1m", None),
            (b"1500", None),
        ];
        for (value, expected) in table {
            assert_eq!(parse(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for milliseconds in [0, 1, 999, 1_500, 86_400_000] {
            let left = Left::new(Duration::from_millis(milliseconds));
            assert_eq!(parse(left.field().value), Some(Duration::from_millis(milliseconds)));
        }
        assert_eq!(Left::new(Duration::MAX).field().value, b"99999999m");
    }
}
