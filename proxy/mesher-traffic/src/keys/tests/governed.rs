//! Java's governance as its users write it, and which of its rules is about which call.
//! It must show what becomes of calls, never how a value is held.

use super::{Call, call, good, read};
use crate::{About, CallView, Caller, KeyRules, Own};

const GROUP: (&str, &str) =
    ("servicecomb.matchGroup.login", "matches:\n  - apiPath: {exact: /login}\n    method: [POST]\n");

/// How many tries a call of the web shop to the order service gets; `None` where no rule is about it.
fn tries(rules: &KeyRules, call: &Call) -> Option<u32> {
    let policy = rules.policy(&About::called("default", "order-service"), "kie")?;
    let caller = Caller::named("web-shop");
    let retry = policy.retry.as_ref()?;
    retry.pick(&CallView { head: call, caller }).map(|(_, entry)| entry.item.tries_max)
}

#[test]
fn a_rule_is_about_the_calls_of_its_match_group() {
    let rules = good(&[GROUP, ("servicecomb.retry.login", "maxAttempts: 5\nretryOnResponseStatus: [50x]\n")]);
    assert_eq!(tries(&rules, &call("/login").by("POST")), Some(6), "further tries");
    assert_eq!((tries(&rules, &call("/login")), tries(&rules, &call("/"))), (None, None));
    assert_eq!(rules.policy(&About::Provider, "kie"), None, "callers try again");
}

#[test]
fn the_smallest_order_holds_of_rules_about_one_call() {
    let all = ("servicecomb.matchGroup.all", "matches:\n  - apiPath: {prefix: /}\n");
    let rule = |order: &str| format!("maxAttempts: 1\norder: {order}\n");
    let (first, second) = (rule("2"), rule("1"));
    let two = ("servicecomb.retry.login", "maxAttempts: 4\norder: 2\n");
    let rules = good(&[GROUP, all, two, ("servicecomb.retry.all", &second)]);
    assert_eq!(tries(&rules, &call("/login").by("POST")), Some(2));
    let rules = good(&[
        GROUP,
        all,
        ("servicecomb.retry.login", "maxAttempts: 4\norder: 1\n"),
        ("servicecomb.retry.all", &first),
    ]);
    assert_eq!(tries(&rules, &call("/login").by("POST")), Some(5));
    assert_eq!(tries(&rules, &call("/other")), Some(2));
}

#[test]
fn services_name_the_proxies_that_carry_a_rule_out() {
    let group = ("servicecomb.matchGroup.all", "matches:\n  - apiPath: {prefix: /}\n");
    let own = Own { service: "web-shop".to_owned(), version: "1.0.0".to_owned(), ..Own::default() };
    for (services, is_ours) in [
        ("", true),
        ("web-shop", true),
        ("other, web-shop:1.0.0", true),
        ("web-shop:2.0.0", false),
        ("order-service", false),
    ] {
        let value = format!("maxAttempts: 1\nservices: \"{services}\"\n");
        let keys = [group, ("servicecomb.retry.all", value.as_str())];
        let rules = KeyRules::read(keys, &own, &KeyRules::default());
        assert_eq!(tries(&rules, &call("/")).is_some(), is_ours, "{services:?}");
    }
}

#[test]
fn a_rule_without_its_group_is_about_no_call_and_that_is_told() {
    let rules = read(&[("servicecomb.retry.login", "maxAttempts: 5\n")]);
    assert_eq!(tries(&rules, &call("/login").by("POST")), None);
    let [problem] = rules.problems.as_slice() else { panic!("{:?}", rules.problems) };
    assert!(problem.contains("no key servicecomb.matchGroup.login is there"), "{problem}");
}

#[test]
fn the_last_good_value_holds_where_one_cannot_be_used() {
    let before = good(&[GROUP, ("servicecomb.retry.login", "maxAttempts: 5\n")]);
    for (value, told) in [
        ("maxAttempts: many\n", "line 1, column 14: \"many\" is no number from 0 to 10"),
        ("maxAttempts: 11\n", "\"11\" is no number from 0 to 10"),
        ("retryOnResponseStatus: [50y]\n", "\"50y\" is no status"),
        ("waitDuration: soon\n", "\"soon\" is no span of time"),
        ("order: first\n", "\"first\" is no order"),
        ("- 1\n", "servicecomb.retry.login: "),
    ] {
        let rules = KeyRules::read([GROUP, ("servicecomb.retry.login", value)], &Own::default(), &before);
        assert_eq!(tries(&rules, &call("/login").by("POST")), Some(6), "{value}");
        let [problem] = rules.problems.as_slice() else { panic!("{:?}", rules.problems) };
        assert!(problem.contains(told) && problem.ends_with("its last good value holds"), "{problem}");
        assert!(rules.holding().any(|(_, value)| value == "maxAttempts: 5\n"));
    }
}
