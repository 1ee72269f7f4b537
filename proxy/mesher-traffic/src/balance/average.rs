//! A moving average of spans of time, in one word that many threads write.
//! It must take no lock: a sample that loses against another one written at the same moment is tried again, and no more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The shortest span that is kept: a word without a value means that nothing was measured.
const SAMPLE_MIN: Duration = Duration::from_micros(1);
/// Tries to write a sample. Whoever loses so often meets a crowd whose samples say the same.
const TRIES_MAX: usize = 4;

/// How a sample changes an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighing {
    /// A longer sample is taken at once, a shorter one by and by.
    Peak,
    /// Longer and shorter ones alike.
    Even,
}

/// An average in which a sample counts for less the older it is: half after about 0.7 of the decay.
///
/// The upper half of the word is the average in seconds, the lower one when it was written, in milliseconds, which begin
/// anew after 49 days: an average that is so old counts as young once, and is true again with the next sample.
#[derive(Debug, Default)]
pub struct Average(AtomicU64);

impl Average {
    /// The average as it was last written; `None` where nothing was measured.
    #[must_use]
    pub fn value(&self) -> Option<f32> {
        // One word says all: nothing else has to be seen in order with it.
        self.word().map(|(value, _)| value)
    }

    /// The average at a moment: as long as nothing is measured it goes towards zero, so that who was slow once is tried again.
    #[must_use]
    pub fn decayed(&self, now: Duration, decay: Duration) -> Option<f32> {
        self.word().map(|(value, written)| value * kept(written, stamp(now), decay))
    }

    /// Takes a sample.
    pub fn record(&self, now: Duration, sample: Duration, decay: Duration, weighing: Weighing) {
        let (now, sample) = (stamp(now), sample.max(SAMPLE_MIN).as_secs_f32());
        let mut before = self.0.load(Ordering::Relaxed);
        for _ in 0..TRIES_MAX {
            let next = match split(before) {
                None => sample,
                Some((value, _)) if weighing == Weighing::Peak && sample >= value => sample,
                Some((value, written)) => {
                    let kept = kept(written, now, decay);
                    value * kept + sample * (1.0 - kept)
                }
            };
            match self.0.compare_exchange_weak(
                before,
                joined(next, now),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(other) => before = other,
            }
        }
    }

    fn word(&self) -> Option<(f32, u32)> {
        split(self.0.load(Ordering::Relaxed))
    }
}

fn split(word: u64) -> Option<(f32, u32)> {
    (word != 0).then_some((f32::from_bits((word >> u32::BITS) as u32), word as u32))
}

fn joined(value: f32, written: u32) -> u64 {
    u64::from(value.max(SAMPLE_MIN.as_secs_f32()).to_bits()) << u32::BITS | u64::from(written)
}

const fn stamp(now: Duration) -> u32 {
    now.as_millis() as u32
}

/// How much of an average is left.
fn kept(written: u32, now: u32, decay: Duration) -> f32 {
    // Another thread may have read its clock a moment later, and written first.
    let age = now.wrapping_sub(written).cast_signed().max(0);
    (-(age as f32) / (decay.as_millis().max(1) as f32)).exp()
}
