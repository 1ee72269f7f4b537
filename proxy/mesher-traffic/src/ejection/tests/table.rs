//! What becomes of endpoints, case by case, in any order of calls, and by many threads.
//! No case may leave a service without endpoints.

use std::thread;

use proptest::prelude::*;

use super::*;
use crate::ejection::{Cause, SlowerThan, SuccessRate};

fn fail(watch: &Watch, place: usize, now: Duration, count: usize) {
    (0..count).for_each(|_| watch.ended(place, now, true, at(1)));
}

fn succeed(watch: &Watch, place: usize, now: Duration, count: usize, elapsed: Duration) {
    (0..count).for_each(|_| watch.ended(place, now, false, elapsed));
}

#[test]
fn failures_in_a_row_eject_for_longer_each_time() {
    let watch = watch(EjectionPolicy::default(), 4);
    fail(&watch, 1, at(0), 4);
    succeed(&watch, 1, at(0), 1, at(1));
    fail(&watch, 1, at(0), 4);
    assert!(!watch.is_ejected(1, at(0), true) && !watch.has_outside(), "they were not in a row");
    fail(&watch, 1, at(0), 1);
    assert!(
        watch.is_ejected(1, at(0), true)
            && watch.is_ejected(1, at(29_999), true)
            && !watch.is_ejected(0, at(0), true)
    );
    let (cause, left) = watch.members()[1].told(at(10_000)).ejected.unwrap();
    assert_eq!((cause, left), (Cause::ConsecutiveFailures, at(20_000)));
    // One call finds out, and nobody else while it does.
    assert!(!watch.is_ejected(1, at(30_000), true));
    watch.chosen(1, at(30_000));
    assert!(watch.is_ejected(1, at(30_001), true));
    watch.ended(1, at(30_010), true, at(1));
    assert!(watch.is_ejected(1, at(90_009), true) && !watch.is_ejected(1, at(90_010), true));
    watch.chosen(1, at(90_010));
    watch.ended(1, at(90_020), false, at(1));
    assert!(!watch.is_ejected(1, at(90_020), true) && watch.outside() == (0, false));
    // It failed lately, so that the third time is longer still.
    fail(&watch, 1, at(90_030), 5);
    assert!(watch.is_ejected(1, at(90_030 + 59_999), true));
    assert_eq!(watch.ejections(), 2);
}

#[test]
fn a_call_sent_before_says_nothing() {
    let watch = watch(EjectionPolicy::default(), 2);
    fail(&watch, 0, at(0), 5);
    succeed(&watch, 0, at(10), 3, at(1));
    assert!(watch.is_ejected(0, at(10), true));
    fail(&watch, 0, at(10), 3);
    assert!(!watch.is_ejected(0, at(30_000), true), "it is not ejected for longer by calls of before");
}

#[test]
fn a_probe_that_never_ends_is_followed_by_another() {
    let watch = watch(EjectionPolicy::default(), 2);
    fail(&watch, 0, at(0), 5);
    watch.chosen(0, at(30_000));
    assert!(watch.is_ejected(0, at(34_999), true) && !watch.is_ejected(0, at(35_000), true));
}

#[test]
fn no_more_than_the_ceiling_are_ejected() {
    for (endpoints, percent, expected) in
        [(1, 50, 0), (2, 50, 1), (3, 50, 1), (10, 50, 5), (10, 100, 9), (10, 10, 1), (3, 10, 1), (10, 0, 0)]
    {
        let watch = watch(
            EjectionPolicy { ejected_share_max: percent_of(percent), ..EjectionPolicy::default() },
            endpoints,
        );
        (0..endpoints).for_each(|place| fail(&watch, place, at(0), 20));
        let ejected = watch.members().iter().filter(|member| member.told(at(0)).ejected.is_some()).count();
        assert_eq!(ejected, expected, "{endpoints} endpoints, {percent} %");
    }
}

#[test]
fn where_too_few_are_left_all_are_used() {
    let watch = watch(EjectionPolicy::default(), 4);
    (0..2).for_each(|place| watch.checked(place, false));
    assert!(watch.is_ejected(0, at(0), true) && watch.outside() == (2, false));
    watch.checked(2, false);
    assert_eq!(watch.outside(), (3, true));
    assert!((0..4).all(|place| !watch.is_ejected(place, at(0), true)));
    watch.checked(1, true);
    assert!(watch.is_ejected(0, at(0), true) && !watch.is_ejected(1, at(0), true));
    let never = super::watch(EjectionPolicy { panic_share: percent_of(0), ..EjectionPolicy::default() }, 4);
    (0..4).for_each(|place| never.checked(place, false));
    assert!((0..4).all(|place| never.is_ejected(place, at(0), true)));
}

#[test]
fn no_more_than_the_ceiling_are_passed_over_for_their_checks() {
    for (endpoints, percent, expected) in
        [(1, 100, 1), (2, 50, 1), (3, 50, 1), (3, 100, 3), (10, 30, 3), (10, 0, 0)]
    {
        let policy = EjectionPolicy {
            down_share_max: percent_of(percent),
            panic_share: percent_of(0),
            ..EjectionPolicy::default()
        };
        let watch = watch(policy, endpoints);
        (0..endpoints).for_each(|place| watch.checked(place, false));
        let told = watch.members().iter().map(|member| member.told(at(0)));
        assert!(told.clone().all(|told| told.is_down));
        assert_eq!(told.filter(|told| told.is_passed_over).count(), expected, "{endpoints}, {percent} %");
        assert_eq!(watch.outside().0, expected);
    }
}

#[test]
fn whoever_recovers_makes_room_for_another() {
    let half = EjectionPolicy { down_share_max: percent_of(50), ..EjectionPolicy::default() };
    let before = watch(half, 4);
    (0..3).for_each(|place| before.checked(place, false));
    let passed_over = |watch: &Watch| {
        let told = watch.members().iter().map(|member| member.told(at(0)).is_passed_over);
        told.collect::<Vec<_>>()
    };
    assert_eq!(passed_over(&before), [true, true, false, false]);
    assert!(before.is_ejected(0, at(0), true) && !before.is_ejected(2, at(0), true));
    before.checked(0, true);
    assert_eq!(passed_over(&before), [false, true, true, false]);
    // Of fewer endpoints fewer may be: the first is let go.
    let fewer = before.members().iter().skip(1).cloned();
    let after = Watch::new(half, fewer, Some(&before));
    assert_eq!((passed_over(&after), after.outside()), (vec![false, true, false], (1, false)));
}

#[test]
fn checks_and_calls_count_together() {
    let watch = watch(EjectionPolicy::default(), 4);
    watch.checked(0, false);
    fail(&watch, 1, at(0), 5);
    assert_eq!(watch.outside(), (2, false));
    // A good check says nothing of calls that fail, and none the less.
    watch.checked(1, true);
    assert!(watch.is_ejected(1, at(0), true));
    watch.checked(2, false);
    assert_eq!(watch.outside(), (3, true), "a quarter is left");
}

#[test]
fn endpoints_that_stand_out_are_ejected() {
    let plain = EjectionPolicy { consecutive_failures: 0, ..EjectionPolicy::default() };
    let success_rate = Some(SuccessRate { deviations: 1900, endpoints: 5 });
    let by_rate = EjectionPolicy { success_rate, ..plain };
    let by_share = EjectionPolicy { failure_share: Some(percent_of(30)), ..plain };
    let by_latency = EjectionPolicy { latency: Some(SlowerThan { percent: 300, endpoints: 3 }), ..plain };
    // Failures of 100 calls, and how long they take, of the odd one out of six.
    let table = [
        (by_rate, 40, 10, Some(Cause::SuccessRate)),
        (by_rate, 3, 10, None),
        (by_share, 30, 10, Some(Cause::FailureShare)),
        (by_share, 29, 10, None),
        (by_latency, 0, 31, Some(Cause::Latency)),
        (by_latency, 0, 29, None),
        (plain, 100, 1000, None),
    ];
    for (policy, failures, millis, expected) in table {
        let watch = watch(policy, 6);
        succeed(&watch, 0, at(0), 1, at(10));
        for place in 0..6 {
            let is_odd = place == 3;
            let failed = if is_odd { failures } else { 0 };
            (0..failed).for_each(|_| watch.ended(place, at(1), true, at(10)));
            succeed(&watch, place, at(1), 100 - failed, at(if is_odd { millis } else { 10 }));
        }
        assert!(!watch.has_outside(), "nothing is said before the interval ends");
        succeed(&watch, 0, at(10_000), 1, at(10));
        let cause = watch.members()[3].told(at(10_000)).ejected.map(|(cause, _)| cause);
        assert_eq!(cause, expected, "{policy:?}");
        assert_eq!(watch.outside().0, usize::from(expected.is_some()));
    }
}

#[test]
fn few_calls_and_few_endpoints_say_nothing() {
    let success_rate = Some(SuccessRate { deviations: 1900, endpoints: 5 });
    let policy = EjectionPolicy { consecutive_failures: 0, success_rate, ..EjectionPolicy::default() };
    for (endpoints, calls) in [(4, 100), (6, 19)] {
        let watch = watch(policy, endpoints);
        succeed(&watch, 0, at(0), 1, at(1));
        fail(&watch, 1, at(1), calls);
        (0..endpoints)
            .filter(|place| *place != 1)
            .for_each(|place| succeed(&watch, place, at(1), calls, at(1)));
        succeed(&watch, 0, at(10_000), 1, at(1));
        assert!(!watch.has_outside(), "{endpoints} endpoints, {calls} calls");
    }
}

#[test]
fn members_keep_their_state_in_another_watch() {
    let before = watch(EjectionPolicy::default(), 3);
    fail(&before, 0, at(0), 5);
    let fewer = before.members().iter().take(2).cloned();
    let after = Watch::new(EjectionPolicy::default(), fewer, Some(&before));
    assert!(after.is_ejected(0, at(1), true) && !after.is_ejected(1, at(1), true));
    assert_eq!(after.outside(), (1, false));
}

#[test]
fn threads_never_eject_more_than_the_ceiling() {
    for round in 0..100 {
        let watch = watch(EjectionPolicy::default(), 10);
        thread::scope(|scope| {
            for number in 0..8 {
                let watch = &watch;
                scope.spawn(move || {
                    for call in 0..200 {
                        watch.ended((number + call) % 10, at(call as u64), true, at(1));
                    }
                });
            }
        });
        let ejected = watch.members().iter().filter(|member| member.told(at(200)).ejected.is_some()).count();
        assert_eq!((ejected, watch.ejections()), (5, 5), "round {round}");
    }
}

proptest! {
    #[test]
    fn somebody_is_always_left(
        percent in 0_u32..=100,
        panic_percent in 1_u32..=100,
        steps in proptest::collection::vec((0_usize..7, any::<bool>(), 0_u64..20_000, any::<bool>()), 0..400)
    ) {
        let failure_share = Some(percent_of(50));
        let policy = EjectionPolicy { ejected_share_max: percent_of(percent), panic_share: percent_of(panic_percent), failure_share, minimum_requests: 1, ..EjectionPolicy::default() };
        let watch = watch(policy, 7);
        let mut now = Duration::ZERO;
        for (place, is_failure, wait, is_check) in steps {
            now += at(wait);
            if is_check {
                watch.checked(place, !is_failure);
            } else {
                watch.chosen(place, now);
                watch.ended(place, now, is_failure, at(5));
            }
            prop_assert!((0..7).any(|place| !watch.is_ejected(place, now, true)));
            let ejected = watch.members().iter().filter(|member| member.told(now).ejected.is_some()).count();
            prop_assert!(ejected <= policy.ejected_max(7));
        }
    }
}
