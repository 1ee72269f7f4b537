//! What rules say of calls, in words: the part that does not fit, what was found, never a value that a call brought.
//! It must agree with what is decided.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{Call, route, seen};

/// Why one match does not hold for a call; `None` where it does.
fn miss(part: &Value, call: &Call) -> Option<(String, String)> {
    let policy = route(json!([{"matches": [part], "backends": [{}]}])).unwrap();
    let route = policy.route.unwrap();
    let verdicts = seen(call, |view| route.verdicts(view));
    let [verdict] = &verdicts[..] else { panic!("one rule, {verdicts:?}") };
    assert_eq!(verdict.is_about, verdict.misses.is_empty());
    verdict.misses.first().map(|miss| (miss.part.clone(), miss.found.clone()))
}

#[test]
fn a_part_that_does_not_fit_is_named_with_what_was_found() {
    let call = || Call::to("/a?secret=s3cr3t").with("cookie", "session=s3cr3t").with("x-user", "s3cr3t");
    let table = [
        (json!({"path": {"value": "/b"}}), "path PathPrefix \"/b\"", "it is another one"),
        (
            json!({"path": {"type": "Template", "value": "/b/{id}"}}),
            "path Template \"/b/{}\"",
            "it is another one",
        ),
        (json!({"method": "POST"}), "method POST", "it is another one"),
        (
            json!({"headers": [{"name": "X-User", "value": "a"}]}),
            "header x-user Exact \"a\"",
            "it has another value",
        ),
        (
            json!({"headers": [{"name": "x-b", "type": "Prefix", "value": "a"}]}),
            "header x-b Prefix \"a\"",
            "it is not there",
        ),
        (
            json!({"headers": [{"name": "x-user", "type": "Absent"}]}),
            "header x-user Absent",
            "it has another value",
        ),
        (json!({"headers": [{"name": "x-b", "type": "Present"}]}), "header x-b Present", "it is not there"),
        (
            json!({"headers": [{"name": "x-user", "type": "RegularExpression", "value": "s.*", "not": true}]}),
            "header x-user not RegularExpression \"s.*\"",
            "it has another value",
        ),
        (
            json!({"headers": [{"name": "x-user", "type": "LessOrEqual", "value": "7"}]}),
            "header x-user LessOrEqual \"7\"",
            "it has another value",
        ),
        (
            json!({"headers": [{"name": "x-user", "type": "Greater", "value": "7"}]}),
            "header x-user Greater \"7\"",
            "it has another value",
        ),
        (
            json!({"cookies": [{"name": "session", "value": "a"}]}),
            "cookie session Exact \"a\"",
            "it has another value",
        ),
        (
            json!({"queryParams": [{"name": "b", "value": "a"}]}),
            "query parameter b Exact \"a\"",
            "it is not there",
        ),
        (json!({"source": {"service": "other"}}), "source.service other", "it is webapp"),
        (json!({"source": {"application": "other"}}), "source.application other", "it is shop"),
        (json!({"source": {"version": "2.0.0"}}), "source.version 2.0.0", "it is 1.0.0"),
        (json!({"source": {"properties": {"team": "red"}}}), "source.properties team=red", "it is blue"),
        (json!({"source": {"properties": {"a": "b"}}}), "source.properties a=b", "it is not there"),
        (json!({"source": {"address": "10.0.0.0/8"}}), "source.address 10.0.0.0/8", "it is 127.0.0.1"),
    ];
    for (part, words, found) in table {
        assert_eq!(miss(&part, &call()), Some((words.to_owned(), found.to_owned())), "{part}");
    }
    let flow = Call { is_flow: true, ..call() };
    let of_request = miss(&json!({"method": "GET"}), &flow);
    assert_eq!(of_request, Some(("a request".to_owned(), "it is a flow of bytes".to_owned())));
}

#[test]
fn each_match_of_each_rule_is_answered_for() {
    let policy = route(json!([
        {"name": "first", "matches": [{"method": "POST"}, {"path": {"value": "/b"}}], "backends": [{}]},
        {"name": "second", "matches": [{"method": "GET"}], "backends": [{}]},
        {"backends": [{}]},
    ]));
    let route = policy.unwrap().route.unwrap();
    let verdicts = seen(&Call::to("/a"), |view| route.verdicts(view));
    let told: Vec<_> = verdicts.iter().map(|one| (one.rule, one.is_about, one.misses.len())).collect();
    assert_eq!(told, [("first", false, 2), ("second", true, 0), ("3", true, 0)]);
}

/// A match of any sort, over few names and values, so that many fit.
fn any_match() -> impl Strategy<Value = Value> {
    let field = || {
        (
            "x-[ab]{1,2}",
            "[ab]",
            prop::sample::select(vec!["Exact", "Prefix", "Present", "Absent"]),
            any::<bool>(),
        )
    };
    let fields = move || {
        proptest::collection::vec(field(), 0..3).prop_map(|fields| {
            let fields = fields.into_iter().map(|(name, value, kind, not)| match kind {
                "Present" | "Absent" => json!({"name": name, "type": kind, "not": not}),
                _ => json!({"name": name, "type": kind, "value": value, "not": not}),
            });
            Value::Array(fields.collect())
        })
    };
    let path = prop::option::of((
        prop::sample::select(vec!["Exact", "PathPrefix", "Template", "RegularExpression"]),
        prop::sample::select(vec!["/", "/a", "/a/", "/a/b", "/aaaaaaaaa", "/aaaaaaaab"]),
    ));
    let method = prop::option::of(prop::sample::select(vec!["GET", "POST", "PROPFIND", "PROPPATCH"]));
    (path, method, fields(), fields(), fields()).prop_map(|(path, method, headers, parameters, cookies)| {
        let mut part = json!({"source": {"service": "webapp"}});
        let mut set = |name: &str, value: Value| {
            drop(part.as_object_mut().map(|part| part.insert(name.to_owned(), value)))
        };
        if let Some((kind, value)) = path {
            set("path", json!({"type": kind, "value": value}));
        }
        if let Some(method) = method {
            set("method", json!(method));
        }
        for (name, fields) in [("headers", headers), ("queryParams", parameters), ("cookies", cookies)] {
            if fields != json!([]) {
                set(name, fields);
            }
        }
        part
    })
}

fn any_call() -> impl Strategy<Value = Call> {
    let method = prop::sample::select(vec!["GET", "POST", "PROPFIND", "PROPPATCH"]);
    let target =
        prop::sample::select(vec!["/", "", "?x-a=a", "/a", "/a/b?x-a=a&x-b=b", "/aaaaaaaaa", "/aaaaaaaab?"]);
    let names = vec!["x-a", "X-A", "x-b", "X-ab", "x-ba", "x-bb", "cookie", "Cookie"];
    let fields = proptest::collection::vec(
        (prop::sample::select(names), prop::sample::select(vec!["a", "b", "x-a=a; x-b=b"])),
        0..4,
    );
    (method, target, fields, any::<bool>()).prop_map(|(method, target, fields, is_flow)| {
        let call = Call { method, is_flow, ..Call::to(target) };
        fields.into_iter().fold(call, |call, (name, value)| call.with(name, value))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// What can be seen of a match in a few steps is never more than what is so.
    #[test]
    fn a_quick_look_passes_over_nothing_that_fits(
        parts in proptest::collection::vec(proptest::collection::vec(any_match(), 1..3), 1..6), call in any_call()
    ) {
        let rules: Vec<_> = parts.iter().map(|matches| json!({"matches": matches, "backends": [{}]})).collect();
        let route = route(Value::Array(rules)).unwrap().route.unwrap();
        let chosen = seen(&call, |view| route.choose(view, |_| 0));
        let verdicts = seen(&call, |view| route.verdicts(view));
        let first = verdicts.iter().position(|one| one.is_about);
        prop_assert_eq!(chosen.map(|choice| usize::from(choice.rule)), first);
        if let Some(choice) = chosen {
            let verdict = &verdicts[usize::from(choice.rule)];
            // All before the one that holds are told to differ.
            prop_assert!(verdict.misses.len() >= usize::from(choice.matched));
        }
    }

    /// What is told is what is decided.
    #[test]
    fn the_first_rule_that_is_about_a_call_decides(
        paths in proptest::collection::vec("/[ab]{0,2}", 1..8), target in "/[ab]{0,2}", weight in 1_u32..9
    ) {
        let rules: Vec<_> = paths
            .iter()
            .map(|path| json!({"matches": [{"path": {"type": "Exact", "value": path}}],
                "backends": [{"weight": weight, "subset": {"version": "1"}}, {"weight": 2}]}))
            .collect();
        let route = route(Value::Array(rules)).unwrap().route.unwrap();
        let call = Call::to(&target);
        let chosen = seen(&call, |view| route.choose(view, |_| 0));
        let first = seen(&call, |view| route.verdicts(view)).iter().position(|one| one.is_about);
        prop_assert_eq!(chosen.map(|choice| usize::from(choice.rule)), first);
        if let Some(choice) = chosen {
            let (part, all) = route.share(choice);
            prop_assert_eq!((part == weight || part == 2, all), (true, weight + 2));
        }
    }
}
