//! All endpoints of a service: who is ejected, and how many may be.
//! It must cost a call next to nothing while nobody is ejected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::member::{Cause, Heard, Interval, Member};
use super::policy::EjectionPolicy;
use super::review;

/// How long one call may find out whether an ejected endpoint works again, before another one does.
const PROBE_PAUSE: Duration = Duration::from_secs(5);

/// The endpoints of a service under one rule, by their places. Made anew where they change, of the same members.
#[derive(Debug)]
pub struct Watch {
    policy: EjectionPolicy,
    members: Box<[Arc<Member>]>,
    /// Members that are passed over.
    outside: AtomicUsize,
    /// Too few are left: all are used.
    is_panicking: AtomicBool,
    /// Whoever sets it decides on an ejection; nobody waits for it.
    is_deciding: AtomicBool,
    /// When the interval ends, in milliseconds.
    review_at: AtomicU64,
    ejections: AtomicU64,
}

impl Watch {
    /// Watches these endpoints. Intervals and counts go on from a watch before, where there was one.
    #[must_use]
    pub fn new(
        policy: EjectionPolicy,
        members: impl IntoIterator<Item = Arc<Member>>,
        before: Option<&Self>,
    ) -> Self {
        let of_before = |count: fn(&Self) -> &AtomicU64| {
            AtomicU64::new(before.map_or(0, |before| count(before).load(Ordering::Relaxed)))
        };
        let watch = Self {
            policy,
            members: members.into_iter().collect(),
            outside: AtomicUsize::new(0),
            is_panicking: AtomicBool::new(false),
            is_deciding: AtomicBool::new(false),
            review_at: of_before(|before| &before.review_at),
            ejections: of_before(|before| &before.ejections),
        };
        watch.hold_ceiling();
        watch.count_outside();
        watch
    }

    /// What its rule says.
    #[must_use]
    pub const fn policy(&self) -> &EjectionPolicy {
        &self.policy
    }

    /// The endpoints, by their places.
    #[must_use]
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Whether an endpoint is passed over as long as there are others. Once its time is over, the first try of a call may find
    /// out whether it works again; a further one may not: the call has failed once already.
    #[must_use]
    pub fn is_ejected(&self, place: usize, now: Duration, is_first_try: bool) -> bool {
        let may_take = |member: &Arc<Member>| match is_first_try {
            true => member.may_take(now),
            false => !member.is_out(),
        };
        self.has_outside()
            && !self.is_panicking.load(Ordering::Relaxed)
            && self.members.get(place).is_some_and(|member| !may_take(member))
    }

    /// Whether any endpoint may be passed over: asked first, since it never is while all goes well.
    #[must_use]
    pub fn has_outside(&self) -> bool {
        self.outside.load(Ordering::Relaxed) > 0
    }

    /// How many endpoints are passed over, and whether all are used none the less since too few are left.
    #[must_use]
    pub fn outside(&self) -> (usize, bool) {
        (self.outside.load(Ordering::Relaxed), self.is_panicking.load(Ordering::Relaxed))
    }

    /// How often an endpoint was ejected.
    #[must_use]
    pub fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// A call goes to an endpoint.
    pub fn chosen(&self, place: usize, now: Duration) {
        if self.has_outside() {
            self.members.get(place).into_iter().for_each(|member| member.chosen(now, PROBE_PAUSE));
        }
    }

    /// A call that an endpoint took has ended; one that says nothing of it is not told.
    pub fn ended(&self, place: usize, now: Duration, is_failure: bool, elapsed: Duration) {
        let Some(member) = self.members.get(place) else { return };
        match member.ended(now, (is_failure, elapsed), |times| self.policy.time(times)) {
            Heard::Failures(in_a_row) if self.is_too_many(in_a_row) => {
                self.deciding(|| self.eject(member, now, Cause::ConsecutiveFailures));
            }
            Heard::Readmitted => self.count_outside(),
            Heard::Failures(_) | Heard::Nothing => {}
        }
        self.review_if_due(now);
    }

    const fn is_too_many(&self, in_a_row: u32) -> bool {
        self.policy.consecutive_failures > 0 && in_a_row >= self.policy.consecutive_failures
    }

    /// Checks say whether an endpoint works. One thread may say so, that which makes watches.
    pub fn checked(&self, place: usize, is_up: bool) {
        if self.members.get(place).is_some_and(|member| member.set_down(!is_up)) {
            self.hold_ceiling();
            self.count_outside();
        }
    }

    /// Passes over as many of those that checks speak against as may be: who is passed over already stays so, as long as there
    /// is room.
    fn hold_ceiling(&self) {
        let most = self.policy.down_max(self.members.len());
        let mut count = self.members.iter().filter(|member| member.is_passed_over()).count();
        for member in self.members.iter().filter(|member| member.is_down()) {
            match member.is_passed_over() {
                true if count > most => count -= 1,
                false if count < most => count += 1,
                _ => continue,
            }
            member.pass_over(!member.is_passed_over());
        }
    }

    /// Ejections are decided on one at a time, so that no two threads take the last place below the ceiling. Whoever comes
    /// in between decides nothing: the next failure, or the next interval, asks again.
    fn deciding(&self, decide: impl FnOnce()) {
        // Acquire and release: what the last one ejected is counted.
        if !self.is_deciding.swap(true, Ordering::Acquire) {
            decide();
            self.is_deciding.store(false, Ordering::Release);
        }
    }

    fn eject(&self, member: &Member, now: Duration, cause: Cause) {
        let ejected = self.members.iter().filter(|member| member.is_ejected()).count();
        if ejected < self.policy.ejected_max(self.members.len())
            && member.eject(now, cause, |times| self.policy.time(times))
        {
            self.ejections.fetch_add(1, Ordering::Relaxed);
            self.count_outside();
        }
    }

    fn review_if_due(&self, now: Duration) {
        let now_millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = self.review_at.load(Ordering::Relaxed);
        if now_millis < due {
            return;
        }
        let next =
            now_millis.saturating_add(u64::try_from(self.policy.interval.as_millis()).unwrap_or(u64::MAX));
        let is_mine =
            self.review_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_mine && due > 0 {
            self.review(now);
        }
    }

    fn review(&self, now: Duration) {
        self.members.iter().for_each(|member| member.recover());
        if !self.policy.is_reviewing() {
            return;
        }
        let intervals: Vec<Interval> = self.members.iter().map(|member| member.interval()).collect();
        let outliers = review::outliers(&self.policy, &intervals);
        self.deciding(|| {
            for (place, cause) in outliers {
                self.members.get(place).into_iter().for_each(|member| self.eject(member, now, cause));
            }
        });
    }

    /// Counted anew with each change, which are rare, so that no count can drift. Where two change at once, the last one to
    /// store has counted after one of them at least; the next change sets it right.
    fn count_outside(&self) {
        let outside = self.members.iter().filter(|member| member.is_out()).count();
        let left = self.members.len() - outside;
        let is_panicking = !self.policy.panic_share.is_reached(left as u64, self.members.len() as u64);
        self.is_panicking.store(is_panicking, Ordering::Relaxed);
        self.outside.store(outside, Ordering::Relaxed);
    }
}
