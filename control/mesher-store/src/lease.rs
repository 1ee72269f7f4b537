//! When leases end: in memory only, so that keeping one alive costs no write.
//! It must not end one by itself; the writer does, and tells what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::LeaseId;

/// The leases of a store.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: BTreeMap<LeaseId, Held>,
    /// By the time under which they wait. Keeping one alive does not touch it: an entry that comes up too early is
    /// queued again.
    queue: BTreeSet<(Duration, LeaseId)>,
}

#[derive(Debug)]
struct Held {
    period: Duration,
    deadline: Duration,
    /// Its end is being written. It can no longer be kept alive.
    is_ending: bool,
}

impl Leases {
    /// A lease with one full period from now.
    pub(crate) fn insert(&mut self, id: LeaseId, period: Duration, now: Duration) {
        let deadline = now.saturating_add(period);
        self.held.insert(id, Held { period, deadline, is_ending: false });
        self.queue.insert((deadline, id));
    }

    /// Gives a lease another full period, which is returned.
    pub(crate) fn keep_alive(&mut self, id: LeaseId, now: Duration) -> Option<Duration> {
        let held = self.held.get_mut(&id).filter(|held| !held.is_ending)?;
        held.deadline = now.saturating_add(held.period);
        Some(held.period)
    }

    /// What is left of a lease: its period, and the time to its end.
    pub(crate) fn left(&self, id: LeaseId, now: Duration) -> Option<(Duration, Duration)> {
        let held = self.held.get(&id).filter(|held| !held.is_ending)?;
        Some((held.period, held.deadline.saturating_sub(now)))
    }

    pub(crate) fn remove(&mut self, id: LeaseId) {
        self.held.remove(&id);
    }

    pub(crate) fn count(&self) -> usize {
        self.held.len()
    }

    /// When one may be due; never later than one is.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Those that are due, at most `limit`. Each is then removed or put back.
    pub(crate) fn take_due(&mut self, now: Duration, limit: usize) -> Vec<LeaseId> {
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(&(at, id)) = self.queue.first().filter(|(at, _)| *at <= now) else { break };
            self.queue.remove(&(at, id));
            match self.held.get_mut(&id) {
                // Also where it is due by now: they end in the order of their deadlines.
                Some(held) if held.deadline > at => {
                    self.queue.insert((held.deadline, id));
                }
                Some(held) if !held.is_ending => {
                    held.is_ending = true;
                    due.push(id);
                }
                // Revoked, or queued twice under an id that came again.
                _ => {}
            }
        }
        due
    }

    /// Those whose end could not be written: due again at `at`.
    pub(crate) fn put_back(&mut self, ids: &[LeaseId], at: Duration) {
        for id in ids {
            if let Some(held) = self.held.get_mut(id) {
                held.is_ending = false;
                held.deadline = at;
                self.queue.insert((at, *id));
            }
        }
    }
}
