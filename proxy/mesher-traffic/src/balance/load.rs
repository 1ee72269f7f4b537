//! What is known of one endpoint: calls on their way, how long it took to answer, since when it is there.
//! It must take no lock: every worker of a proxy writes here with every call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::average::{Average, Weighing};

/// The longest time for which an endpoint is passed over because it asked for that.
pub const AVOIDED_MAX: Duration = Duration::from_secs(30);
/// What a try without an answer counts as at least: who fails fast must not look fast.
const FAILED_COST_MIN: Duration = Duration::from_secs(1);
/// What somebody costs who was never measured while he is being tried: more than everybody else.
const UNKNOWN_COST: f32 = 1e6;
/// Over how long the even average of response times goes.
const MEAN_DECAY: Duration = Duration::from_secs(10);

/// What a call adds to those that ever began.
const BEGUN: u64 = 1 << u32::BITS;

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryEnd {
    /// The head of an answer came.
    Answered,
    /// None came, and the callee or the way to it is to blame.
    Failed,
    /// The caller left before one came.
    Left,
}

/// The state of one endpoint, shared by all workers. Times are spans since some moment, the same for all.
#[derive(Debug)]
// A line of the processor's cache of its own: who writes to a neighbour does not take this one away.
#[repr(align(64))]
pub struct Load {
    since: Duration,
    /// Calls that are on their way, and above them all that ever began, which begins anew after 2³² of them: one step counts
    /// both.
    calls: AtomicU64,
    peak: Average,
    mean: Average,
    /// In milliseconds; 0: not avoided.
    avoided_until: AtomicU64,
}

impl Load {
    /// That of an endpoint which is known since a moment.
    #[must_use]
    pub fn known_since(since: Duration) -> Self {
        Self {
            since,
            calls: AtomicU64::new(0),
            peak: Average::default(),
            mean: Average::default(),
            avoided_until: AtomicU64::new(0),
        }
    }

    /// Since when it is known.
    #[must_use]
    pub const fn since(&self) -> Duration {
        self.since
    }

    /// Counts a call until the result is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        // A number that is compared with others, and orders nothing.
        self.calls.fetch_add(BEGUN | 1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Calls that are on their way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.calls.load(Ordering::Relaxed) as u32
    }

    /// Calls that began.
    #[must_use]
    pub fn begun(&self) -> u32 {
        (self.calls.load(Ordering::Relaxed) >> u32::BITS) as u32
    }

    /// Takes note of how long a try took.
    pub fn record(&self, now: Duration, elapsed: Duration, end: TryEnd, decay: Duration) {
        match end {
            TryEnd::Answered => {
                self.peak.record(now, elapsed, decay, Weighing::Peak);
                self.mean.record(now, elapsed, MEAN_DECAY, Weighing::Even);
            }
            TryEnd::Failed => {
                let cost = elapsed.max(FAILED_COST_MIN);
                self.peak.record(now, cost, decay, Weighing::Peak);
                self.mean.record(now, cost, MEAN_DECAY, Weighing::Even);
            }
            // It would have taken at least so long, which is news only where it was faster before.
            TryEnd::Left
                if self.peak.decayed(now, decay).is_some_and(|peak| elapsed.as_secs_f32() > peak) =>
            {
                self.peak.record(now, elapsed, decay, Weighing::Peak);
            }
            TryEnd::Left => {}
        }
    }

    /// What one more call costs: latency, peaks at once and their end by and by, for each call that would be on its way
    /// (Finagle's peak EWMA). Who was never measured is tried by one call at a time.
    #[must_use]
    pub fn cost(&self, now: Duration, decay: Duration) -> f32 {
        let in_flight = self.in_flight() as f32;
        match self.peak.decayed(now, decay) {
            Some(latency) => latency * (in_flight + 1.0),
            None if in_flight > 0.0 => UNKNOWN_COST + in_flight,
            None => 0.0,
        }
    }

    /// The latency that [`Self::cost`] counts with, in seconds.
    #[must_use]
    pub fn peak_latency(&self, now: Duration, decay: Duration) -> Option<f32> {
        self.peak.decayed(now, decay)
    }

    /// The even average of how long answers took, in seconds.
    #[must_use]
    pub fn mean_latency(&self) -> Option<f32> {
        self.mean.value()
    }

    /// It asked to be left alone for a time, of which at most [`AVOIDED_MAX`] counts. The longer of two such times holds.
    pub fn avoid(&self, now: Duration, span: Duration) {
        self.avoided_until.fetch_max(milliseconds(now + span.min(AVOIDED_MAX)), Ordering::Relaxed);
    }

    /// Whether it is to be left alone.
    #[must_use]
    pub fn is_avoided(&self, now: Duration) -> bool {
        self.avoided_for(now).is_some()
    }

    /// For how long it is to be left alone.
    #[must_use]
    pub fn avoided_for(&self, now: Duration) -> Option<Duration> {
        let rest = self.avoided_until.load(Ordering::Relaxed).saturating_sub(milliseconds(now));
        (rest > 0).then(|| Duration::from_millis(rest))
    }
}

fn milliseconds(span: Duration) -> u64 {
    span.as_millis().try_into().unwrap_or(u64::MAX)
}

/// A call that is on its way to an endpoint, for as long as this lives.
#[derive(Debug)]
pub struct InFlight(Arc<Load>);

impl InFlight {
    /// The endpoint's state.
    #[must_use]
    pub fn load(&self) -> &Load {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}
