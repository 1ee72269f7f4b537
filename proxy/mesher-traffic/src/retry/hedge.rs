//! When a second try begins beside the first: after a time, or after as long as most calls take.
//! It must tell nothing before it has seen enough calls, and must hold no lock.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use mesher_model::rule::{Hedge, Percent, Span};

/// When a second try begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgePolicy {
    /// Where nothing of an answer came for so long.
    After(Duration),
    /// Where nothing came for as long as a part of the calls takes, and not sooner than `least`.
    Percentile {
        /// The part.
        part: Percent,
        /// Never sooner.
        least: Duration,
    },
}

/// Where a rule says no other.
const LEAST: Duration = Duration::from_millis(10);

impl HedgePolicy {
    /// What a rule says.
    pub(super) fn of_rule(hedge: &Hedge) -> Option<Self> {
        match (hedge.delay, hedge.percentile) {
            (Some(delay), _) => Some(Self::After(delay.duration())),
            (None, Some(part)) => {
                Some(Self::Percentile { part, least: hedge.min_delay.map_or(LEAST, Span::duration) })
            }
            (None, None) => None,
        }
    }

    /// In words, as in "a second try after 50ms".
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::After(delay) => format!("a second try after {delay:?}"),
            Self::Percentile { part, least } => {
                format!("a second try after as long as {part} of the calls take, {least:?} at least")
            }
        }
    }
}

/// Calls that have to be seen.
const SAMPLES_MIN: u32 = 100;
/// A percentile is looked for again after so many samples.
const LOOK_EVERY: u32 = 16;
/// How long samples are gathered before the oldest are forgotten, where there are enough.
const GENERATION: Duration = Duration::from_secs(10);
/// Buckets for each doubling of a time: an eighth is how far a percentile may be off.
const PARTS: u32 = 8;
/// Doublings from a microsecond on: up to a minute and a half.
const DOUBLINGS: u32 = 27;
const BUCKETS: usize = (PARTS * DOUBLINGS) as usize;

/// How long answers took lately, those of this generation and of the one before. All workers share it; what they write in the
/// same moment may be off by a sample.
#[derive(Debug)]
pub struct Latencies {
    part: Percent,
    generations: [Generation; 2],
    /// The one that grows.
    current: AtomicU8,
    /// When it began, in nanoseconds.
    began: AtomicU64,
    /// The percentile as it was found last, in nanoseconds; 0: not yet.
    known: AtomicU64,
}

#[derive(Debug)]
struct Generation {
    count: AtomicU32,
    buckets: [AtomicU32; BUCKETS],
}

impl Latencies {
    /// Nothing seen yet; `part` of the calls is what is asked for.
    #[must_use]
    pub fn new(part: Percent) -> Self {
        let generation =
            || Generation { count: AtomicU32::new(0), buckets: [const { AtomicU32::new(0) }; BUCKETS] };
        Self {
            part,
            generations: [generation(), generation()],
            current: AtomicU8::new(0),
            began: AtomicU64::new(0),
            known: AtomicU64::new(0),
        }
    }

    /// How long that part of the calls takes at most; `None` before enough of them were seen.
    #[must_use]
    pub fn percentile(&self) -> Option<Duration> {
        match self.known.load(Ordering::Relaxed) {
            0 => None,
            known => Some(Duration::from_nanos(known)),
        }
    }

    /// Takes note of a call that took so long, or of a try that would have taken at least so long.
    pub fn record(&self, now: Duration, elapsed: Duration) {
        self.turn(now);
        let Some(generation) = self.generations.get(usize::from(self.current.load(Ordering::Relaxed))) else {
            return;
        };
        if let Some(bucket) = generation.buckets.get(bucket_of(elapsed)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let count = generation.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(LOOK_EVERY) || (count == SAMPLES_MIN && self.percentile().is_none()) {
            self.look();
        }
    }

    /// Begins a new generation where the current one is old and has enough.
    fn turn(&self, now: Duration) {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let began = self.began.load(Ordering::Relaxed);
        let current = self.current.load(Ordering::Relaxed);
        let is_old = u128::from(now.saturating_sub(began)) >= GENERATION.as_nanos();
        let count =
            self.generations.get(usize::from(current)).map_or(0, |one| one.count.load(Ordering::Relaxed));
        if !is_old || count < SAMPLES_MIN {
            return;
        }
        // One of those who see it does it.
        if self.began.compare_exchange(began, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let next = 1 - current.min(1);
        if let Some(generation) = self.generations.get(usize::from(next)) {
            generation.buckets.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
            generation.count.store(0, Ordering::Relaxed);
        }
        self.current.store(next, Ordering::Relaxed);
    }

    /// Looks for the percentile: the upper end of the bucket in which it is.
    fn look(&self) {
        let [one, other] = &self.generations;
        let sums = || {
            let pairs = one.buckets.iter().zip(&other.buckets);
            pairs.map(|(one, other)| {
                u64::from(one.load(Ordering::Relaxed)) + u64::from(other.load(Ordering::Relaxed))
            })
        };
        let total: u64 = sums().sum();
        if total < u64::from(SAMPLES_MIN) {
            return;
        }
        let mut seen = 0;
        let place = sums().position(|count| {
            seen += count;
            self.part.is_reached(seen, total)
        });
        let end = end_of(place.unwrap_or(BUCKETS - 1));
        self.known.store(u64::try_from(end.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The bucket of a time.
fn bucket_of(elapsed: Duration) -> usize {
    let microseconds = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
    let doublings = microseconds.ilog2();
    // The three bits below the highest one.
    let part = ((u128::from(microseconds) << 3) >> doublings) as u32 & (PARTS - 1);
    ((doublings * PARTS + part) as usize).min(BUCKETS - 1)
}

/// The upper end of a bucket.
fn end_of(bucket: usize) -> Duration {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    let (doublings, part) = (bucket / PARTS, bucket % PARTS);
    Duration::from_micros((u64::from(PARTS + part + 1) << doublings.min(DOUBLINGS)) / u64::from(PARTS))
}

#[cfg(test)]
#[path = "hedge_tests.rs"]
mod tests;
