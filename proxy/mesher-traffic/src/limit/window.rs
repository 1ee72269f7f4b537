//! So many permits in each period of fixed length, as Java Chassis counts them, in one word without a lock.
//! It must give a period no more permits than it has, however many wait for later ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::meter::{Granted, Refused, Standing};

/// Bits of a word that count permits; the number of the period stands above them.
const PERMIT_BITS: u32 = 24;
/// The most permits that a period may have.
pub const PERMITS_MAX: u32 = 1_000_000;
/// Permits that may be spent or promised at one time.
const SPENT_MAX: u64 = (1 << PERMIT_BITS) - 1;
/// Numbers of periods that a word can tell apart: 34 years of periods of a millisecond.
const CYCLES: u64 = 1 << (u64::BITS - PERMIT_BITS);

/// Permits of each period. Those that nobody takes are lost with it. Across the border of two periods twice as many may pass
/// in a moment. Source: resilience4j, `AtomicRateLimiter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    permits: u32,
    /// In nanoseconds.
    period: u64,
    /// How long a call may wait for a permit of a later period.
    patience: Duration,
}

impl Window {
    /// `permits` in each `period`. A call may wait for one for as long as `patience`. `None` for periods or permits out of
    /// bounds: a millisecond, and 1 to [`PERMITS_MAX`].
    #[must_use]
    pub fn new(permits: u32, period: Duration, patience: Duration) -> Option<Self> {
        let is_sound = (1..=PERMITS_MAX).contains(&permits) && period >= Duration::from_millis(1);
        let period = u64::try_from(period.as_nanos()).ok()?;
        is_sound.then_some(Self { permits, period, patience })
    }

    /// The number of the period, and when it began.
    fn cycle(&self, now: Duration) -> (u64, u64) {
        let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let cycle = nanoseconds / self.period;
        (cycle % CYCLES, cycle * self.period)
    }

    /// The permits that are spent, or promised to those who wait, seen from a period.
    fn spent(&self, word: u64, cycle: u64) -> u64 {
        let passed = cycle.wrapping_sub(word >> PERMIT_BITS) % CYCLES;
        // Seen from a moment before it, by a thread whose clock was read earlier: as it stands.
        let passed = if passed > CYCLES / 2 { 0 } else { passed };
        (word & SPENT_MAX).saturating_sub(passed.saturating_mul(u64::from(self.permits)))
    }

    /// How long a call waits that takes the next permit.
    fn wait(&self, spent: u64, (begin, now): (u64, Duration)) -> Duration {
        let periods = spent / u64::from(self.permits);
        if periods == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(begin.saturating_add(periods.saturating_mul(self.period))).saturating_sub(now)
    }

    /// Takes a permit where there is one, or one of a later period where it comes soon enough.
    ///
    /// # Errors
    /// [`Refused`], with the time until there is one.
    pub fn take(&self, word: &AtomicU64, now: Duration) -> Result<Granted, Refused> {
        let (cycle, begin) = self.cycle(now);
        // Relaxed: the word says all there is to know, and orders nothing else.
        let mut before = word.load(Ordering::Relaxed);
        loop {
            let spent = self.spent(before, cycle);
            let wait = self.wait(spent, (begin, now));
            if wait > self.patience || spent == SPENT_MAX {
                return Err(Refused { retry_after: wait });
            }
            let after = (cycle << PERMIT_BITS) | (spent + 1);
            match word.compare_exchange_weak(before, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Granted { wait, before, after }),
                Err(other) => before = other,
            }
        }
    }

    /// Whether a word is as good as a new one.
    pub(super) fn is_fresh(&self, word: u64, now: Duration) -> bool {
        self.spent(word, self.cycle(now).0) == 0
    }

    /// How it stands.
    pub(super) fn standing(&self, word: u64, now: Duration) -> Standing {
        let (cycle, begin) = self.cycle(now);
        let spent = self.spent(word, cycle);
        let end = Duration::from_nanos(begin.saturating_add(self.period)).saturating_sub(now);
        Standing {
            remaining: u64::from(self.permits).saturating_sub(spent),
            next: self.wait(spent, (begin, now)),
            full: if spent == 0 { Duration::ZERO } else { end },
            patience: self.patience,
        }
    }
}
