//! Rate limits and faults as keys say them, and what becomes of calls.
//! They must count calls, never look at how a value is held.

use std::time::Duration;

use super::{Call, call, good, read};
use crate::fault::{Abort, Blow, Counts, Faults};
use crate::limit::{Counter, Limits, check};
use crate::{About, CallView, Caller, KeyRules, Own};

const LOGIN: (&str, &str) = ("servicecomb.matchGroup.login", "matches:\n  - apiPath: {exact: /login}\n");
const ALL: (&str, &str) = ("servicecomb.matchGroup.all", "matches:\n  - apiPath: {prefix: /}\n");

fn hash(text: &[u8]) -> u64 {
    text.iter().fold(11, |hash: u64, byte| hash.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(*byte)))
}

/// Counts of what keys say.
struct Meters(Option<Limits>);

impl Meters {
    fn of(rules: &KeyRules, about: &About) -> Self {
        let policy = rules.policy(about, "kie");
        Self(policy.and_then(|policy| Some(Limits::new(policy.limits.as_ref()?, None, Counter::new))))
    }

    /// How many of so many calls of a service pass, some seconds after the beginning.
    fn pass(&self, (caller, call): (&str, &Call), count: usize, seconds: f64) -> usize {
        let Some(limits) = &self.0 else { return count };
        let view = CallView { head: call, caller: Caller::named(caller) };
        let now = Duration::from_secs(100) + Duration::from_secs_f64(seconds);
        (0..count).filter(|_| check(limits, &view, &hash, now) == Ok(Duration::ZERO)).count()
    }
}

/// control-plane-api §11.6.
#[test]
fn so_many_permits_in_each_period() {
    let rules = good(&[LOGIN, ("servicecomb.rateLimiting.login", "rate: 10\nlimitRefreshPeriod: 1000\n")]);
    let meters = Meters::of(&rules, &About::Provider);
    let login = call("/login");
    assert_eq!(meters.pass(("web-shop", &login), 11, 0.1), 10);
    assert_eq!(meters.pass(("other", &login), 5, 0.9), 0, "all callers together");
    assert_eq!(meters.pass(("web-shop", &login), 11, 1.0), 10);
    assert_eq!(meters.pass(("web-shop", &call("/")), 99, 1.0), 99);
    assert!(
        Meters::of(&rules, &About::called("default", "order-service")).0.is_none(),
        "who takes calls counts"
    );
}

#[test]
fn the_first_policy_by_order_counts_alone() {
    let rules = good(&[
        LOGIN,
        ALL,
        ("servicecomb.rateLimiting.login", "rate: 5\norder: 1\nlimitRefreshPeriod: 1H\n"),
        ("servicecomb.rateLimiting.all", "rate: 2\norder: 2\nlimitRefreshPeriod: 1H\n"),
    ]);
    let meters = Meters::of(&rules, &About::Provider);
    assert_eq!(meters.pass(("a", &call("/login")), 9, 0.0), 5);
    assert_eq!(meters.pass(("a", &call("/")), 9, 0.0), 2);
}

#[test]
fn each_value_of_an_identifier_has_its_own_permits() {
    let value = "rate: 2\nidentifier: User-Id\nlimitRefreshPeriod: 1H\n";
    let rules = good(&[ALL, ("servicecomb.identifierRateLimiting.all", value)]);
    let meters = Meters::of(&rules, &About::Provider);
    for user in ["jason", "ann"] {
        assert_eq!(meters.pass(("a", &call("/").and("user-id", user)), 5, 0.0), 2, "{user}");
    }
    let rules = read(&[ALL, ("servicecomb.identifierRateLimiting.all", "rate: 2\n")]);
    assert!(rules.problems[0].contains("identifier is missing"), "{:?}", rules.problems);
}

#[test]
fn go_names_the_group_and_a_burst() {
    let rules = good(&[LOGIN, ("servicecomb.rateLimiting.calm", "match: login\nrate: 10\nburst: 3\n")]);
    let meters = Meters::of(&rules, &About::Provider);
    assert_eq!(meters.pass(("a", &call("/login")), 9, 0.0), 3);
    assert_eq!(meters.pass(("a", &call("/login")), 9, 0.2), 2);
    let rules = read(&[
        LOGIN,
        ("servicecomb.rateLimiting.calm", "match: login\nrate: 10\nburst: 3\n"),
        ("servicecomb.rateLimiting.login", "rate: 1\n"),
    ]);
    assert!(rules.problems[0].contains("is about the same match group login"), "{:?}", rules.problems);
}

#[test]
fn the_older_flow_control_counts_seconds_by_who_calls_and_who_is_called() {
    let rules = good(&[
        ("cse.flowcontrol.Provider.qps.limit.web-shop", "3"),
        ("servicecomb.flowcontrol.Provider.qps.global.limit", "2"),
        ("servicecomb.flowcontrol.Consumer.qps.limit.order-service", "4"),
        ("servicecomb.flowcontrol.Consumer.qps.limit.off", "0"),
    ]);
    let root = call("/");
    let provider = Meters::of(&rules, &About::Provider);
    assert_eq!(provider.pass(("web-shop", &root), 9, 0.0), 3);
    assert_eq!(provider.pass(("other", &root), 9, 0.0), 2);
    assert_eq!(provider.pass(("third", &root), 9, 0.9), 0, "all others together");
    assert_eq!(provider.pass(("third", &root), 9, 1.0), 2);
    let consumer = |service: &str| Meters::of(&rules, &About::called("default", service));
    assert_eq!(consumer("order-service").pass(("a", &root), 9, 0.0), 4);
    assert_eq!(consumer("off").pass(("a", &root), 9, 0.0), 0);
    assert!(consumer("other").0.is_none());
    let rules = good(&[
        ("servicecomb.flowcontrol.strategy", "TokenBucket"),
        ("servicecomb.flowcontrol.Provider.qps.global.limit", "10"),
        ("servicecomb.flowcontrol.Provider.qps.global.bucket", "5"),
    ]);
    let provider = Meters::of(&rules, &About::Provider);
    assert_eq!((provider.pass(("a", &root), 9, 0.0), provider.pass(("a", &root), 9, 0.3)), (5, 3));
    let off = ("cse.flowcontrol.Provider.qps.enabled", "false");
    let rules = good(&[off, ("cse.flowcontrol.Provider.qps.global.limit", "0")]);
    assert!(Meters::of(&rules, &About::Provider).0.is_none());
}

#[test]
fn a_number_that_is_none_leaves_the_last_good_one() {
    let key = "servicecomb.flowcontrol.Provider.qps.limit.web-shop";
    let before = good(&[(key, "3")]);
    let rules = KeyRules::read([(key, "many")], &Own::default(), &before);
    assert_eq!(rules.problems, [format!("{key}: \"many\" is no whole number; its last good value holds")]);
    assert_eq!(Meters::of(&rules, &About::Provider).pass(("web-shop", &call("/")), 9, 0.0), 3);
    assert!(rules.holding().any(|holding| holding == (key, "3")));
    let odd = "servicecomb.flowcontrol.Provider.qps.burst";
    assert!(read(&[(odd, "3")]).problems[0].contains("no proxy knows what it says"));
}

fn blows(rules: &KeyRules, (service, call): (&str, &Call), count: usize) -> Vec<Blow> {
    let policy = rules.policy(&About::called("default", service), "kie").unwrap_or_default();
    let Some(faults) = &policy.faults else { return vec![Blow::default(); count] };
    let faults = Faults::new(faults, None, |_| Counts::default());
    let view = CallView { head: call, caller: Caller::named("web-shop") };
    let next = |_| faults.pick(&view).map_or_else(Blow::default, |(entry, counts)| entry.item.next(counts));
    (0..count).map(next).collect()
}

#[test]
fn faults_hit_their_percentage_of_each_hundred_calls() {
    let abort = ("servicecomb.faultInjection.login", "type: abort\npercentage: 30\nerrorCode: 503\n");
    let rules = good(&[
        LOGIN,
        ALL,
        abort,
        ("servicecomb.faultInjection.all", "type: delay\ndelayTime: 50\npercentage: 100\norder: 1\n"),
    ]);
    let hit = blows(&rules, ("shop", &call("/login")), 100);
    assert_eq!(hit.iter().filter(|blow| blow.abort == Some(Abort::Status(503))).count(), 30);
    let late = Blow { delay: Some(Duration::from_millis(50)), ..Blow::default() };
    assert_eq!(blows(&rules, ("shop", &call("/")), 1), [late]);
    for off in ["type: abort\n", "type: abort\npercentage: 30\nforceClosed: true\n"] {
        let rules = good(&[LOGIN, ("servicecomb.faultInjection.login", off)]);
        assert!(blows(&rules, ("shop", &call("/login")), 9).iter().all(Blow::is_none), "{off}");
    }
    let rules = good(&[
        LOGIN,
        ("servicecomb.faultInjection.login", "type: abort\npercentage: 100\nfallbackType: ReturnNull\n"),
    ]);
    assert_eq!(blows(&rules, ("shop", &call("/login")), 1)[0].abort, Some(Abort::Status(200)));
    let rules = read(&[LOGIN, ("servicecomb.faultInjection.login", "type: storm\n")]);
    assert!(rules.problems[0].contains("type is \"storm\"; it is delay or abort"), "{:?}", rules.problems);
}

/// control-plane-api §4.9.
#[test]
fn the_older_faults_of_a_service_hold_before_those_of_all() {
    let of = |service: &str, what: &str| {
        format!("cse.governance.Consumer.{service}.policy.fault.protocols.rest.{what}")
    };
    let keys = [
        (of("_global", "delay.fixedDelay"), "20"),
        (of("_global", "delay.percent"), "100"),
        (of("shop", "abort.httpStatus"), "421"),
        (of("shop", "abort.percent"), "50"),
        (of("shop", "delay.percent"), "0"),
    ];
    let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let rules = good(&keys);
    let of_shop = blows(&rules, ("shop", &call("/")), 10);
    assert_eq!(of_shop.iter().filter(|blow| blow.abort == Some(Abort::Status(421))).count(), 5);
    assert!(of_shop.iter().all(|blow| blow.delay.is_none()));
    assert_eq!(blows(&rules, ("other", &call("/")), 1)[0].delay, Some(Duration::from_millis(20)));
    let rules = read(&[(&of("shop.schemas.a", "abort.percent"), "5")]);
    assert!(rules.problems[0].contains("a proxy knows no schemas"), "{:?}", rules.problems);
}
