//! The end of leases, and when it waits: where nearly all instances fall silent at once, the fault is on the way to
//! them, and a registry that forgot them all would end every call in the mesh.
//! It must not keep an instance for more than one lease beyond its own, nor look at all instances for each that ends.

use std::time::Duration;

use crate::change::ChangeKind;
use crate::edit::Key;
use crate::lease::Holder;
use crate::record::{InstanceRecord, Lease, ServiceRecord};
use crate::store::record_in;
use crate::{Moment, Registry};

/// Up to so many instances, all of them may well have ended. The original's value.
const MAX_UNGUARDED: usize = 5;
/// Ends wait where so many of a hundred instances are silent. The original's value.
const MIN_SILENT_PERCENT: usize = 80;
/// The longest wait beyond a lease. The original's value.
const MAX_HOLD: Duration = Duration::from_secs(600);
/// How long one count of the silent is good for.
const RECOUNT: Duration = Duration::from_secs(1);
/// When a lease that waits is looked at again.
const RECHECK: Duration = Duration::from_secs(5);

/// The last count of the silent.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    counted: Option<Duration>,
    is_pausing: bool,
}

impl Registry {
    /// Removes every instance whose lease has ended by `now`. Costs one comparison when there is none; call it
    /// before each other call, so that no answer holds an instance that is gone.
    ///
    /// Where four of five instances, of more than five, have been silent for half of their lease or longer, ends wait:
    /// for one lease more, ten minutes at most. Source: Service Center, self-preservation.
    pub fn expire(&mut self, now: Moment) {
        while let Some((number, holder)) = self.leases.pop_due(now.monotonic) {
            let Some(lease) = self.lease(number, &holder) else { continue };
            let later = if lease.ends > now.monotonic {
                Some(lease.ends)
            } else {
                self.held_until(lease, now.monotonic)
            };
            match later {
                Some(at) => self.requeue(at, number, holder),
                None => self.end(holder, now),
            }
        }
    }

    /// Whether leases that ended are waiting because nearly all instances are silent.
    #[must_use]
    pub fn is_expiry_paused(&self, now: Moment) -> bool {
        let is_fresh = |counted: Duration| now.monotonic.saturating_sub(counted) <= 2 * RECHECK;
        self.guard.is_pausing && self.guard.counted.is_some_and(is_fresh)
    }

    fn lease(&mut self, number: u64, holder: &Holder) -> Option<Lease> {
        let record = record_in(&mut self.domains, &holder.place)?;
        record.instances.get(&*holder.instance)?.lease.filter(|lease| lease.number == number)
    }

    fn requeue(&mut self, at: Duration, number: u64, holder: Holder) {
        let record = record_in(&mut self.domains, &holder.place);
        let instance = record.and_then(|record| record.instances.get_mut(&*holder.instance));
        if let Some(lease) = instance.and_then(|instance| instance.lease.as_mut()) {
            lease.queued = at;
            self.leases.push(at, number, holder);
        }
    }

    fn end(&mut self, holder: Holder, now: Moment) {
        let Holder { place, instance } = holder;
        let ended = self.write(Key::Instance(place.clone(), instance), None, now);
        self.tell_of_instance(ChangeKind::InstanceExpired, &place, ended);
    }

    /// Until when the end of a lease waits, where it does.
    fn held_until(&mut self, lease: Lease, now: Duration) -> Option<Duration> {
        let last = lease.ends.saturating_add(lease.term.min(MAX_HOLD));
        (now < last && self.are_most_silent(now)).then(|| last.min(now.saturating_add(RECHECK)))
    }

    fn are_most_silent(&mut self, now: Duration) -> bool {
        let is_fresh = |counted: Duration| now.saturating_sub(counted) < RECOUNT;
        if !self.guard.counted.is_some_and(is_fresh) {
            let (silent, all) = self.count_silent(now);
            let is_pausing = all > MAX_UNGUARDED && silent * 100 >= all * MIN_SILENT_PERCENT;
            self.guard = Guard { counted: Some(now), is_pausing };
        }
        self.guard.is_pausing
    }

    fn count_silent(&self, now: Duration) -> (usize, usize) {
        let instances = self.all_services().flat_map(ServiceRecord::instances);
        let leases = instances.filter_map(|instance: &InstanceRecord| instance.lease);
        leases.fold((0, 0), |(silent, all), lease| {
            let is_silent = lease.ends.saturating_sub(now) < lease.term / 2;
            (silent + usize::from(is_silent), all + 1)
        })
    }
}
