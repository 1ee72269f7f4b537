//! What a budget allows over time, and how long calls wait before a further try.
//! They must hold for every order of calls that is drawn, not for one example.

use std::time::Duration;

use mesher_model::rule::{Percent, RetryBudget, Span};
use proptest::prelude::*;

use super::{Budget, Pause};

fn allowed(percent: u8, min_per_second: u32) -> RetryBudget {
    let interval = Span::try_from("10s").unwrap();
    RetryBudget { percent: Percent::whole(percent).unwrap(), interval, min_per_second }
}

/// Further tries that are allowed when every one of `per_second` calls fails for so many seconds.
fn tries_when_all_fail(allowed: RetryBudget, per_second: u64, seconds: u64) -> u64 {
    let mut budget = Budget::beginning_at(Duration::ZERO, 0, 0.0, allowed, 1);
    let mut tries = 0;
    for call in 0..per_second * seconds {
        let now = Duration::from_nanos(call * 1_000_000_000 / per_second);
        // Each call asks as often as it is allowed, three times at most.
        tries += (0..3).take_while(|_| budget.take(now, call + 1, allowed, 1)).count() as u64;
    }
    tries
}

#[test]
fn further_tries_stay_a_part_of_the_calls_however_many_fail() {
    for per_second in [10, 100, 1_000, 10_000] {
        let calls = per_second * 60;
        let tries = tries_when_all_fail(allowed(20, 0), per_second, 60);
        let most = calls / 5 + calls / 100;
        assert!((calls / 6..=most).contains(&tries), "{tries} further tries of {calls} calls");
    }
}

#[test]
fn a_few_are_always_allowed_and_gather_for_one_interval() {
    let of_none = allowed(0, 10);
    let mut budget = Budget::beginning_at(Duration::ZERO, 0, 0.0, of_none, 1);
    let mut take = |at: u64, most: usize| {
        (0..most).take_while(|_| budget.take(Duration::from_secs(at), 1, of_none, 1)).count()
    };
    assert_eq!((take(0, 1_000), take(1, 1_000), take(3, 1_000)), (100, 10, 20));
    assert_eq!(take(1_000, 1_000), 100);
}

#[test]
fn calls_before_the_first_failure_count() {
    let mut budget = Budget::beginning_at(Duration::ZERO, 1_000_000, 100.0, allowed(20, 0), 1);
    let many = (0..1_000).take_while(|_| budget.take(Duration::ZERO, 1_000_001, allowed(20, 0), 1)).count();
    assert_eq!(many, 200, "a fifth of a thousand in ten seconds");
}

#[test]
fn workers_share_what_is_always_allowed() {
    let of_none = allowed(0, 10);
    let mut budget = Budget::beginning_at(Duration::ZERO, 0, 0.0, of_none, 4);
    assert_eq!((0..1_000).take_while(|_| budget.take(Duration::ZERO, 1, of_none, 4)).count(), 25);
}

#[test]
fn pauses_double_and_are_drawn_up_to_that() {
    let pause = Pause::Doubling(Duration::from_millis(25));
    let after = |tries, draw| pause.after(tries, draw).as_millis();
    assert_eq!(
        [after(1, 1.0), after(2, 1.0), after(3, 1.0), after(3, 0.5), after(9, 0.0)],
        [25, 50, 100, 50, 0]
    );
    assert_eq!(pause.after(u32::MAX, 1.0), Duration::from_secs(60));
    assert_eq!(Pause::Fixed(Duration::from_millis(7)).after(5, 0.3).as_millis(), 7);
    let bounded = Pause::DoublingUpTo(Duration::from_millis(25), Duration::from_millis(60));
    let after = |tries| bounded.after(tries, 1.0).as_millis();
    assert_eq!([after(1), after(2), after(3), after(30)], [25, 50, 60, 60]);
}

proptest! {
    /// Over any stretch of calls, with failures anywhere: never more than the part and what is always allowed.
    #[test]
    fn no_order_of_calls_gets_more_than_is_allowed(
        steps in prop::collection::vec((0_u64..400, any::<bool>()), 1..2_000),
        percent in 0_u8..=100,
        min_per_second in 0_u32..50,
    ) {
        let allowed = allowed(percent, min_per_second);
        let mut budget = Budget::beginning_at(Duration::ZERO, 0, 0.0, allowed, 1);
        let (mut now, mut calls, mut tries) = (Duration::ZERO, 0_u64, 0_u64);
        for (pause, fails) in steps {
            now += Duration::from_millis(pause);
            calls += 1;
            tries += u64::from(fails && budget.take(now, calls, allowed, 1));
        }
        // An interval that begins anew may let its part of the one before count twice.
        let part = calls as f64 * f64::from(percent) / 100.0 * 2.0;
        let spare = f64::from(min_per_second) * (10.0 + now.as_secs_f64());
        prop_assert!(tries as f64 <= part + spare + 1.0, "{tries} further tries of {calls} calls in {now:?}");
    }
}
