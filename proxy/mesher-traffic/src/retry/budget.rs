//! How many further tries all calls to a service may take together, so that trying again never becomes the load itself.
//! It must cost nothing for calls that go well: it is asked only where one failed, and told then how many there were.

use std::time::Duration;

use mesher_model::rule::RetryBudget;

/// Further tries that were taken from one service lately. Each worker has its own, and its part of what is always allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// When the current interval began.
    began: Duration,
    /// Calls that had begun by then.
    calls_before: u64,
    /// Calls and further tries of the interval before, and further tries of this one.
    last_calls: u64,
    last_tries: u64,
    tries: u64,
    /// What is left of that which is always allowed, in thousandths of a try, at the time beside it.
    spare: u64,
    spare_at: Duration,
}

/// A try, in the units of what is always allowed.
const TRY: u64 = 1_000;

impl Budget {
    /// A budget that begins now, after `calls` calls of which `rate` came in each second lately: as if nothing had failed
    /// before.
    #[must_use]
    pub fn beginning_at(now: Duration, calls: u64, rate: f64, allowed: RetryBudget, workers: u32) -> Self {
        let spare = spare_max(allowed, workers);
        // As many calls as a process can count; a broken part of one is none.
        let last_calls = (rate.max(0.0) * allowed.interval.duration().as_secs_f64()) as u64;
        Self { began: now, calls_before: calls, last_calls, spare, spare_at: now, ..Self::default() }
    }

    /// Takes a further try, where there is one left. `calls` is the number of calls to the service that ever began, first
    /// tries only, among which the one that failed counts; `workers` is how many share what is always allowed.
    pub fn take(&mut self, now: Duration, calls: u64, allowed: RetryBudget, workers: u32) -> bool {
        self.move_on(now, calls, allowed.interval.duration());
        let (calls, tries) = self.lately(now, calls, allowed.interval.duration());
        let part =
            calls * f64::from(allowed.percent.hundredths()) / f64::from(mesher_model::rule::Percent::WHOLE);
        let is_within = tries + 1.0 <= part;
        if !is_within && !self.take_spare(now, allowed, workers) {
            return false;
        }
        self.tries += 1;
        true
    }

    /// Begins a new interval where the last one is over.
    fn move_on(&mut self, now: Duration, calls: u64, interval: Duration) {
        let passed = now.saturating_sub(self.began);
        if passed < interval {
            return;
        }
        let is_next = passed < interval.saturating_mul(2);
        (self.last_calls, self.last_tries) =
            if is_next { (calls.saturating_sub(self.calls_before), self.tries) } else { (0, 0) };
        (self.began, self.calls_before, self.tries) = (now, calls, 0);
    }

    /// Calls and further tries of one interval's length up to now: of the interval before, the part that reaches into it.
    fn lately(&self, now: Duration, calls: u64, interval: Duration) -> (f64, f64) {
        let passed =
            now.saturating_sub(self.began).as_secs_f64() / interval.as_secs_f64().max(f64::MIN_POSITIVE);
        let left = (1.0 - passed).clamp(0.0, 1.0);
        let current = calls.saturating_sub(self.calls_before);
        let sum = |last: u64, current: u64| last as f64 * left + current as f64;
        (sum(self.last_calls, current), sum(self.last_tries, self.tries))
    }

    fn take_spare(&mut self, now: Duration, allowed: RetryBudget, workers: u32) -> bool {
        let passed = now.saturating_sub(self.spare_at).as_millis();
        // In a second of a thousand milliseconds as many tries come as are allowed: one thousandth each millisecond.
        let come = passed.saturating_mul(u128::from(allowed.min_per_second)) / u128::from(workers.max(1));
        let most = spare_max(allowed, workers);
        self.spare = self.spare.saturating_add(u64::try_from(come).unwrap_or(u64::MAX)).min(most);
        self.spare_at = now;
        let Some(left) = self.spare.checked_sub(TRY) else { return false };
        self.spare = left;
        true
    }
}

/// What is always allowed may gather for one interval.
fn spare_max(allowed: RetryBudget, workers: u32) -> u64 {
    let seconds = allowed.interval.duration().as_secs().max(1);
    let all = u64::from(allowed.min_per_second).saturating_mul(seconds).saturating_mul(TRY);
    (all / u64::from(workers.max(1))).max(if allowed.min_per_second > 0 { TRY } else { 0 })
}
