//! What keys say of instances that fail, of further tries and of time, in the words of `loadbalance` and of `timeLimiter`.
//! It must compare with what the references say each word means.

use std::time::Duration;

use mesher_model::rule::Percent;

use super::{Call, call, good, read};
use crate::ejection::EjectionPolicy;
use crate::retry::{Pause, RetryPolicy};
use crate::{About, CallView, Caller, KeyRules, Own, Policy};

/// What holds for the calls to a service.
fn policy(rules: &KeyRules, service: &str) -> Option<Policy> {
    rules.policy(&About::called("default", service), "kie")
}

fn isolation(keys: &[(&str, &str)], service: &str) -> Option<EjectionPolicy> {
    policy(&good(keys), service)?.health.map(|rule| rule.policy)
}

/// The rule of a service for a call, with its key.
fn retry(rules: &KeyRules, service: &str, call: &Call) -> Option<(String, RetryPolicy)> {
    let rules = policy(rules, service)?.retry?;
    let (_, entry) = rules.pick(&CallView { head: call, caller: Caller::named("web-shop") })?;
    Some((entry.name.to_string(), entry.item.clone()))
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// control-plane-api §4.8.1: each word with the default of Java Chassis, and what it becomes.
#[test]
fn isolation_is_passive_health() {
    let java = EjectionPolicy {
        consecutive_failures: 5,
        failure_share: None,
        minimum_requests: 5,
        base_time: millis(60_000),
        time_max: millis(60_000),
        ejected_share_max: Percent::ALL,
        panic_share: Percent::whole(0).unwrap(),
        ..EjectionPolicy::default()
    };
    let of = |word: &str, value: &str| {
        isolation(&[(&format!("servicecomb.loadbalance.isolation.{word}"), value)], "shop")
    };
    assert_eq!(of("enabled", "true"), Some(java));
    assert_eq!(
        of("continuousFailureThreshold", "3"),
        Some(EjectionPolicy { consecutive_failures: 3, ..java })
    );
    assert_eq!(
        of("continuousFailureThreshold", "0"),
        Some(EjectionPolicy { consecutive_failures: 0, ..java })
    );
    let half = Percent::whole(50);
    assert_eq!(of("errorThresholdPercentage", "50"), Some(EjectionPolicy { failure_share: half, ..java }));
    assert_eq!(of("errorThresholdPercentage", "0"), Some(java), "0 looks at no percentage");
    assert_eq!(of("enableRequestThreshold", "9"), Some(EjectionPolicy { minimum_requests: 9, ..java }));
    let timed = |time| Some(EjectionPolicy { base_time: millis(time), time_max: millis(time), ..java });
    assert_eq!(of("singleTestTime", "10000"), timed(10_000));
    assert_eq!(of("singleTestTime", "100"), timed(3_000), "not sooner than minIsolationTime");
    assert_eq!(of("minIsolationTime", "90000"), timed(90_000));
    assert_eq!(of("enabled", "false"), None);
    assert_eq!(of("recoverImmediatelyWhenSuccess", "true"), None, "nothing that is not so anyway");
    let on = ("servicecomb.loadbalance.filter.isolation.enabled", "true");
    assert_eq!(isolation(&[on], "shop"), Some(java));
    let told = policy(&good(&[on]), "shop").unwrap().said;
    assert_eq!(
        (told[0].kind.as_str(), told[0].name.as_str(), told[0].service.as_str()),
        ("Health", on.0, "*")
    );
}

#[test]
fn isolation_is_that_of_the_service_before_that_of_all() {
    let keys = [
        ("cse.loadbalance.isolation.continuousFailureThreshold", "7"),
        ("cse.loadbalance.shop.isolation.continuousFailureThreshold", "2"),
        ("servicecomb.loadbalance.isolation.singleTestTime", "20000"),
        ("servicecomb.loadbalance.calm.isolation.enabled", "false"),
        ("servicecomb.loadbalance.other:pay.isolation.continuousFailureThreshold", "4"),
    ];
    let of = |service| isolation(&keys, service).map(|policy| policy.consecutive_failures);
    assert_eq!((of("shop"), of("pay"), of("calm")), (Some(2), Some(7), None));
    assert_eq!(isolation(&keys, "shop").unwrap().base_time, millis(20_000), "each word by itself");
    let rules = good(&keys);
    let of_other = rules.policy(&About::called("other", "pay"), "kie").unwrap().health.unwrap();
    assert_eq!(of_other.policy.consecutive_failures, 4);
    assert_eq!(rules.policy(&About::Provider, "kie"), None, "callers isolate");
    // The filter is switched off for all.
    let off = ("cse.loadbalance.filter.isolation.enabled", "false");
    assert_eq!(isolation(&[keys[0], off], "shop"), None);
}

#[test]
fn words_of_isolation_without_a_meaning_are_told() {
    let rules = read(&[
        ("servicecomb.loadbalance.isolation.enabled", "true"),
        ("servicecomb.loadbalance.isolation.maxSingleTestWindow", "60000"),
        ("servicecomb.loadbalance.isolation.recoverImmediatelyWhenSuccess", "false"),
    ]);
    assert_eq!(rules.problems.len(), 2, "{:?}", rules.problems);
    assert!(rules.problems.iter().all(|problem| KeyRules::is_passed_over(problem)), "{:?}", rules.problems);
    assert!(policy(&rules, "shop").unwrap().health.is_some());
}

/// mesher-behaviour §2.7, control-plane-api §4.8.1.
#[test]
fn tries_of_a_service_are_those_of_both_sdks() {
    let of = |keys: &[(&str, &str)]| retry(&good(keys), "shop", &call("/")).map(|(_, policy)| policy);
    let on = ("servicecomb.loadbalance.retryEnabled", "true");
    let next = ("servicecomb.loadbalance.retryOnNext", "2");
    assert_eq!(of(&[next]), None, "it is off where nobody says else");
    assert_eq!(of(&[next, ("cse.loadbalance.retryEnabled", "false")]), None);
    let policy = of(&[on, next]).unwrap();
    assert_eq!((policy.tries_max, policy.same_first, policy.pause), (3, 0, Pause::Fixed(millis(1))));
    assert!(policy.statuses.contains(503) && policy.statuses.contains(502) && !policy.statuses.contains(500));
    let policy = of(&[on, next, ("cse.loadbalance.shop.retryOnSame", "1")]).unwrap();
    assert_eq!((policy.tries_max, policy.same_first), (4, 1));
    assert_eq!(of(&[on]).unwrap().tries_max, 1, "no further one is said");
    let off = ("servicecomb.loadbalance.shop.retryEnabled", "false");
    assert_eq!(of(&[on, next, off]), None, "the service's own");
    // Pauses of Go Chassis.
    for (kind, expected) in [
        ("constant", Pause::Fixed(millis(20))),
        ("zero", Pause::Fixed(Duration::ZERO)),
        ("exponential", Pause::DoublingUpTo(millis(20), millis(90))),
        ("jittered", Pause::DoublingUpTo(millis(20), millis(90))),
    ] {
        let pauses = [
            ("cse.loadbalance.backoff.kind", kind),
            ("cse.loadbalance.backoff.minMs", "20"),
            ("cse.loadbalance.backoff.maxMs", "90"),
        ];
        let keys: Vec<_> = [on, next].into_iter().chain(pauses).collect();
        assert_eq!(of(&keys).unwrap().pause, expected, "{kind}");
    }
}

#[test]
fn tries_of_a_match_group_stand_before_those_of_the_service() {
    let rules = good(&[
        ("servicecomb.matchGroup.login", "matches:\n  - apiPath: {exact: /login}\n"),
        ("servicecomb.retry.login", "maxAttempts: 5\n"),
        ("cse.loadbalance.retryEnabled", "true"),
        ("cse.loadbalance.retryOnNext", "1"),
    ]);
    let of = |path| retry(&rules, "shop", &call(path)).map(|(key, policy)| (key, policy.tries_max)).unwrap();
    assert_eq!(of("/login"), ("servicecomb.retry.login".to_owned(), 6));
    assert_eq!(of("/"), ("cse.loadbalance.retryEnabled".to_owned(), 2));
}

/// control-plane-api §4.2.
#[test]
fn a_time_limiter_bounds_the_calls_of_its_match_group() {
    let group = ("servicecomb.matchGroup.slow", "matches:\n  - apiPath: {prefix: /slow}\n");
    let time = |value: &str, path: &'static str| {
        let rules =
            good(&[group, ("servicecomb.timeLimiter.slow", value), ("servicecomb.request.timeout", "9000")]);
        let policy = policy(&rules, "shop").unwrap();
        assert_eq!(policy.request_timeout, Some(millis(9_000)), "of all other calls");
        let limits = policy.time_limits.unwrap();
        let view = call(path);
        limits
            .pick(&CallView { head: &view, caller: Caller::named("web-shop") })
            .map(|(_, entry)| entry.item.as_millis())
    };
    assert_eq!(time("timeoutDuration: 200\ncancelRunningFuture: true\n", "/slow/one"), Some(200));
    assert_eq!(time("timeoutDuration: 2S\n", "/slow"), Some(2_000));
    assert_eq!(time("name: any\n", "/slow"), Some(1_000));
    assert_eq!(time("timeoutDuration: 200\n", "/other"), None);
    let rules = good(&[group, ("servicecomb.timeLimiter.slow", "timeoutDuration: 200\n")]);
    let said = policy(&rules, "shop").unwrap().said;
    assert_eq!((said[0].kind.as_str(), said[0].name.as_str()), ("Timeout", "servicecomb.timeLimiter.slow"));
    assert_eq!(rules.policy(&About::Provider, "kie"), None, "callers wait");
    // A document that says something of time says all of it.
    let keys = policy(&rules, "shop").unwrap();
    let mut document = Policy { request_timeout: Some(millis(5_000)), ..Policy::default() };
    document.complete(keys.clone());
    assert_eq!((document.request_timeout, document.time_limits), (Some(millis(5_000)), None));
    let mut silent = Policy::default();
    silent.complete(keys);
    assert!(silent.time_limits.is_some());
}

#[test]
fn the_last_good_value_holds_where_one_cannot_be_used() {
    let group = ("servicecomb.matchGroup.slow", "matches:\n  - apiPath: {prefix: /slow}\n");
    let all = [
        group,
        ("servicecomb.loadbalance.retryEnabled", "true"),
        ("servicecomb.loadbalance.retryOnNext", "2"),
        ("servicecomb.loadbalance.backoff.kind", "constant"),
        ("servicecomb.loadbalance.isolation.singleTestTime", "5000"),
        ("servicecomb.timeLimiter.slow", "timeoutDuration: 200\n"),
    ];
    let before = good(&all);
    for (key, value, told) in [
        (1, "yes", "\"yes\" is neither true nor false"),
        (2, "11", "\"11\" is no number from 0 to 10"),
        (3, "fast", "\"fast\" is no kind of pauses: exponential, constant, zero, jittered"),
        (4, "0", "\"0\" is no number from 1 to 86400000"),
        (5, "timeoutDuration: 0\n", "line 1, column 18: no call takes no time"),
        (5, "timeoutDuration: soon\n", "\"soon\" is no span of time"),
    ] {
        let mut keys = all;
        keys[key].1 = value;
        let rules = KeyRules::read(keys, &Own::default(), &before);
        assert_eq!(policy(&rules, "shop"), policy(&before, "shop"), "{value}");
        let [problem] = rules.problems.as_slice() else { panic!("{:?}", rules.problems) };
        assert!(problem.contains(told) && problem.ends_with("its last good value holds"), "{problem}");
        assert!(rules.holding().any(|holding| holding == all[key]), "{key}");
        assert!(KeyRules::is_about_calls(all[key].0), "{}", all[key].0);
    }
}
