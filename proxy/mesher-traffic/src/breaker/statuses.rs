//! Sets of HTTP statuses: one bit each, so that asking costs the same however many there are.
//! It must not know what the statuses are wanted for.

/// The lowest status there is.
const FIRST: u16 = 100;
/// The highest status that a set may hold.
const LAST: u16 = 599;
const WORDS: usize = 8;

/// A set of HTTP statuses from 100 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statuses([u64; WORDS]);

impl Statuses {
    /// Those of one or more digits that may be anything: `5xx`, `50x`, `502`. `None` where that is no status.
    #[must_use]
    pub fn of_pattern(pattern: &str) -> Option<Self> {
        let digits: [u8; 3] = pattern.as_bytes().try_into().ok()?;
        let is_pattern = |digit: &u8| digit.is_ascii_digit() || digit.eq_ignore_ascii_case(&b'x');
        if !digits.iter().all(is_pattern) {
            return None;
        }
        let is_meant = |status: &u16| {
            let text = [status / 100, status / 10 % 10, status % 10];
            let pairs = digits.iter().zip(text);
            pairs.into_iter().all(|(digit, have)| {
                digit.eq_ignore_ascii_case(&b'x') || u16::from(digit.wrapping_sub(b'0')) == have
            })
        };
        let set = (FIRST..=LAST).filter(is_meant).fold(Self::default(), Self::with);
        (set != Self::default()).then_some(set)
    }

    /// All from `first` on.
    #[must_use]
    pub fn from(first: u16) -> Self {
        (first.max(FIRST)..=LAST).fold(Self::default(), Self::with)
    }

    /// These and those.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let mut words = self.0;
        words.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
        Self(words)
    }

    /// Whether a status is in the set.
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        let (word, bit) = place(status);
        self.0.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    fn with(mut self, status: u16) -> Self {
        let (word, bit) = place(status);
        self.0.get_mut(word).into_iter().for_each(|word| *word |= 1 << bit);
        self
    }
}

/// The word and the bit of a status; a word that is not there for what cannot be in a set.
fn place(status: u16) -> (usize, u32) {
    let offset = status.wrapping_sub(FIRST);
    (usize::from(offset / 64), u32::from(offset % 64))
}
