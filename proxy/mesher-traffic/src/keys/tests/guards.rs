//! Breakers and bulkheads as users of Java Chassis write them, in both of its dialects.
//! It must show what becomes of calls, never how a value is held.

use std::sync::Arc;
use std::time::Duration;

use super::{Call, call, good, read};
use crate::breaker::{Breaker, BreakerRule, Seen};
use crate::bulkhead::{BulkheadPolicy, BulkheadRule};
use crate::{About, CallView, Caller, KeyRules, Own, Policy, Selection, StandIn};

const GROUP: (&str, &str) = ("servicecomb.matchGroup.pay", "matches:\n  - apiPath: {exact: /pay}\n");

fn called(rules: &KeyRules) -> Policy {
    rules.policy(&About::called("default", "shop"), "kie").unwrap_or_default()
}

fn provided(rules: &KeyRules) -> Policy {
    rules.policy(&About::Provider, "kie").unwrap_or_default()
}

fn pick<T: Clone>(rules: &Option<Arc<Selection<T>>>, call: &Call) -> Option<(String, T)> {
    let view = CallView { head: call, caller: Caller::named("web-shop") };
    rules.as_ref()?.pick(&view).map(|(_, entry)| (entry.name.to_string(), entry.item.clone()))
}

/// After how many failures in a row, of calls that come one millisecond apart, it refuses, and for how long.
fn opens_after(rule: &BreakerRule) -> Option<(u32, Duration)> {
    let breaker = Arc::new(Breaker::new(rule));
    (0..1000).find_map(|calls| {
        let now = Duration::from_millis(calls.into());
        match breaker.ask(now) {
            Ok(permit) => {
                permit.record(now, Seen { is_failure: true, elapsed: Duration::from_millis(1) });
                None
            }
            Err(refused) => Some((calls, refused.retry_after)),
        }
    })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The example of Java Chassis' manual, and what holds where it says nothing.
#[test]
fn a_circuit_breaker_of_governance_is_the_providers() {
    let value = "failureRateThreshold: 50\nslidingWindowType: COUNT_BASED\nslidingWindowSize: 10\nminimumNumberOfCalls: 5\nwaitDurationInOpenState: 10000\npermittedNumberOfCallsInHalfOpenState: 5\nrecordFailureStatus: [502, 503, 50x]\n";
    let rules = good(&[GROUP, ("servicecomb.circuitBreaker.pay", value)]);
    assert_eq!(called(&rules), Policy::default());
    let policy = provided(&rules);
    assert_eq!(pick(&policy.breaker, &call("/other")), None);
    let (name, rule) = pick(&policy.breaker, &call("/pay")).unwrap();
    assert_eq!(name, "servicecomb.circuitBreaker.pay");
    let (calls, left) = opens_after(&rule).unwrap();
    assert_eq!((calls, left.as_secs()), (5, 9));
    assert!(rule.failures.contains(502) && rule.failures.contains(504) && !rule.failures.contains(500 + 10));
    let said: Vec<_> = policy.said.iter().map(|said| said.name.as_str()).collect();
    assert_eq!(said, ["servicecomb.circuitBreaker.pay"]);

    let rules = good(&[GROUP, ("servicecomb.circuitBreaker.pay", "name: x\n")]);
    let (_, rule) = pick(&provided(&rules).breaker, &call("/pay")).unwrap();
    assert_eq!(opens_after(&rule).unwrap().0, 100);
    assert!(rule.failures.contains(502) && rule.failures.contains(503) && !rule.failures.contains(500));
}

#[test]
fn isolation_and_bulkheads_stand_where_java_has_them() {
    let rules = good(&[
        GROUP,
        ("servicecomb.instanceIsolation.pay", "minimumNumberOfCalls: 3\nslidingWindowSize: 10S\n"),
        ("servicecomb.bulkhead.pay", "maxConcurrentCalls: 7\n"),
        ("servicecomb.instanceBulkhead.pay", "maxConcurrentCalls: 3\n"),
    ]);
    let (caller, provider) = (called(&rules), provided(&rules));
    let (_, rule) = pick(&caller.instance_breaker, &call("/pay")).unwrap();
    assert_eq!(opens_after(&rule).unwrap().0, 3);
    let limit = |rules, call: &Call| pick(rules, call).map(|(_, rule): (_, BulkheadRule)| rule.policy);
    assert_eq!(limit(&caller.instance_bulkhead, &call("/pay")), Some(BulkheadPolicy::Fixed(3)));
    assert_eq!(limit(&provider.bulkhead, &call("/pay")), Some(BulkheadPolicy::Fixed(7)));
    assert_eq!(limit(&provider.bulkhead, &call("/")), None);
    assert!(
        caller.bulkhead.is_none()
            && provider.instance_breaker.is_none()
            && provider.instance_bulkhead.is_none()
    );
}

#[test]
fn what_a_person_forces_holds_and_open_wins() {
    for (value, expected) in [
        ("forceOpen: true\n", Some(0)),
        ("forceOpen: true\nforceClosed: true\n", Some(0)),
        ("forceClosed: true\nminimumNumberOfCalls: 1\n", None),
    ] {
        let rules = good(&[GROUP, ("servicecomb.circuitBreaker.pay", value)]);
        let (_, rule) = pick(&provided(&rules).breaker, &call("/pay")).unwrap();
        assert_eq!(opens_after(&rule).map(|(calls, _)| calls), expected, "{value}");
    }
}

#[test]
fn commands_hold_for_a_side_and_the_most_particular_item_wins() {
    let rules = good(&[
        ("servicecomb.circuitBreaker.Consumer.requestVolumeThreshold", "10"),
        ("servicecomb.circuitBreaker.Consumer.shop.sleepWindowInMilliseconds", "5000"),
        ("servicecomb.circuitBreaker.Consumer.other.requestVolumeThreshold", "3"),
        ("cse.isolation.Consumer.shop.maxConcurrentRequests", "12"),
        ("servicecomb.isolation.Consumer.timeout.enabled", "true"),
        ("servicecomb.isolation.Consumer.shop.timeoutInMilliseconds", "1500"),
    ]);
    let policy = called(&rules);
    let (_, rule) = pick(&policy.breaker, &call("/")).unwrap();
    assert_eq!(opens_after(&rule).unwrap(), (10, seconds(5) - Duration::from_millis(1)));
    assert!(rule.failures.contains(503) && !rule.failures.contains(500) && rule.stand_in.is_none());
    let (name, bulkhead) = pick(&policy.bulkhead, &call("/")).unwrap();
    assert_eq!(name, "cse.isolation.Consumer.shop.maxConcurrentRequests");
    assert_eq!(bulkhead.policy, BulkheadPolicy::Fixed(12));
    assert_eq!(policy.request_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(provided(&rules), Policy::default());
    let other = rules.policy(&About::called("default", "other"), "kie").unwrap();
    assert_eq!(opens_after(&pick(&other.breaker, &call("/")).unwrap().1).unwrap().0, 3);
    assert!(other.bulkhead.is_none());

    let off = good(&[
        ("servicecomb.circuitBreaker.Consumer.enabled", "true"),
        ("servicecomb.circuitBreaker.Consumer.shop.enabled", "false"),
        ("servicecomb.circuitBreaker.Provider.forceOpen", "true"),
    ]);
    assert!(called(&off).breaker.is_none());
    assert_eq!(opens_after(&pick(&provided(&off).breaker, &call("/")).unwrap().1).unwrap().0, 0);
}

#[test]
fn fallbacks_answer_in_place_of_refusals() {
    let table: [(&[(&str, &str)], Option<StandIn>); 5] = [
        (&[("fallbackpolicy.Consumer.policy", "returnnull")], Some(StandIn::Nothing)),
        (&[("fallbackpolicy.Consumer.shop.policy", "throwexception")], Some(StandIn::Exception)),
        (&[("fallback.Consumer.enabled", "true")], Some(StandIn::Exception)),
        (&[("fallback.Consumer.enabled", "false"), ("fallbackpolicy.Consumer.policy", "returnnull")], None),
        (&[("fallbackpolicy.Consumer.other.policy", "returnnull")], None),
    ];
    for (keys, expected) in table {
        let keys: Vec<_> = keys.iter().map(|(key, value)| (format!("servicecomb.{key}"), *value)).collect();
        let breaker = [("servicecomb.circuitBreaker.Consumer.enabled", "true")];
        let all: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).chain(breaker).collect();
        let (_, rule) = pick(&called(&good(&all)).breaker, &call("/")).unwrap();
        assert_eq!(rule.stand_in, expected, "{all:?}");
    }
    let forced = good(&[
        ("cse.fallback.Consumer.force", "true"),
        ("cse.fallbackpolicy.Consumer.policy", "returnnull"),
    ]);
    let (_, rule) = pick(&called(&forced).breaker, &call("/")).unwrap();
    assert_eq!((opens_after(&rule).unwrap().0, rule.stand_in), (0, Some(StandIn::Nothing)));
}

#[test]
fn what_cannot_be_used_is_told_and_the_last_good_value_holds() {
    let before = good(&[
        GROUP,
        ("servicecomb.circuitBreaker.pay", "minimumNumberOfCalls: 2\n"),
        ("servicecomb.circuitBreaker.Consumer.requestVolumeThreshold", "4"),
    ]);
    for (key, value, told) in [
        ("servicecomb.circuitBreaker.pay", "failureRateThreshold: 101\n", "\"101\" is no percentage"),
        ("servicecomb.circuitBreaker.pay", "slidingWindowSize: 0\n", "\"0\" is no number from 1"),
        ("servicecomb.circuitBreaker.pay", "forceOpen: maybe\n", "\"maybe\" is neither true nor false"),
        ("servicecomb.circuitBreaker.pay", "recordFailureStatus: [5]\n", "\"5\" is no status"),
        ("servicecomb.circuitBreaker.Consumer.requestVolumeThreshold", "0", "\"0\" is no number from 1"),
    ] {
        let mut keys = std::collections::BTreeMap::from([
            GROUP,
            ("servicecomb.circuitBreaker.pay", "minimumNumberOfCalls: 2\n"),
            ("servicecomb.circuitBreaker.Consumer.requestVolumeThreshold", "4"),
        ]);
        keys.insert(key, value);
        let rules = KeyRules::read(keys, &Own::default(), &before);
        let [problem] = rules.problems.as_slice() else { panic!("{:?}", rules.problems) };
        assert!(problem.contains(told) && problem.ends_with("its last good value holds"), "{problem}");
        let (_, of_pay) = pick(&provided(&rules).breaker, &call("/pay")).unwrap();
        let (_, of_all) = pick(&called(&rules).breaker, &call("/")).unwrap();
        assert_eq!((opens_after(&of_pay).unwrap().0, opens_after(&of_all).unwrap().0), (2, 4));
    }
    let rules = read(&[("servicecomb.fallbackpolicy.Consumer.policy", "fromcache")]);
    assert!(rules.problems[0].contains("no fallback that a proxy has"), "{:?}", rules.problems);
    let waits = read(&[GROUP, ("servicecomb.bulkhead.pay", "maxWaitDuration: 100\n")]);
    assert!(waits.problems[0].contains("refused at once"), "{:?}", waits.problems);
    assert!(!KeyRules::is_about_calls("servicecomb.isolation.other"));
    assert!(KeyRules::is_about_calls("cse.isolation.Consumer.maxConcurrentRequests"));
}
