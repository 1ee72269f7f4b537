//! Values that cannot be used: what is told, where, and that all else holds.
//! No value may end in a panic, or in a rule that takes more calls than its writer meant.

use proptest::prelude::*;

use super::{assert_takes, call, read, told, with};
use crate::{About, KeyRules, Own};

const BOTH: &[&str] = &["1", "2"];
const KEY: &str = "servicecomb.routeRule.order-service";

#[test]
fn a_value_that_cannot_be_used_is_told_with_its_place() {
    let many = |count: usize, item: &str| format!("[{}]", vec![item; count].join(", "));
    let share = "{weight: 1, tags: {version: '1'}}";
    for (value, words) in [
        ("a: b".to_owned(), "line 1, column 1"),
        ("nothing".to_owned(), "line 1, column 1"),
        ("- route: [".to_owned(), "line"),
        ("- precedence: 1".to_owned(), "line 1, column 3: the rule has no route"),
        ("- route: []".to_owned(), "the rule has no route"),
        (
            "- {precedence: high, route: [{weight: 100}]}".to_owned(),
            "line 1, column 16: \"high\" is no precedence",
        ),
        ("- route:\n  - {weight: -1}".to_owned(), "line 2, column 14: \"-1\" is no weight"),
        ("- route: [{weight: 1.5}]".to_owned(), "\"1.5\" is no weight"),
        ("- route: [{weight: 1000001}]".to_owned(), "is no weight"),
        ("- route: [{tags: {version: '1'}}]".to_owned(), "a share without a weight"),
        (
            "- {route: [{weight: 100, tags: {version: 'a b'}}]}".to_owned(),
            "precedence-0: \"a b\" is no version",
        ),
        (
            "- {route: [{weight: 100}], emptyProtection: maybe}".to_owned(),
            "\"maybe\" is neither true nor false",
        ),
        ("- {match: {source: 'a b'}, route: [{weight: 100}]}".to_owned(), "\"a b\" is no name"),
        (
            "- {match: {headers: {'x y': {exact: a}}}, route: [{weight: 100}]}".to_owned(),
            "\"x y\" is no name that headers",
        ),
        (
            "- {match: {headers: {x: {regex: '('}}}, route: [{weight: 100}]}".to_owned(),
            "precedence-0, match 1, headers \"x\": \"(\" is no regular expression",
        ),
        (
            "- {match: {headers: {x: {regex: '(x{999}){999}'}}}, route: [{weight: 100}]}".to_owned(),
            "an automaton of more than",
        ),
        ("- {match: {apiPath: {exact: users}}, route: [{weight: 100}]}".to_owned(), "\"users\" is no path"),
        ("- {match: {headers: text}, route: [{weight: 100}]}".to_owned(), "line 1, column 21"),
        (
            "- {match: {queries: {exact: 'a=b'}}, route: [{weight: 100}]}".to_owned(),
            "queries compares parameters by name",
        ),
        (
            format!(
                "- {{match: {{method: {}}}, route: [{{weight: 100}}]}}",
                "[A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q]"
            ),
            "more than 16 matches",
        ),
        (format!("- route: {}", many(17, share)), "17 backends"),
        (many(65, "{route: [{weight: 100}]}"), "65 rules"),
        (
            format!(
                "- {{match: {{headers: {{x: {{exact: {}}}}}}}, route: [{{weight: 100}}]}}",
                "x".repeat(1025)
            ),
            "1025 bytes",
        ),
        ("x".repeat(300_000), "300000 bytes; a value has at most"),
        (format!("{}{}", "[".repeat(40), "]".repeat(40)), "line"),
        ("- &a {route: [{weight: 100}]}\n- *a".to_owned(), "line"),
    ] {
        let rules = read(&[(KEY, &value)]);
        assert!(rules.is_empty(), "{value:.80}");
        let sentence = told(&rules);
        assert!(sentence.starts_with(&format!("{KEY}: ")), "{sentence}");
        assert!(sentence.contains(words), "{value:.80}: {sentence}");
        assert!(sentence.len() < 700, "{sentence}");
    }
}

#[test]
fn a_dark_launch_that_cannot_be_used_is_told() {
    let item = |group: &str, condition: &str| {
        format!(
            r#"{{"policyType":"RULE","ruleItems":[{{"groupName":"g","groupCondition":"{group}","policyCondition":"{condition}"}}]}}"#
        )
    };
    for (value, words) in [
        ("{".to_owned(), "line 1, column 1: EOF"),
        (
            r#"{"policyType":"SOME","ruleItems":[]}"#.to_owned(),
            "unknown variant `SOME`, expected `RATE` or `RULE`",
        ),
        (r#"{"ruleItems":[]}"#.to_owned(), "missing field `policyType`"),
        (item("zone=a", "x=1"), "group \"g\": groupCondition \"zone=a\" names no version"),
        (item("version>=1", "x=1"), "names no version"),
        (item("version=", "x=1"), "names no version"),
        (item("version=1", "x"), "group \"g\": policyCondition \"x\" compares nothing"),
        (item("version=1", "=1"), "compares nothing"),
        (item("version=1", "x y=1"), "\"x y\" is no name that headers"),
        (item("version=1", "x=1").replace("RULE", "RATE"), "\"x=1\" is no share"),
        (item("version=1", "101").replace("RULE", "RATE"), "\"101\" is no share"),
    ] {
        let rules = read(&[("servicecomb.darklaunch.policy.order-service", &value)]);
        assert!(rules.is_empty() && told(&rules).contains(words), "{value}: {:?}", rules.problems);
    }
}

/// What no call can fit is told, and holds for no call; the rules around it hold.
#[test]
fn a_condition_that_never_holds_takes_no_call_and_is_told() {
    for (matching, words) in [
        ("{headers: {x: {like: a}}}", "x: like is no operator; there are exact"),
        ("{headers: {x: {}}}", "no operator says how it is compared"),
        ("{headers: {x: {caseInsensitive: 'true'}}}", "no operator says how it is compared"),
        ("{headers: {x: {greater: much}}}", "\"much\" is none"),
        ("{headers: {x: {compare: '1'}}}", "compare knows >"),
        ("{headers: {x: {compare: '>'}}}", "compare is written like"),
        ("{headers: {x: {compare: '<>1'}}}", "compare knows"),
        ("{apiPath: {greater: '1'}}", "no path is one"),
        ("{method: []}", "an empty list of methods"),
        ("{refer: nobody}", "no key servicecomb.matchGroup.nobody is there"),
        ("{customMatcher: {customMatcherHandler: x.MyMatcher, customMatcherParameters: a}}", "a Java class"),
    ] {
        let value = format!(
            "- {{precedence: 2, match: {matching}, route: [{{weight: 100, tags: {{version: '2'}}}}]}}\n- {{match: {{headers: {{y: {{exact: z}}}}}}, route: [{{weight: 100, tags: {{version: '1'}}}}]}}"
        );
        let rules = read(&[(KEY, &value)]);
        assert!(told(&rules).contains(words) && told(&rules).contains("line 1, column"), "{}", told(&rules));
        assert_takes(&rules, BOTH, &call("/").and("x", "much"), BOTH);
        assert_takes(&rules, BOTH, &with("y", "z"), &["1"]);
    }
}

/// SDKs pass over what they do not know: so it holds, and is told.
#[test]
fn words_that_nobody_knows_are_passed_over_and_told() {
    let value = "- {precedance: 3, route: [{weight: 100, tag: {zone: a}, tags: {version: '1'}}]}";
    let rules = read(&[(KEY, value)]);
    assert_eq!(rules.problems.len(), 2, "{:?}", rules.problems);
    assert!(
        rules.problems[0].contains("line 1, column 3: \"precedance\" is passed over"),
        "{:?}",
        rules.problems
    );
    assert_takes(&rules, BOTH, &call("/"), &["1"]);
    assert!(rules.problems.iter().all(|problem| KeyRules::is_passed_over(problem)), "{:?}", rules.problems);
    // What cannot be used is more than that, whatever it quotes.
    let value = "- {route: [{weight: 'it is passed over: a', tags: {version: '1'}}]}";
    assert!(!KeyRules::is_passed_over(told(&read(&[(KEY, value)]))));
}

/// A bad key leaves the others in force.
#[test]
fn other_keys_hold_on() {
    let good = "- route: [{weight: 100, tags: {version: '2'}}]";
    let rules =
        read(&[("servicecomb.routeRule.other", "- x"), (KEY, good), ("servicecomb.request.timeout", "1")]);
    assert_eq!(rules.problems.len(), 1);
    assert_takes(&rules, BOTH, &call("/"), &["2"]);
    assert!(rules.policy(&About::called("default", "a"), "kie").is_some());
    // A group that cannot be read is told by the rule that refers to it, and by no other.
    let refers = "- {match: {refer: g}, route: [{weight: 100, tags: {version: '2'}}]}";
    let group = ("servicecomb.matchGroup.g", "matches: 7");
    assert!(read(&[group]).problems.is_empty());
    let rules = read(&[group, (KEY, refers)]);
    assert!(
        told(&rules).contains("line 1, column 19: servicecomb.matchGroup.g: line 1, column 10"),
        "{}",
        told(&rules)
    );
}

/// It is as good as none: its rule is about no call, the others hold.
#[test]
fn a_group_that_cannot_be_used_takes_its_rule_alone_away() {
    let rule = "- {precedence: 2, match: {refer: g}, route: [{weight: 100, tags: {version: '2'}}]}\n- {precedence: 1, route: [{weight: 100, tags: {version: '1'}}]}";
    for (name, bad, good) in [
        ("servicecomb.matchGroup.g", "matches: 7", "matches: [{method: POST}]"),
        ("servicecomb.sourceTemplate.g", "headers: 7", "method: POST"),
    ] {
        let together = read(&[(name, bad), (KEY, rule)]);
        let alone = read(&[(KEY, rule)]);
        assert!(told(&alone).contains("is there, to which the rule refers"), "{}", told(&alone));
        let later = KeyRules::read([(name, bad), (KEY, rule)], &Own::default(), &alone);
        for rules in [&together, &later] {
            assert_takes(rules, BOTH, &call("/"), &["1"]);
            assert_takes(rules, BOTH, &call("/").by("POST"), &["1"]);
            let place = format!("line 1, column 34: {name}: line ");
            let end = "it cannot be used, so that the rule holds for no call";
            assert!(told(rules).contains(&place) && told(rules).ends_with(end), "{}", told(rules));
        }
        // One that was good is held, and told once, by its own key.
        let held = KeyRules::read([(name, good), (KEY, rule)], &Own::default(), &later);
        assert_takes(&held, BOTH, &call("/").by("POST"), &["2"]);
        let worse = KeyRules::read([(name, bad), (KEY, rule)], &Own::default(), &held);
        assert_takes(&worse, BOTH, &call("/").by("POST"), &["2"]);
        assert_takes(&worse, BOTH, &call("/"), &["1"]);
        let told = told(&worse);
        assert!(told.starts_with(name) && told.ends_with("; its last good value holds"), "{told}");
        assert!(
            worse.holding().any(|(key, value)| (key, value) == (name, good)),
            "another process learns of it"
        );
    }
}

/// What is told of a value that holds no more is not what stands there.
#[test]
fn of_a_bad_value_nothing_is_told_but_what_is_wrong_with_it() {
    let refers = "- {match: {refer: g}, route: [{weight: 100, tags: {version: '2'}}]}";
    let before = read(&[(KEY, refers)]);
    let group = ("servicecomb.matchGroup.g", "matches: [{method: POST}]");
    let after = KeyRules::read([group, (KEY, "- x")], &Own::default(), &before);
    assert!(told(&after).ends_with("; its last good value holds"), "{}", told(&after));
}

#[test]
fn of_many_sentences_the_first_are_told() {
    let keys: Vec<_> = (0..70).map(|number| format!("servicecomb.routeRule.s{number}")).collect();
    let keys: Vec<_> = keys.iter().map(|key| (key.as_str(), "- x")).collect();
    let rules = read(&keys);
    assert_eq!(rules.problems.len(), 51);
    assert_eq!(rules.problems.last().unwrap(), "… and 20 more");
}

/// More routes than a proxy keeps: those that are left are told, and hold for nobody.
#[test]
fn keys_together_have_a_bound() {
    let keys: Vec<_> = (0..1_003).map(|number| format!("servicecomb.routeRule.s{number:04}")).collect();
    let value = "- route: [{weight: 100, tags: {version: '1'}}]";
    let keys: Vec<_> = keys.iter().map(|key| (key.as_str(), value)).collect();
    let rules = read(&keys);
    assert!(rules.route("s0999", "").is_some() && rules.route("s1000", "").is_none());
    assert_eq!(rules.problems.len(), 3);
    assert!(
        rules.problems[0].contains("there are more than 1000 keys with routes"),
        "{:?}",
        rules.problems[0]
    );
    // Many large expressions, each of which would do.
    let value = |number: usize| {
        format!(
            "- {{match: {{headers: {{x: {{regex: '{number}abcdefghijklmnop{{1000}}'}}}}}}, route: [{{weight: 100}}]}}"
        )
    };
    let keys: Vec<_> =
        (0..150).map(|number| (format!("servicecomb.routeRule.s{number:03}"), value(number))).collect();
    let rules = read(&keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>());
    assert!(rules.route("s000", "").is_some() && rules.route("s149", "").is_none());
    assert!(rules.problems[0].contains("automata of more than 16 MiB"), "{:?}", rules.problems);
}

proptest! {
    /// Any text is read or told, and ends in no panic.
    #[test]
    fn any_text_is_read_or_told(text in r#"(- |\n|  |[a-z]{1,6}: |\{|\}|\[|\]|,|"|'|[0-9]{1,3}|version|match|route|weight|tags|&a|\*a|!!int |.){0,60}"#) {
        for key in [
            KEY,
            "servicecomb.darklaunch.policy.order-service",
            "servicecomb.globalRouteRule",
            "servicecomb.mapper.some",
            "servicecomb.timeLimiter.some",
            "servicecomb.loadbalance.isolation.singleTestTime",
            "cse.loadbalance.order-service.backoff.kind",
        ] {
            let rules = read(&[(key, &text)]);
            prop_assert!(rules.problems.iter().all(|sentence| sentence.starts_with(key)));
        }
    }

    /// A condition is any text, too.
    #[test]
    fn any_condition_is_read_or_told(condition in "([a-z_]{0,4}(=|!=|>|<|>=|<=|~)?[a-z0-9,*?~]{0,6}(&&|\\|\\|)?){0,6}") {
        let value = serde_json::json!({"policyType": "RULE", "ruleItems": [
            {"groupName": "g", "groupCondition": "version=1", "policyCondition": condition}]});
        let rules = read(&[("cse.darklaunch.policy.order-service", &value.to_string())]);
        prop_assert!(!rules.is_empty() || !rules.problems.is_empty());
    }
}
