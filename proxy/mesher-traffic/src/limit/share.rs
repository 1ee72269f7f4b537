//! The part of a limit of the whole mesh that is this proxy's, and what it asked for.
//! It must ask nobody: a call is counted here alone, and the part changes beside it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::lease::WHOLE;
use super::meter::{Granted, Refused, Standing};
use super::pace::Pace;

/// A part of a limit. All workers share it; one thread changes it.
///
/// The bucket runs at the pace of the whole limit, and a request costs as much more as the part is smaller: so the burst is
/// divided as the rate is, and the word keeps its meaning whatever the part.
#[derive(Debug)]
pub struct Share {
    word: AtomicU64,
    /// Of the limit, in parts of [`WHOLE`].
    parts: AtomicU32,
    /// Calls that were counted since somebody looked, also those that did not pass.
    asked: AtomicU64,
}

impl Share {
    /// A share of so many parts of [`WHOLE`].
    #[must_use]
    pub const fn new(parts: u32) -> Self {
        Self { word: AtomicU64::new(0), parts: AtomicU32::new(parts), asked: AtomicU64::new(0) }
    }

    /// Whether a call passes.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take(&self, pace: &Pace, now: Duration) -> Result<Granted, Refused> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        pace.take_for(&self.word, now, cost(pace, self.parts()))
    }

    /// As [`Granted::give_back`].
    pub fn give_back(&self, granted: Granted) {
        granted.give_back(&self.word);
    }

    /// How it stands. Changes nothing.
    #[must_use]
    pub fn standing(&self, pace: &Pace, now: Duration) -> Standing {
        pace.standing(self.word.load(Ordering::Relaxed), now, cost(pace, self.parts()))
    }

    /// The part, in parts of [`WHOLE`].
    #[must_use]
    pub fn parts(&self) -> u32 {
        self.parts.load(Ordering::Relaxed)
    }

    /// Changes the part. The requests that it has left stay as many, up to its new burst: what one proxy gains another one has
    /// lost, and its saved-up time must not become requests of the new rate.
    pub fn set(&self, pace: &Pace, now: Duration, parts: u32) {
        // Calls in between pay the older price, or the newer one for the older word: a few, and never for long.
        let older = self.parts.swap(parts, Ordering::Relaxed);
        if older != parts {
            pace.recast(&self.word, now, cost(pace, older), cost(pace, parts));
        }
    }

    /// Gives the part of which it was told first. What was saved up at a part that nobody gave is that of the new one.
    pub fn open(&self, parts: u32) {
        self.parts.store(parts, Ordering::Relaxed);
    }

    /// Calls that were counted since the last look.
    pub fn take_asked(&self) -> u64 {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

/// What a request costs a bucket of this part.
fn cost(pace: &Pace, parts: u32) -> u64 {
    pace.cost_of(parts, WHOLE)
}
