//! The queue of leases, soonest end first, and how long a lease lasts.
//! It must not be touched by a heartbeat: an entry that comes up too early is queued again instead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::HealthCheck;

use crate::edit::Place;

/// Heartbeats that may be missed where the client wishes for fewer.
pub(crate) const MIN_TIMES: i64 = 3;
/// Seconds between two heartbeats where the client states no wish, or one that is not acted on.
pub(crate) const DEFAULT_INTERVAL: i64 = 30;

/// Source: Service Center v4, lease: `interval × (times + 1)` seconds.
pub(crate) fn term(check: Option<&HealthCheck>) -> Duration {
    let (interval, times) =
        check.map_or((DEFAULT_INTERVAL, MIN_TIMES), |check| (check.interval, check.times));
    let seconds = interval.saturating_mul(times.saturating_add(1));
    Duration::from_secs(seconds.unsigned_abs())
}

/// Whose lease it is.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) place: Place,
    pub(crate) instance: Arc<str>,
}

/// Leases by the time under which they wait and their number. One entry per instance, so it is bounded as they are.
#[derive(Debug, Default)]
pub(crate) struct Leases(BTreeMap<(Duration, u64), Holder>);

impl Leases {
    pub(crate) fn push(&mut self, at: Duration, number: u64, holder: Holder) {
        self.0.insert((at, number), holder);
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn remove(&mut self, at: Duration, number: u64) {
        self.0.remove(&(at, number));
    }

    /// Takes the first entry whose time has come.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<(u64, Holder)> {
        let entry = self.0.first_entry()?;
        let (at, number) = *entry.key();
        (at <= now).then(|| (number, entry.remove()))
    }
}
