//! A call's place in a bulkhead.
//! It must become free however the call ends.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Bulkhead;

/// A place that is taken.
#[derive(Debug)]
pub struct Place(Arc<Bulkhead>);

impl Place {
    pub(super) const fn new(bulkhead: Arc<Bulkhead>) -> Self {
        Self(bulkhead)
    }

    /// Says how long its call took to be answered, or to be given up for taking too long. A call that failed at once, or whose
    /// caller went away, says nothing: calls that fail fast must not look like a callee at ease.
    pub fn learn(&self, now: Duration, elapsed: Duration) {
        self.0.learn(now, elapsed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}
