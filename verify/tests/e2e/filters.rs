//! What rules do with calls, from the command to what callers and applications see: filters of a route.
//! It must look at both ends: a field that the caller's proxy shows is not yet one that the application got.

use mesher_verify::http::Wire;

use crate::echo::{Stage, route, sent_values, values};
use crate::rules::{BAD_CONFIGURATION, apply};

#[test]
fn fields_of_requests_and_answers_are_set_added_and_removed() {
    let stage = Stage::start();
    stage.route(
        "    - matches: [{path: {value: /changed}}]
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set: [{name: X-Set, value: mine}]
            add: [{name: X-Add, value: 'second, third'}]
            remove: [x-gone, X-ABSENT]
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            set: [{name: x-one, value: '9'}]
            add: [{name: X-Two, value: '4'}]
            remove: [server]
      backends: [{}]",
    );
    let fields = [("x-set", "1"), ("X-SET", "2"), ("X-Add", "first"), ("X-Gone", "1"), ("X-Stays", "1")];
    let changed = stage.get("/changed", &fields);
    assert_eq!(sent_values(&changed, "x-set"), ["mine"]);
    assert_eq!(sent_values(&changed, "x-add"), ["first", "second, third"]);
    assert_eq!(sent_values(&changed, "x-gone"), [""; 0]);
    assert_eq!(sent_values(&changed, "x-stays"), ["1"]);
    assert_eq!(sent_values(&changed, "x-cse-context").len(), 1);
    assert_eq!(values(&changed, "x-one"), ["9"]);
    assert_eq!(values(&changed, "x-two"), ["2", "3", "4"]);
    assert_eq!(values(&changed, "server"), [""; 0]);
    let as_it_came = stage.get("/", &fields);
    assert_eq!(sent_values(&as_it_came, "x-set"), ["1", "2"]);
    assert_eq!(sent_values(&as_it_came, "x-add"), ["first"]);
    assert_eq!(values(&as_it_came, "server"), ["echo"]);
    // What is not there cannot be removed, and is set all the same; a kept connection and a body make no difference.
    let mut wire = Wire::open(stage.outbound()).unwrap();
    for body in ["one", "three"] {
        let request = format!(
            "POST /changed/x?y=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = wire.call(request).unwrap();
        assert_eq!((answer.status(), answer.json()["body"].as_str()), (200, Some(body)));
        assert_eq!(sent_values(&answer, "x-set"), ["mine"]);
        assert_eq!(answer.json()["target"], "/changed/x?y=1");
    }
}

#[test]
fn fields_are_changed_for_the_calls_of_one_backend() {
    let stage = Stage::start();
    stage.route(
        "    - filters:
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-side, value: rule}, {name: x-all, value: '1'}]}}
      backends:
        - {subset: {version: '1.0'}}
        - subset: {version: '2.0'}
          filters:
            - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-side, value: canary}]}}
            - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-canary, value: 'yes'}]}}",
    );
    let mut versions = [0; 2];
    for _ in 0..8 {
        let answer = stage.get("/", &[]);
        let is_second = answer.json()["version"] == "2.0";
        versions[usize::from(is_second)] += 1;
        assert_eq!(sent_values(&answer, "x-side"), [if is_second { "canary" } else { "rule" }]);
        assert_eq!(sent_values(&answer, "x-all"), ["1"]);
        assert_eq!(answer.field("x-canary"), if is_second { "yes" } else { "" });
    }
    assert!(versions.iter().all(|count| *count > 0), "{versions:?}");
}

/// An answer that the proxy gives itself is not the application's.
#[test]
fn a_failure_is_told_as_it_is() {
    let stage = Stage::start();
    stage.route(
        "    - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-a, value: b}], remove: [proxy-status]}}]
      backends: [{subset: {version: '3.0'}}]",
    );
    let answer = stage.get("/", &[]);
    assert_eq!((answer.status(), answer.field("x-a")), (503, ""));
    assert!(answer.field("proxy-status").contains("destination_unavailable"), "{answer:?}");
}

#[test]
fn a_field_that_no_rule_may_change_is_refused_with_its_place() {
    let stage = Stage::start();
    for (modifier, words) in [
        (
            "{set: [{name: Host, value: a}]}",
            "\"Host\" is not for a rule to change: use URLRewrite with hostname",
        ),
        ("{remove: [content-length]}", "it frames the body"),
        ("{remove: [content_length]}", "it frames the body"),
        ("{add: [{name: X-CSE-Context, value: a}]}", "the mesh writes it"),
        ("{add: [{name: x, value: \"a\\nb\"}]}", "visible ASCII"),
        ("{}", "says nothing"),
    ] {
        let rules = format!(
            "    - filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {modifier}}}]\n      backends: [{{}}]"
        );
        let refused = apply(&stage.control, &route(&rules), &[]);
        assert_eq!(refused.code, BAD_CONFIGURATION, "{refused:?}");
        let is_told = refused.errors.contains("rules.yaml:7:") && refused.errors.contains(words);
        assert!(is_told, "{modifier}: {}", refused.errors);
    }
}
