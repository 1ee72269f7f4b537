//! The queue of leases, soonest end first.
//! It must not be touched by a heartbeat: an entry that comes up too early is queued again instead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::Tenant;

/// Whose lease it is.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) domain: Arc<str>,
    pub(crate) project: Arc<str>,
    pub(crate) service: Arc<str>,
    pub(crate) instance: Arc<str>,
}

impl Holder {
    pub(crate) fn tenant(&self) -> Tenant<'_> {
        Tenant::of_record(&self.domain, &self.project)
    }
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
