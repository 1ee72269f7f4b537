//! Counts of durations in log-linear buckets, each at most 1.6 % wide.
//! It must cost a few instructions a value, since the generator shares its processor with the backend.

use std::time::Duration;

/// Buckets for each doubling, as a power of two.
const PRECISION_BITS: u32 = 6;
const PER_DOUBLING: u64 = 1 << PRECISION_BITS;
const BUCKETS: usize = (PER_DOUBLING * (64 - PRECISION_BITS as u64 + 1)) as usize;

/// Durations in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(index(nanoseconds)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// The duration that this share of all values does not exceed; the middle of its bucket. Zero where there is no
    /// value.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = ((share * self.total as f64).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(middle(index as u64));
            }
        }
        Duration::ZERO
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }
}

fn index(value: u64) -> usize {
    if value < PER_DOUBLING {
        return value as usize;
    }
    let shift = value.ilog2() - PRECISION_BITS;
    ((u64::from(shift) << PRECISION_BITS) + (value >> shift)) as usize
}

fn middle(index: u64) -> u64 {
    if index < PER_DOUBLING * 2 {
        return index;
    }
    let shift = (index >> PRECISION_BITS) - 1;
    let low = (PER_DOUBLING + (index & (PER_DOUBLING - 1))) << shift;
    low + (1 << shift) / 2
}
