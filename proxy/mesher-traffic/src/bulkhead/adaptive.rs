//! A limit that follows the latency, fed by all workers at once.
//! It must let no worker wait for another: whoever ends a window does so alone, and all others go on counting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::controller::{AdaptivePolicy, Controller, Window};

/// The end of a window that is being ended: nobody else ends it.
const BEING_ENDED: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Adaptive {
    policy: AdaptivePolicy,
    /// When the window ends, in microseconds.
    window_end: AtomicU64,
    count: AtomicU32,
    sum_micros: AtomicU64,
    /// The most calls that were under way at once in this window.
    peak: AtomicU32,
    baseline_micros: AtomicU64,
    /// Taken by the one who ends a window, so it is always free: nobody waits for it.
    controller: Mutex<Controller>,
}

impl Adaptive {
    pub(super) fn new(policy: AdaptivePolicy) -> Self {
        Self {
            policy,
            window_end: AtomicU64::new(0),
            count: AtomicU32::new(0),
            sum_micros: AtomicU64::new(0),
            peak: AtomicU32::new(0),
            baseline_micros: AtomicU64::new(0),
            controller: Mutex::new(Controller::new(policy)),
        }
    }

    pub(super) fn entered(&self, in_flight: u32) {
        // Most calls are no peak, and a load leaves the word to those that read it.
        if self.peak.load(Ordering::Relaxed) < in_flight {
            self.peak.fetch_max(in_flight, Ordering::Relaxed);
        }
    }

    /// Takes note of one call. Answers the new limit where that ended a window.
    pub(super) fn learn(&self, now: Duration, elapsed: Duration) -> Option<u32> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.sum_micros.fetch_add(micros(elapsed), Ordering::Relaxed);
        let end = self.window_end.load(Ordering::Relaxed);
        if micros(now) < end || count < self.policy.samples_min() {
            return None;
        }
        // Acquire and release: what the one before wrote is seen by the one who ends the next window.
        self.window_end.compare_exchange(end, BEING_ENDED, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let window = Window {
            now,
            count: self.count.swap(0, Ordering::Relaxed),
            sum: Duration::from_micros(self.sum_micros.swap(0, Ordering::Relaxed)),
            peak: self.peak.swap(0, Ordering::Relaxed),
        };
        let limit = self.controller.try_lock().ok().map(|mut controller| {
            let limit = controller.end(window);
            self.baseline_micros.store(controller.baseline().map_or(0, micros), Ordering::Relaxed);
            limit
        });
        self.window_end.store(micros(now + self.policy.interval()), Ordering::Release);
        limit
    }

    pub(super) fn baseline(&self) -> Option<Duration> {
        let micros = self.baseline_micros.load(Ordering::Relaxed);
        (micros > 0).then_some(Duration::from_micros(micros))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(BEING_ENDED - 1)
}
