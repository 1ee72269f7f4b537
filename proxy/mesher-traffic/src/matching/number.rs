//! Decimal numbers as text: compared exactly, however long they are.
//! It must know no other numbers: no exponents, no infinities, nothing that is not a number.

use std::cmp::Ordering;

/// A decimal number, as `-12.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal<'t> {
    is_negative: bool,
    /// Digits before the point, without zeros in front.
    whole: &'t [u8],
    /// Digits behind it, without zeros at the end.
    fraction: &'t [u8],
}

impl<'t> Decimal<'t> {
    /// The number that `text` is, if it is one.
    pub(crate) fn parse(text: &'t [u8]) -> Option<Self> {
        let (is_negative, digits) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, text),
        };
        let point = memchr::memchr(b'.', digits);
        let (whole, fraction) = match point {
            Some(point) => (digits.get(..point)?, digits.get(point + 1..)?),
            None => (digits, b"0".as_slice()),
        };
        let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let zeros = whole.iter().take_while(|digit| **digit == b'0').count();
        let end = fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        let (whole, fraction) = (whole.get(zeros..)?, fraction.get(..end)?);
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { is_negative: is_negative && !is_zero, whole, fraction })
    }

    fn magnitude(&self) -> (usize, &'t [u8], &'t [u8]) {
        (self.whole.len(), self.whole, self.fraction)
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
