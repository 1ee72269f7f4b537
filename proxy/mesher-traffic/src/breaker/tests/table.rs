//! What a breaker does, case by case.
//! Each case must be one that somebody can meet.

use std::time::Duration;

use super::*;
use mesher_model::rule::BreakerMode;

use crate::breaker::Standing;

#[test]
fn it_opens_at_its_rate_once_the_window_is_full() {
    let breaker = breaker(of_calls(20, 50, at(5000)));
    calls(&breaker, at(0), 10, GOOD);
    calls(&breaker, at(0), 9, FAILED);
    assert_eq!(breaker.told(at(0)).standing, Standing::Closed);
    calls(&breaker, at(0), 1, FAILED);
    assert_eq!(breaker.ask(at(10)).unwrap_err().retry_after, at(4990));
    let told = breaker.told(at(10));
    assert_eq!((told.standing, told.calls, told.failed, told.opened), (Standing::Open, 20, 10, 1));
    assert_eq!(told.refused, 1);
}

#[test]
fn a_probe_closes_it_and_another_one_waits() {
    let breaker = breaker(of_calls(4, 50, at(1000)));
    calls(&breaker, at(0), 4, FAILED);
    assert!(breaker.foretell(at(999)).is_err() && breaker.ask(at(999)).is_err());
    assert!(breaker.foretell(at(1000)).is_ok());
    let probe = breaker.ask(at(1000)).unwrap();
    assert!(probe.is_probe());
    assert_eq!(breaker.ask(at(1001)).unwrap_err().retry_after, at(1000));
    assert_eq!(breaker.told(at(1001)).standing, Standing::HalfOpen);
    probe.record(at(1002), GOOD);
    assert_eq!(breaker.told(at(1002)).standing, Standing::Closed);
    // The failures that opened it are forgotten: it takes a whole window to open it again.
    calls(&breaker, at(1003), 3, FAILED);
    assert_eq!(breaker.told(at(1003)).standing, Standing::Closed);
    calls(&breaker, at(1003), 1, FAILED);
    assert_eq!(breaker.told(at(1003)).standing, Standing::Open);
}

#[test]
fn a_failed_probe_opens_it_for_the_whole_time() {
    let breaker = breaker(of_calls(1, 50, at(1000)));
    calls(&breaker, at(0), 1, FAILED);
    breaker.ask(at(1500)).unwrap().record(at(1600), FAILED);
    assert_eq!(breaker.ask(at(1600)).unwrap_err().retry_after, at(1000));
    assert_eq!(breaker.told(at(1600)).opened, 2);
}

#[test]
fn calls_sent_before_it_opened_are_no_probes() {
    let breaker = breaker(of_calls(2, 50, at(1000)));
    let late: Vec<_> = (0..2).map(|_| breaker.ask(at(0)).unwrap()).collect();
    calls(&breaker, at(1), 2, FAILED);
    let probe = breaker.ask(at(1001)).unwrap();
    let mut late = late.into_iter();
    late.next().unwrap().record(at(1002), GOOD);
    assert_eq!(breaker.told(at(1002)).standing, Standing::HalfOpen);
    probe.record(at(1003), GOOD);
    assert_eq!(breaker.told(at(1003)).standing, Standing::Closed);
    late.next().unwrap().record(at(1004), FAILED);
    assert_eq!(breaker.told(at(1004)).calls, 0, "an older call does not count in the new window");
}

#[test]
fn a_probe_that_says_nothing_is_given_back() {
    let breaker = breaker(of_calls(1, 50, at(1000)));
    calls(&breaker, at(0), 1, FAILED);
    drop(breaker.ask(at(1000)).unwrap());
    let probe = breaker.ask(at(1000)).expect("the place of the probe is free again");
    assert!(breaker.ask(at(1000)).is_err());
    probe.record(at(1000), GOOD);
    assert!(breaker.ask(at(1000)).is_ok());
}

#[test]
fn a_probe_that_never_ends_does_not_hold_it() {
    let breaker = breaker(of_calls(1, 50, at(1000)));
    calls(&breaker, at(0), 1, FAILED);
    let endless = breaker.ask(at(1000)).unwrap();
    assert!(breaker.foretell(at(1999)).is_err() && breaker.ask(at(1999)).is_err());
    assert!(breaker.foretell(at(2000)).is_ok());
    let other = breaker.ask(at(2000)).expect("one more may find out");
    assert!(breaker.ask(at(2000)).is_err());
    other.record(at(2001), GOOD);
    assert_eq!(breaker.told(at(2001)).standing, Standing::Closed);
    endless.record(at(9000), FAILED);
    assert_eq!(breaker.told(at(9000)).failed, 0);
}

#[test]
fn several_probes_judge_as_soon_as_the_rest_cannot_change_it() {
    let policy = of_calls(1, 50, at(1000)).with_probes(4);
    // Good or failed probes, and what stands after each.
    let table: [(&[bool], Standing); 4] = [
        (&[true, true, true], Standing::Closed),
        (&[true, false], Standing::HalfOpen),
        (&[false, false], Standing::Open),
        (&[true, true, false], Standing::HalfOpen),
    ];
    for (probes, expected) in table {
        let breaker = breaker(policy);
        calls(&breaker, at(0), 1, FAILED);
        let permits: Vec<_> = (0..4).map(|_| breaker.ask(at(1000)).unwrap()).collect();
        assert!(breaker.ask(at(1000)).is_err());
        for (permit, is_good) in permits.into_iter().zip(probes) {
            permit.record(at(1001), if *is_good { GOOD } else { FAILED });
        }
        assert_eq!(breaker.told(at(1001)).standing, expected, "{probes:?}");
    }
}

#[test]
fn slow_calls_open_it_where_a_rule_says_so() {
    let slow = Seen { is_failure: false, elapsed: at(300) };
    let plain = of_calls(4, 50, at(1000));
    let strict = plain.with_slow_calls(percent_of(75), at(300));
    for (policy, expected) in [(plain, Standing::Closed), (strict, Standing::Open)] {
        let breaker = breaker(policy);
        calls(&breaker, at(0), 1, GOOD);
        calls(&breaker, at(0), 3, slow);
        assert_eq!(breaker.told(at(0)).standing, expected);
    }
}

#[test]
fn a_window_of_time_forgets_and_wants_its_least_number() {
    let policy = BreakerPolicy::new(Span::Time(at(10_000)), percent_of(50), at(1000));
    let breaker = breaker(policy.with_minimum_calls(20));
    calls(&breaker, at(0), 19, FAILED);
    assert_eq!(breaker.told(at(0)).standing, Standing::Closed);
    assert_eq!(breaker.told(at(9_999)).failed, 19);
    assert_eq!(breaker.told(at(10_000)).failed, 0);
    calls(&breaker, at(10_000), 10, GOOD);
    calls(&breaker, at(12_000), 10, FAILED);
    assert_eq!(breaker.told(at(12_000)).standing, Standing::Open);
}

#[test]
fn a_person_decides_where_it_is_forced() {
    let policy = of_calls(1, 50, at(1000));
    let open = breaker(policy.with_mode(BreakerMode::ForcedOpen));
    assert_eq!(open.ask(at(0)).unwrap_err().retry_after, at(1000));
    assert!(open.foretell(at(99_999)).is_err() && open.ask(at(99_999)).is_err());
    assert_eq!(open.told(at(0)).standing, Standing::Open);
    let closed = breaker(policy.with_mode(BreakerMode::ForcedClosed));
    calls(&closed, at(0), 100, FAILED);
    assert_eq!(closed.told(at(0)).standing, Standing::Closed);
}

#[test]
fn no_number_of_a_rule_makes_a_breaker_that_cannot_work() {
    for span in [Span::Calls(0), Span::Calls(u32::MAX), Span::Time(Duration::ZERO), Span::Time(Duration::MAX)]
    {
        let policy =
            BreakerPolicy::new(span, percent_of(0), Duration::ZERO).with_probes(0).with_minimum_calls(0);
        let breaker = breaker(policy);
        let mut now = Duration::ZERO;
        for _ in 0..20_000 {
            now += MS;
            if let Ok(permit) = breaker.ask(now) {
                permit.record(now, FAILED);
            }
        }
        assert!(breaker.told(now).opened > 0, "{span:?}");
    }
}
