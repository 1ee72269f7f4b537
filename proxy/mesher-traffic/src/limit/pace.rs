//! A token bucket whose whole state is one word: the generic cell rate algorithm, without a lock.
//! It must never let more pass than its burst and its rate allow, over any span of time and for any number of threads: the
//! span is as long as a clock can tell, which is two nanoseconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::meter::{Granted, Refused, Standing};

/// The finest part of a request that is counted, as a power of two. Down to one request in a quarter of an hour a unit is what
/// the stream brings in one to two nanoseconds.
const FINEST: u32 = 40;
/// The most units of anything, so that sums of them are numbers still.
const UNITS_MAX: u64 = u64::MAX / 4;

/// How fast tokens come, and how many wait.
///
/// A bucket's word says up to which unit of the stream of tokens all are spent; tokens that nobody takes for longer than the
/// burst lasts are lost. A new word is 0: its bucket is full. (ATM Forum, Traffic Management 4.1, 4.4.4: the virtual
/// scheduling algorithm.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Units in a nanosecond, in parts of 2⁶⁴.
    speed: u64,
    /// Units of one request.
    cost: u64,
    /// Units of the burst.
    depth: u64,
}

impl Pace {
    /// `requests` in each `interval`, spread over it, and `burst` of them at once. `None` where one of them is zero, or
    /// more than one request is allowed in a nanosecond.
    #[must_use]
    pub fn new(requests: u32, interval: Duration, burst: u32) -> Option<Self> {
        let interval = u64::try_from(interval.as_nanos()).ok()?;
        if requests == 0 || burst == 0 || u64::from(requests) > interval {
            return None;
        }
        // As fine as a nanosecond allows, so that the speed stays a part of 2⁶⁴.
        let finest = (interval / u64::from(requests)).ilog2().min(FINEST);
        let cost = 1_u64 << finest;
        let speed = (u128::from(requests) << (finest + u64::BITS)).div_ceil(u128::from(interval));
        Some(Self {
            speed: u64::try_from(speed).unwrap_or(u64::MAX),
            cost,
            depth: cost.saturating_mul(u64::from(burst)).min(UNITS_MAX),
        })
    }

    /// What one request costs a bucket that has all of the limit.
    pub(super) const fn cost(&self) -> u64 {
        self.cost
    }

    /// What one costs a bucket that has so many parts of a whole.
    pub(super) fn cost_of(&self, parts: u32, whole: u32) -> u64 {
        let cost = u128::from(self.cost) * u128::from(whole) / u128::from(parts.clamp(1, whole));
        u64::try_from(cost).unwrap_or(UNITS_MAX).min(UNITS_MAX)
    }

    /// The stream of tokens up to now, in units. One multiplication: that the speed is rounded up to 2⁻⁶⁴ units in a nanosecond
    /// adds less than one unit in the life of any process.
    fn here(&self, now: Duration) -> u64 {
        let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        ((u128::from(nanoseconds) * u128::from(self.speed)) >> u64::BITS) as u64
    }

    /// The first moment at which the stream is at a unit.
    fn when(&self, unit: u64) -> Duration {
        let nanoseconds = (u128::from(unit) << u64::BITS).div_ceil(u128::from(self.speed));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// How far ahead of the stream a word may be for one more request to pass.
    const fn room(&self, cost: u64) -> u64 {
        self.depth.saturating_sub(cost)
    }

    /// Takes a token where there is one.
    ///
    /// # Errors
    /// [`Refused`], with the time until there is one.
    pub fn take(&self, word: &AtomicU64, now: Duration) -> Result<Granted, Refused> {
        self.take_for(word, now, self.cost)
    }

    /// As [`Self::take`], for a request that costs more than one does to a bucket with all of the limit.
    pub(super) fn take_for(&self, word: &AtomicU64, now: Duration, cost: u64) -> Result<Granted, Refused> {
        let (here, room) = (self.here(now), self.room(cost));
        // Relaxed: the word says all there is to know, and orders nothing else.
        let mut before = word.load(Ordering::Relaxed);
        loop {
            if before > here.saturating_add(room) {
                let until = self.when(before - room);
                return Err(Refused { retry_after: until.saturating_sub(now) });
            }
            let after = before.max(here).saturating_add(cost);
            match word.compare_exchange_weak(before, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Granted { wait: Duration::ZERO, before, after }),
                Err(other) => before = other,
            }
        }
    }

    /// Whether a word is as good as a new one: its bucket is full.
    pub(super) fn is_fresh(&self, word: u64, now: Duration) -> bool {
        word <= self.here(now)
    }

    /// How a bucket stands.
    pub(super) fn standing(&self, word: u64, now: Duration, cost: u64) -> Standing {
        let here = self.here(now);
        let ahead = word.saturating_sub(here);
        let next = self.when(word.saturating_sub(self.room(cost))).saturating_sub(now);
        Standing {
            remaining: self.depth.max(cost).saturating_sub(ahead) / cost.max(1),
            next: if ahead > self.room(cost) { next } else { Duration::ZERO },
            full: if ahead == 0 { Duration::ZERO } else { self.when(word).saturating_sub(now) },
            patience: Duration::ZERO,
        }
    }

    /// Gives a word the requests that it has left, where each costs more or less from now on.
    pub(super) fn recast(&self, word: &AtomicU64, now: Duration, cost: u64, next_cost: u64) {
        let here = self.here(now);
        let recast = |before: u64| {
            let left = self.depth.saturating_sub(before.saturating_sub(here));
            let left = u128::from(left) * u128::from(next_cost) / u128::from(cost.max(1));
            let left = u64::try_from(left).unwrap_or(u64::MAX).min(self.depth);
            Some(here.saturating_add(self.depth - left))
        };
        // It never fails: there is always a next word.
        let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, recast);
    }
}
