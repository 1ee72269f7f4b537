//! Numbers by chance, from a seed that a failing test names.
//! It must not serve anything but tests: whoever knows the seed knows all of them.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of numbers (splitmix64).
#[derive(Debug)]
pub struct Draw(u64);

impl Draw {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence in each run, for a test in which the instants differ anyhow.
    pub fn by_time() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
        Self(u64::try_from(since.as_nanos() % u128::from(u32::MAX)).expect("it is below 32 bits"))
    }

    /// What [`Self::new`] takes to go on from here.
    pub const fn seed(&self) -> u64 {
        self.0
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// A number within a range, which is not empty.
    pub const fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end - range.start)
    }

    /// Whether it is this one of so many.
    pub const fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of them; `None` where there is none.
    pub fn one_of<T>(&mut self, mut items: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let count = items.len() as u64;
        if count == 0 {
            return None;
        }
        items.nth(usize::try_from(self.below(count)).expect("it is below a length"))
    }
}
