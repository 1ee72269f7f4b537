//! Sets of statuses as rules write them: one by one, or with `x` for any digit.
//! It must not say what a status means.

use std::fmt;

use mesher_model::rule::StatusPattern;

/// A digit, or any.
type Place = Option<u8>;

/// Words for a bit of every status, from 100 to 599.
const WORDS: usize = 8;
/// The first status, that of the first bit.
const FIRST: u16 = 100;

/// Some statuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statuses {
    /// As they were written.
    patterns: Box<[[Place; 3]]>,
    /// The same, a bit for each: they are asked about with every answer.
    bits: [u64; WORDS],
}

impl Statuses {
    /// Exactly these.
    #[must_use]
    pub fn of(codes: &[u16]) -> Self {
        codes.iter().filter_map(|code| parse(&code.to_string())).collect()
    }

    /// As they are written: `503`, `50x`, `5xx`.
    ///
    /// # Errors
    /// The first that is none.
    pub fn read<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        texts.into_iter().map(|text| parse(text).ok_or_else(|| text.to_owned())).collect()
    }

    /// Those of words that were checked where they were read.
    #[must_use]
    pub fn of_patterns(patterns: &[StatusPattern]) -> Self {
        patterns.iter().filter_map(|pattern| parse(pattern.as_str())).collect()
    }

    /// Whether a status is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        let bit = status.wrapping_sub(FIRST);
        let word = self.bits.get(usize::from(bit / u64::BITS as u16));
        word.is_some_and(|word| word >> (u32::from(bit) % u64::BITS) & 1 == 1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl FromIterator<[Place; 3]> for Statuses {
    fn from_iter<I: IntoIterator<Item = [Place; 3]>>(places: I) -> Self {
        let patterns: Box<[[Place; 3]]> = places.into_iter().collect();
        let mut bits = [0; WORDS];
        for status in
            (FIRST..FIRST + 500).filter(|status| patterns.iter().any(|places| fits(places, *status)))
        {
            let bit = u32::from(status - FIRST);
            bits.get_mut((bit / u64::BITS) as usize)
                .into_iter()
                .for_each(|word| *word |= 1 << (bit % u64::BITS));
        }
        Self { patterns, bits }
    }
}

fn fits(places: &[Place; 3], status: u16) -> bool {
    let digits = [status / 100, status / 10 % 10, status % 10];
    places.iter().zip(digits).all(|(place, digit)| place.is_none_or(|wanted| u16::from(wanted) == digit))
}

fn parse(text: &str) -> Option<[Place; 3]> {
    let bytes: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
    let mut places = [None; 3];
    for (place, byte) in places.iter_mut().zip(bytes) {
        *place = match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'x' | b'X' => None,
            _ => return None,
        };
    }
    // No status begins with another digit (RFC 9110 §15).
    matches!(places.first(), Some(Some(1..=5))).then_some(places)
}

impl fmt::Display for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, places) in self.patterns.iter().enumerate() {
            if number > 0 {
                formatter.write_str(", ")?;
            }
            for place in places {
                match place {
                    Some(digit) => write!(formatter, "{digit}")?,
                    None => formatter.write_str("x")?,
                }
            }
        }
        Ok(())
    }
}
