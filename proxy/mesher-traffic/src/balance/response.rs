//! Shares by response times, as Java Chassis has them: the slower, the less, and turns as long as all are fast.
//! It must count anew only now and then: the sum of all is no matter of one call.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::load::Load;
use super::mix;

/// Calls until response times are looked at again.
const LOOK_AFTER: u32 = 1_000;
/// As long as nobody is slower, all take turns. Source: `WeightedResponseTimeRuleExt`, `MIN_GAP`.
const FAST_MAX: Duration = Duration::from_millis(10);

/// What was seen at the last look at a group.
#[derive(Debug, Default)]
pub(super) struct Responses {
    /// Calls since the last look, beginning with one that is due.
    calls: AtomicU32,
    /// Seconds of all together, as the bits of the number; 0 where all are fast.
    total: AtomicU32,
}

impl Responses {
    /// The response times of all together in seconds, where somebody is slow.
    pub(super) fn total<'l>(&self, is_call: bool, loads: impl Iterator<Item = &'l Load>) -> Option<f32> {
        // Workers that pass each other look once more or less: no harm.
        if is_call && self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_AFTER) {
            let (total, slowest) = loads.fold((0.0_f32, 0.0_f32), |(total, slowest), load| {
                let mean = load.mean_latency().unwrap_or_default();
                (total + mean, slowest.max(mean))
            });
            let total = if slowest > FAST_MAX.as_secs_f32() { total } else { 0.0 };
            self.total.store(total.to_bits(), Ordering::Relaxed);
        }
        Some(f32::from_bits(self.total.load(Ordering::Relaxed))).filter(|total| *total > 0.0)
    }

    /// Whether one that was drawn takes the call: its share is what is left of all response times without its own.
    pub(super) fn takes(draw: u64, total: f32, load: &Load) -> bool {
        let own = load.mean_latency().unwrap_or_default();
        mix::unit(draw) < (total - own) / total
    }
}
