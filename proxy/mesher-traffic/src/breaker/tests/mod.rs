//! The breaker, against tables, a plain model, threads, and a callee that flaps.
//! They must hold for every order of calls, not for one example.

mod model;
mod simulation;
mod table;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::Percent;

use super::{Breaker, BreakerPolicy, BreakerRule, Seen, Span};
use crate::statuses::Statuses;

const MS: Duration = Duration::from_millis(1);
const FAILED: Seen = Seen { is_failure: true, elapsed: MS };
const GOOD: Seen = Seen { is_failure: false, elapsed: MS };

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn of_calls(calls: u32, percent: u32, open: Duration) -> BreakerPolicy {
    BreakerPolicy::new(Span::Calls(calls), percent_of(percent), open)
}

fn breaker(policy: BreakerPolicy) -> Arc<Breaker> {
    Arc::new(Breaker::new(&BreakerRule { policy, failures: Statuses::default(), stand_in: None }))
}

fn percent_of(percent: u32) -> Percent {
    Percent::whole(percent as u8).unwrap()
}

/// Makes calls that all end so.
fn calls(breaker: &Arc<Breaker>, now: Duration, count: usize, seen: Seen) {
    (0..count).for_each(|_| breaker.ask(now).expect("the breaker is closed").record(now, seen));
}
