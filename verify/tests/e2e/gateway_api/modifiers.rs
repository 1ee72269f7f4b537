//! Header fields, paths and hosts on their way.
//! It must look at what the application got.

use super::expectations::got;
use crate::echo::{Stage, values};

const MODIFIERS: [(&str, &str); 5] = [
    ("/set", "set: [{name: X-Header-Set, value: set-overwrites-values}]"),
    ("/add", "add: [{name: X-Header-Add, value: add-appends-values}]"),
    ("/remove", "remove: [X-Header-Remove]"),
    (
        "/multiple",
        "set: [{name: X-Header-Set-1, value: header-set-1}, {name: X-Header-Set-2, value: header-set-2}], add: [{name: X-Header-Add-1, value: header-add-1}, {name: X-Header-Add-2, value: header-add-2}], remove: [X-Header-Remove-1, X-Header-Remove-2]",
    ),
    (
        "/case",
        "set: [{name: X-Header-Set, value: header-set}], add: [{name: X-Header-Add, value: header-add}], remove: [X-Header-Remove]",
    ),
];

/// What was sent to which of [`MODIFIERS`], and what arrives: each name with its values.
type Modified<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);

const MODIFIED: [Modified<'_>; 7] = [
    ("/set", &[("Some-Other", "val")], &[("some-other", "val"), ("x-header-set", "set-overwrites-values")]),
    ("/set", &[("X-Header-Set", "other")], &[("x-header-set", "set-overwrites-values")]),
    ("/add", &[], &[("x-header-add", "add-appends-values")]),
    ("/add", &[("X-Header-Add", "other")], &[("x-header-add", "other,add-appends-values")]),
    ("/remove", &[("X-Header-Remove", "val")], &[("x-header-remove", "")]),
    (
        "/multiple",
        &[("X-Header-Set-2", "a"), ("X-Header-Add-2", "b"), ("X-Header-Remove-2", "c"), ("Another", "d")],
        &[
            ("x-header-set-1", "header-set-1"),
            ("x-header-set-2", "header-set-2"),
            ("x-header-add-1", "header-add-1"),
            ("x-header-add-2", "b,header-add-2"),
            ("x-header-remove-2", ""),
            ("another", "d"),
        ],
    ),
    (
        "/case",
        &[("x-header-set", "a"), ("x-header-add", "b"), ("x-header-remove", "c")],
        &[("x-header-set", "header-set"), ("x-header-add", "b,header-add"), ("x-header-remove", "")],
    ),
];

fn assert_requests_modified(rule: impl Fn(&str, &str) -> String) {
    let stage = Stage::start();
    let rules: String = MODIFIERS.iter().map(|(path, modifier)| rule(path, modifier)).collect();
    stage.route(&rules);
    for (target, fields, expected) in MODIFIED {
        let answer = stage.get(target, fields);
        for (name, value) in expected {
            assert_eq!(got(&answer, name), *value, "{target} {fields:?} {name}");
        }
    }
}

#[test]
fn http_route_request_header_modifier() {
    assert_requests_modified(|path, modifier| {
        format!(
            "    - matches: [{{path: {{value: {path}}}}}]\n      filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{{modifier}}}}}]\n      backends: [{{}}]\n"
        )
    });
}

#[test]
fn http_route_backend_request_header_modifier() {
    assert_requests_modified(|path, modifier| {
        format!(
            "    - matches: [{{path: {{value: {path}}}}}]\n      backends: [{{filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{{modifier}}}}}]}}]\n"
        )
    });
}

#[test]
fn http_route_response_header_modifier() {
    let stage = Stage::start();
    stage.route(
        "    - filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            set: [{name: X-One, value: set-overwrites-values}, {name: X-Header-Set, value: set}]
            add: [{name: X-Two, value: add-appends-values}, {name: X-Header-Add, value: add}]
            remove: [Server]
      backends: [{}]",
    );
    let answer = stage.get("/", &[]);
    assert_eq!(values(&answer, "x-one"), ["set-overwrites-values"]);
    assert_eq!(values(&answer, "x-header-set"), ["set"]);
    assert_eq!(values(&answer, "x-two"), ["2", "3", "add-appends-values"]);
    assert_eq!(values(&answer, "x-header-add"), ["add"]);
    assert_eq!(answer.field("server"), "");
}

#[test]
fn http_route_rewrite_path() {
    let stage = Stage::start();
    let rule = |path: &str, filters: &str| {
        format!(
            "    - matches: [{{path: {{value: {path}}}}}]\n      filters: [{filters}]\n      backends: [{{}}]\n"
        )
    };
    let prefix = |to: &str| {
        format!(
            "{{type: URLRewrite, urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: {to}}}}}}}"
        )
    };
    let full = |to: &str| {
        format!(
            "{{type: URLRewrite, urlRewrite: {{path: {{type: ReplaceFullPath, replaceFullPath: {to}}}}}}}"
        )
    };
    let modifier = "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Header-Set, value: set-overwrites-values}], remove: [X-Header-Remove]}}";
    stage.route(
        &[
            rule("/prefix/one", &prefix("/one")),
            rule("/strip-prefix", &prefix("/")),
            rule("/full/one", &full("/one")),
            rule("/full/rewrite-path-and-modify-headers", &format!("{}, {modifier}", full("/test"))),
            rule("/prefix/rewrite-path-and-modify-headers", &format!("{}, {modifier}", prefix("/prefix"))),
        ]
        .concat(),
    );
    for (target, arrives, is_modified) in [
        ("/prefix/one/two", "/one/two", false),
        ("/strip-prefix/three", "/three", false),
        ("/strip-prefix", "/", false),
        ("/strip-prefix/", "/", false),
        ("/full/one/two", "/one", false),
        ("/full/rewrite-path-and-modify-headers/test", "/test", true),
        ("/prefix/rewrite-path-and-modify-headers/one", "/prefix/one", true),
    ] {
        let answer = stage.get(target, &[("X-Header-Remove", "remove-val"), ("X-Header-Set", "set-val")]);
        assert_eq!(answer.json()["target"], arrives, "{target}");
        let expected = if is_modified { ("set-overwrites-values", "") } else { ("set-val", "remove-val") };
        let found = (got(&answer, "x-header-set"), got(&answer, "x-header-remove"));
        assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{target}");
    }
}

#[test]
fn http_route_rewrite_host() {
    let stage = Stage::start();
    stage.route(
        "    - matches: [{path: {value: /one}}]
      filters: [{type: URLRewrite, urlRewrite: {hostname: one.example.org}}]
      backends: [{subset: {version: '1.0'}}]
    - matches: [{path: {value: /rewrite-host-and-modify-headers}}]
      filters:
        - {type: URLRewrite, urlRewrite: {hostname: test.example.org}}
        - {type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: X-Header-Add, value: header-val-1}]}}
      backends: [{subset: {version: '2.0'}}]
    - backends: [{}]",
    );
    for (target, host, added) in [
        ("/one", "one.example.org", ""),
        ("/two", "shop", ""),
        ("/rewrite-host-and-modify-headers", "test.example.org", "header-val-1"),
    ] {
        let answer = stage.get(target, &[]);
        assert_eq!((got(&answer, "host").as_str(), got(&answer, "x-header-add").as_str()), (host, added));
    }
}
