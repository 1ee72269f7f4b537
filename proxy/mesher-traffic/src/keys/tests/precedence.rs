//! Which of several keys about one service holds.
//! It must hold in whatever order they come.

use super::{assert_takes, call, good, read};
use crate::{KeyRules, Own};

const BOTH: &[&str] = &["1", "2"];

fn to(version: &str) -> String {
    format!("- route: [{{weight: 100, tags: {{version: '{version}'}}}}]")
}

const DARK: &str = r#"{"policyType":"RATE","ruleItems":[{"groupName":"a","groupCondition":"version=2","policyCondition":"100"}]}"#;

#[test]
fn the_newer_word_holds_and_a_list_of_rules_before_a_dark_launch_before_a_global_rule() {
    let (one, two) = (to("1"), to("2"));
    let (one, two) = (one.as_str(), two.as_str());
    for (keys, version) in [
        ([("servicecomb.routeRule.order-service", one), ("cse.routeRule.order-service", two)], "1"),
        ([("cse.routeRule.order-service", one), ("routeRule.order-service", two)], "1"),
        (
            [
                ("servicecomb.routeRule.order-service", one),
                ("servicecomb.darklaunch.policy.order-service", DARK),
            ],
            "1",
        ),
        ([("cse.darklaunch.policy.order-service", DARK), ("servicecomb.globalRouteRule", one)], "2"),
        ([("servicecomb.globalRouteRule", one), ("cse.globalRouteRule", two)], "1"),
        // As callers of other applications name it: the plain name first.
        (
            [
                ("servicecomb.routeRule.order-service", one),
                ("servicecomb.routeRule.default:order-service", two),
            ],
            "1",
        ),
        ([("servicecomb.routeRule.default:order-service", two), ("servicecomb.globalRouteRule", one)], "2"),
        // Words of an application's own.
        ([("servicecomb.routeRule.order-service", one), ("shop.routeRule.order-service", two)], "1"),
        ([("servicecomb.routeRule.order-service", one), ("globalRouteRule", two)], "1"),
    ] {
        let [first, second] = keys;
        for keys in [[first, second], [second, first]] {
            assert_takes(&good(&keys), BOTH, &call("/"), &[version]);
        }
    }
}

#[test]
fn what_cannot_be_used_leaves_the_last_good_value() {
    let key = "servicecomb.routeRule.order-service";
    let first = good(&[(key, &to("1"))]);
    let bad = KeyRules::read([(key, "- route: [")], &Own::default(), &first);
    assert_takes(&bad, BOTH, &call("/"), &["1"]);
    assert!(bad.problems[0].ends_with("; its last good value holds"), "{:?}", bad.problems);
    // It does so as long as it is bad, and however often it changes meanwhile.
    let still_bad = KeyRules::read([(key, "none")], &Own::default(), &bad);
    assert_takes(&still_bad, BOTH, &call("/"), &["1"]);
    let (other, two) = (to("1"), to("2"));
    let mended = KeyRules::read([(key, two.as_str())], &Own::default(), &still_bad);
    assert_takes(&mended, BOTH, &call("/"), &["2"]);
    assert!(mended.problems.is_empty());
    let gone = KeyRules::read([("servicecomb.routeRule.other", other.as_str())], &Own::default(), &still_bad);
    assert_takes(&gone, BOTH, &call("/"), BOTH);
    // Whoever never had a good one goes on with what stands behind it.
    let never = read(&[(key, "- route: ["), ("servicecomb.globalRouteRule", &to("2"))]);
    assert_takes(&never, BOTH, &call("/"), &["2"]);
    assert!(never.problems[0].ends_with("; it is as if the key were not there"), "{:?}", never.problems);
}

#[test]
fn a_match_group_that_comes_later_changes_the_rules_that_refer_to_it() {
    let rule = (
        "servicecomb.routeRule.order-service",
        "- {match: {refer: g}, route: [{weight: 100, tags: {version: '2'}}]}",
    );
    let group = |path: &str| format!("matches: [{{apiPath: {{exact: {path}}}}}]");
    let before = read(&[rule]);
    assert_takes(&before, BOTH, &call("/a"), BOTH);
    let a =
        KeyRules::read([rule, ("servicecomb.matchGroup.g", group("/a").as_str())], &Own::default(), &before);
    assert_takes(&a, BOTH, &call("/a"), &["2"]);
    let b = KeyRules::read([rule, ("servicecomb.matchGroup.g", group("/b").as_str())], &Own::default(), &a);
    assert_takes(&b, BOTH, &call("/a"), BOTH);
    assert_takes(&b, BOTH, &call("/b"), &["2"]);
    let same =
        KeyRules::read([rule, ("servicecomb.matchGroup.g", group("/b").as_str())], &Own::default(), &b);
    let of = |rules: &KeyRules| rules.route("order-service", "").cloned().unwrap();
    assert!(std::sync::Arc::ptr_eq(&of(&b), &of(&same)), "what did not change is not made anew");
}

#[test]
fn only_keys_about_calls_are_read() {
    for key in [
        "servicecomb.request.timeout",
        "cse.request.a.timeout",
        "servicecomb.routeRule.a",
        "routeRule.a",
        "servicecomb.globalRouteRule",
        "cse.darklaunch.policy.a",
        "servicecomb.matchGroup.a.b",
        "servicecomb.match.a",
        "sourceTemplate.a",
        "servicecomb.rateLimiting.a",
        "servicecomb.identifierRateLimiting.a",
        "cse.flowcontrol.Provider.qps.limit.a",
        "servicecomb.faultInjection.a",
        "cse.governance.Consumer._global.policy.fault.protocols.rest.abort.percent",
    ] {
        assert!(KeyRules::is_about_calls(key), "{key}");
    }
    for key in [
        "",
        "password",
        "request.timeout",
        "match.a",
        "servicecomb.match.a.b",
        "servicecomb.routeRule.",
        "servicecomb.darklaunch.a",
        "shop.routeRule.a",
        "servicecomb.cache.a",
        "servicecomb.governance.Consumer.a.policy.fallback",
    ] {
        assert!(!KeyRules::is_about_calls(key), "{key}");
    }
}
