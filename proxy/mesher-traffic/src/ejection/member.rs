//! One endpoint: what became of its calls, and whether it is ejected.
//! It must decide nothing about others: how many may be ejected is known to the watch.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Set in the word of an ejected endpoint while one call finds out whether it works again.
const IS_TRIED: u64 = 1;

/// Why an endpoint was ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Failures in a row.
    ConsecutiveFailures = 1,
    /// Fewer successes than others.
    SuccessRate = 2,
    /// Too many failures.
    FailureShare = 3,
    /// Slower than others.
    Latency = 4,
}

impl Cause {
    const ALL: [Self; 4] = [Self::ConsecutiveFailures, Self::SuccessRate, Self::FailureShare, Self::Latency];

    /// In words, as in "it is passed over for another 20 s: …".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "calls to it failed one after the other",
            Self::SuccessRate => "fewer calls to it succeed than to the others",
            Self::FailureShare => "too many calls to it fail",
            Self::Latency => "it is slower than the others",
        }
    }
}

/// One endpoint, shared by all workers and by all snapshots that hold it. Each word stands for itself, so relaxed operations
/// are enough.
#[derive(Debug, Default)]
pub struct Member {
    in_a_row: AtomicU32,
    /// In this interval.
    calls: AtomicU32,
    failures: AtomicU32,
    micros: AtomicU64,
    /// Until when it is passed over, in milliseconds, doubled; 0: it is not. The lowest bit: one call finds out.
    ejected: AtomicU64,
    /// How often in a row.
    times: AtomicU32,
    cause: AtomicU8,
    /// What checks say of it: one of [`UP`], [`DOWN`] and [`PASSED_OVER`].
    checked: AtomicU8,
}

/// Checks say that it works, or say nothing.
const UP: u8 = 0;
/// Checks say that it does not work; it is used all the same, since as many as may be are passed over already.
const DOWN: u8 = 1;
/// Checks say that it does not work, and it is passed over.
const PASSED_OVER: u8 = 2;

/// An endpoint, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberTold {
    /// Why it is ejected, and for how much longer until one call finds out; `None` where it is not.
    pub ejected: Option<(Cause, Duration)>,
    /// Whether checks say that it does not work.
    pub is_down: bool,
    /// Whether it is passed over for that.
    pub is_passed_over: bool,
    /// Failures in a row.
    pub in_a_row: u32,
}

/// What became of the calls of one interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) micros: u64,
}

impl Interval {
    pub(super) fn success_rate(self) -> f64 {
        1.0 - f64::from(self.failures) / f64::from(self.calls.max(1))
    }

    pub(super) fn latency(self) -> f64 {
        self.micros as f64 / f64::from(self.calls.max(1))
    }
}

/// What a call's end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that the watch has to know.
    Nothing,
    /// So many failures in a row.
    Failures(u32),
    /// It was ejected, and works again.
    Readmitted,
}

impl Member {
    /// Whether calls may go there, as long as others are left.
    pub(super) fn may_take(&self, now: Duration) -> bool {
        let ejected = self.ejected.load(Ordering::Relaxed);
        (ejected == 0 || millis(now) >= ejected >> 1) && !self.is_passed_over()
    }

    pub(super) fn is_out(&self) -> bool {
        self.ejected.load(Ordering::Relaxed) != 0 || self.is_passed_over()
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed) != 0
    }

    /// A call goes there. Where it finds out whether an ejected endpoint works again, no other one does for `pause`.
    pub(super) fn chosen(&self, now: Duration, pause: Duration) {
        let ejected = self.ejected.load(Ordering::Relaxed);
        if ejected != 0 && millis(now) >= ejected >> 1 {
            let tried = millis(now + pause) << 1 | IS_TRIED;
            // Whoever loses was chosen in the same moment: the other one finds out.
            let _ = self.ejected.compare_exchange(ejected, tried, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// A call that it took has ended. Answers what changed; `time` is how long it stays ejected after so many times.
    pub(super) fn ended(
        &self,
        now: Duration,
        (is_failure, elapsed): (bool, Duration),
        time: impl Fn(u32) -> Duration,
    ) -> Heard {
        let ejected = self.ejected.load(Ordering::Relaxed);
        if ejected == 0 {
            return self.count(is_failure, elapsed);
        }
        if ejected & IS_TRIED == 0 {
            // It was sent before the endpoint was ejected, or where nobody else was left: it changes nothing.
            return Heard::Nothing;
        }
        if is_failure {
            let times = self.times.fetch_add(1, Ordering::Relaxed) + 1;
            let again = millis(now + time(times)) << 1;
            let _ = self.ejected.compare_exchange(ejected, again, Ordering::Relaxed, Ordering::Relaxed);
            return Heard::Nothing;
        }
        self.forget();
        match self.ejected.compare_exchange(ejected, 0, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Heard::Readmitted,
            Err(_) => Heard::Nothing,
        }
    }

    fn count(&self, is_failure: bool, elapsed: Duration) -> Heard {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(elapsed.as_micros()).unwrap_or(0), Ordering::Relaxed);
        if is_failure {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Heard::Failures(self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1);
        }
        // Most calls succeed after one that did: a load leaves the word to all workers.
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
        Heard::Nothing
    }

    fn forget(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
        let _ = self.interval();
    }

    /// Ends an interval: what became of its calls.
    pub(super) fn interval(&self) -> Interval {
        Interval {
            calls: self.calls.swap(0, Ordering::Relaxed),
            failures: self.failures.swap(0, Ordering::Relaxed),
            micros: self.micros.swap(0, Ordering::Relaxed),
        }
    }

    /// Ejects it. Answers whether it was not ejected before.
    pub(super) fn eject(&self, now: Duration, cause: Cause, time: impl Fn(u32) -> Duration) -> bool {
        let until = millis(now + time(self.times.load(Ordering::Relaxed) + 1)) << 1;
        let is_first = self.ejected.compare_exchange(0, until, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_first {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.cause.store(cause as u8, Ordering::Relaxed);
            self.forget();
        }
        is_first
    }

    /// An interval without an ejection: the next one is shorter by one time.
    pub(super) fn recover(&self) {
        if !self.is_ejected() {
            let less = |times: u32| times.checked_sub(1);
            let _ = self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Takes note of what checks say. Whether it is passed over for that is decided by whoever knows the others.
    pub fn set_down(&self, is_down: bool) -> bool {
        let has_changed = is_down != self.is_down();
        if has_changed {
            self.checked.store(if is_down { DOWN } else { UP }, Ordering::Relaxed);
        }
        has_changed
    }

    pub(super) fn is_down(&self) -> bool {
        self.checked.load(Ordering::Relaxed) != UP
    }

    pub(super) fn is_passed_over(&self) -> bool {
        self.checked.load(Ordering::Relaxed) == PASSED_OVER
    }

    /// Of one that is down.
    pub(super) fn pass_over(&self, is_passed_over: bool) {
        self.checked.store(if is_passed_over { PASSED_OVER } else { DOWN }, Ordering::Relaxed);
    }

    /// How it stands.
    #[must_use]
    pub fn told(&self, now: Duration) -> MemberTold {
        let ejected = self.ejected.load(Ordering::Relaxed);
        let number = self.cause.load(Ordering::Relaxed);
        let cause = Cause::ALL.into_iter().find(|cause| *cause as u8 == number);
        let left = Duration::from_millis((ejected >> 1).saturating_sub(millis(now)));
        MemberTold {
            ejected: cause.filter(|_| ejected != 0).map(|cause| (cause, left)),
            is_down: self.is_down(),
            is_passed_over: self.is_passed_over(),
            in_a_row: self.in_a_row.load(Ordering::Relaxed),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 1)
}
