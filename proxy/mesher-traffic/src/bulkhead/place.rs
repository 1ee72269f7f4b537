//! A call's place in a bulkhead.
//! It must become free however the call ends.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Bulkhead;

/// What a call that has ended says of how much its callee bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// It was answered, or given up for taking too long, after this time.
    Took(Duration),
    /// Nothing: it failed at once, or its caller went away. Calls that fail fast must not look like a callee at ease.
    Nothing,
}

/// A place that is taken.
#[derive(Debug)]
pub struct Place(Arc<Bulkhead>);

impl Place {
    pub(super) const fn new(bulkhead: Arc<Bulkhead>) -> Self {
        Self(bulkhead)
    }

    /// Leaves it, and says how the call went.
    pub fn leave(self, now: Duration, sample: Sample) {
        if let Sample::Took(elapsed) = sample {
            self.0.learn(now, elapsed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}
