//! Numbers by chance, from a seed that a failing test names.
//! It must not serve anything but tests: whoever knows the seed knows all of them.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of numbers (splitmix64).
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence in each run: the instants of the kills differ anyhow.
    pub(crate) fn by_time() -> Self {
        let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        Self(u64::try_from(nanoseconds % u128::from(u32::MAX)).unwrap())
    }

    /// What [`Self::new`] takes to go on from here.
    pub(crate) const fn seed(&self) -> u64 {
        self.0
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) const fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    pub(crate) const fn one_in(&mut self, count: u64) -> bool {
        self.within(0..count) == 0
    }

    /// One of them; `None` where there is none.
    pub(crate) fn one_of<T>(&mut self, mut items: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let count = items.len() as u64;
        if count == 0 {
            return None;
        }
        items.nth(usize::try_from(self.within(0..count)).unwrap())
    }
}
