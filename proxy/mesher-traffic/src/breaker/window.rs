//! What became of the last calls: counted in words that many threads change at once, without a lock.
//! What was counted in an earlier generation must never count in a later one.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::policy::Span;

/// Parts of a window of time: it is exact to one of them.
const BUCKETS: u64 = 10;
/// Bits of a count in a bucket; above them stands which time and which generation it is of.
const COUNT_BITS: u32 = 24;
/// Bits of each sum of a window of calls; above them stands the generation.
const SUM_BITS: u32 = 14;

/// What became of the calls of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

#[derive(Debug)]
pub(super) enum Window {
    Calls(Calls),
    /// Boxed: there are many breakers of calls, and few of time.
    Time(Box<Time>),
}

impl Window {
    pub(super) fn new(span: Span) -> Self {
        match span {
            Span::Calls(calls) => Self::Calls(Calls::new(calls)),
            Span::Time(time) => Self::Time(Box::new(Time::new(time))),
        }
    }

    /// Takes note of a call that was allowed in `generation`, and says what became of the calls of the window with it.
    pub(super) fn record(&self, generation: u32, now: Duration, failed: bool, slow: bool) -> Counts {
        match self {
            Self::Calls(calls) => calls.record(generation, failed, slow),
            Self::Time(time) => {
                time.record(generation, now, failed, slow);
                time.counts(generation, now)
            }
        }
    }

    pub(super) fn counts(&self, generation: u32, now: Duration) -> Counts {
        match self {
            Self::Calls(calls) => Sums::unpacked(calls.sums.load(Ordering::Relaxed)).of(generation),
            Self::Time(time) => time.counts(generation, now),
        }
    }
}

/// The last so many calls: a ring of what became of each, and the sums over it.
#[derive(Debug)]
pub(super) struct Calls {
    next: AtomicU32,
    /// The generation of each, and whether it failed, and was slow.
    ring: Box<[AtomicU32]>,
    sums: AtomicU64,
}

const FAILED: u32 = 0b10;
const SLOW: u32 = 0b01;
/// No call's: no generation is that high.
const NOBODYS: u32 = u32::MAX;

impl Calls {
    fn new(calls: u32) -> Self {
        let ring = (0..calls.max(1)).map(|_| AtomicU32::new(NOBODYS)).collect();
        Self { next: AtomicU32::new(0), ring, sums: AtomicU64::new(0) }
    }

    /// Each place of the ring is swapped whole, so whoever takes a call's place takes exactly that call off the sums:
    /// however threads interleave, the sums are those of the ring once all have ended. The order between places does
    /// not matter, and nothing else is published with them: relaxed is enough.
    fn record(&self, generation: u32, failed: bool, slow: bool) -> Counts {
        let mine = generation << 2 | u32::from(failed) << 1 | u32::from(slow);
        let place = self.next.fetch_add(1, Ordering::Relaxed) as usize % self.ring.len();
        let Some(slot) = self.ring.get(place) else { return Counts::default() };
        let before = slot.swap(mine, Ordering::Relaxed);
        let is_replaced = before >> 2 == generation;
        let mut packed = self.sums.load(Ordering::Relaxed);
        // The same became of both, as of most calls: the sums stay as they are.
        if is_replaced && before == mine {
            return Sums::unpacked(packed).of(generation);
        }
        loop {
            let sums = Sums::unpacked(packed);
            if is_older(generation, sums.generation) {
                return Counts::default();
            }
            let mut counts = sums.of(generation);
            if is_replaced {
                counts.failed = counts.failed.saturating_sub(u32::from(before & FAILED != 0));
                counts.slow = counts.slow.saturating_sub(u32::from(before & SLOW != 0));
            } else {
                counts.calls += 1;
            }
            counts.failed += u32::from(failed);
            counts.slow += u32::from(slow);
            let next = Sums { generation, counts }.packed();
            match self.sums.compare_exchange_weak(packed, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return counts,
                Err(now) => packed = now,
            }
        }
    }
}

/// Whether a generation is before another; they are counted in 22 bits, and begin again.
fn is_older(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) & ((1 << 22) - 1) < 1 << 21
}

struct Sums {
    generation: u32,
    counts: Counts,
}

impl Sums {
    fn of(&self, generation: u32) -> Counts {
        if self.generation == generation { self.counts } else { Counts::default() }
    }

    fn packed(&self) -> u64 {
        let sums = [self.counts.calls, self.counts.failed, self.counts.slow];
        sums.into_iter().fold(u64::from(self.generation), |word, sum| word << SUM_BITS | u64::from(sum))
    }

    fn unpacked(word: u64) -> Self {
        let sum = |place: u32| (word >> (place * SUM_BITS)) as u32 & ((1 << SUM_BITS) - 1);
        let counts = Counts { calls: sum(2), failed: sum(1), slow: sum(0) };
        Self { generation: (word >> (3 * SUM_BITS)) as u32, counts }
    }
}

/// The calls of a time, in parts of it.
#[derive(Debug)]
pub(super) struct Time {
    part: Duration,
    buckets: [[AtomicU64; 3]; BUCKETS as usize],
}

impl Time {
    fn new(time: Duration) -> Self {
        let part = (time / BUCKETS as u32).max(Duration::from_millis(1));
        Self { part, buckets: Default::default() }
    }

    fn number(&self, now: Duration) -> u64 {
        (now.as_nanos() / self.part.as_nanos()) as u64 & u64::from(u32::MAX)
    }

    fn record(&self, generation: u32, now: Duration, failed: bool, slow: bool) {
        let number = self.number(now);
        let Some(bucket) = self.buckets.get((number % BUCKETS) as usize) else { return };
        let [calls, failures, slowly] = bucket;
        let tag = tag(generation, number);
        add_one(calls, tag);
        if failed {
            add_one(failures, tag);
        }
        if slow {
            add_one(slowly, tag);
        }
    }

    fn counts(&self, generation: u32, now: Duration) -> Counts {
        let last = self.number(now);
        let mut counts = Counts::default();
        for number in (0..BUCKETS).filter_map(|back| last.checked_sub(back)) {
            let Some(bucket) = self.buckets.get((number % BUCKETS) as usize) else { continue };
            let tag = tag(generation, number);
            let count = |word: &AtomicU64| {
                let word = word.load(Ordering::Relaxed);
                if word >> COUNT_BITS == tag { word as u32 & ((1 << COUNT_BITS) - 1) } else { 0 }
            };
            let [calls, failures, slowly] = bucket;
            counts.calls += count(calls);
            counts.failed += count(failures);
            counts.slow += count(slowly);
        }
        counts
    }
}

/// Which time and which generation a count is of: where another one is written, it begins anew.
fn tag(generation: u32, number: u64) -> u64 {
    u64::from(generation & 0xff) << 32 | number
}

/// Each word carries its own tag, so that it is begun anew and added to in one step. A count that is full stays so.
fn add_one(word: &AtomicU64, tag: u64) {
    let added = |before: u64| {
        let is_of_now = before >> COUNT_BITS == tag;
        let count = if is_of_now { before & ((1 << COUNT_BITS) - 1) } else { 0 };
        Some(tag << COUNT_BITS | (count + 1).min((1 << COUNT_BITS) - 1))
    };
    // The closure always has a successor, so this cannot fail.
    let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
}
