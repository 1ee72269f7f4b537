//! Documents as people write them: what is read, and what is refused with which words.
//! It must hold no document that only a test would write.

use serde_json::json;

use super::{Cidr, Document, Kind, Span};

fn document(spec: serde_json::Value, kind: &str) -> Result<Document, String> {
    let value =
        json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": {"name": "canary"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn documents_are_written_as_they_were_read() {
    let route = json!({"service": "calculator", "rules": [{"backends": [
        {"subset": {"version": "0.0.1"}, "weight": 90}, {"subset": {"version": "0.0.2"}, "weight": 10}]}]});
    let read = document(route.clone(), "Route").unwrap();
    assert_eq!(read.kind(), Kind::Route);
    assert_eq!(read.key().application, "default");
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(written["spec"], route);
    assert_eq!(written["metadata"], json!({"name": "canary", "application": "default"}));
    assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
}

#[test]
fn what_is_missing_has_a_default() {
    let spec = json!({"service": "calculator", "rules": [{"backends": [{}]}]});
    let written = serde_json::to_value(document(spec, "Route").unwrap()).unwrap();
    assert_eq!(written["spec"]["rules"][0]["backends"], json!([{"weight": 1}]));
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let backends = |backends| json!({"service": "a", "rules": [{"backends": backends}]});
    for (kind, spec, words) in [
        ("Timeout", json!({"service": "a", "request": "5"}), "\"5\" is no span of time"),
        ("Timeout", json!({"service": "a", "request": "25h"}), "at most 24h"),
        ("Timeout", json!({"service": "a", "request": 5}), "expected a string"),
        ("Timeout", json!({"service": "a", "requst": "5s"}), "unknown field `requst`"),
        ("Timeout", json!({"service": "a"}), "missing field `request`"),
        ("Timeout", json!({"service": "a\nb", "request": "5s"}), "is no name"),
        ("Timeout", json!({"service": "", "request": "5s"}), "is no name"),
        ("Timeout", json!(null), "invalid type: null"),
        ("Route", json!({"service": "a", "rules": []}), "0 rules"),
        ("Route", backends(json!([])), "0 backends"),
        ("Route", backends(json!([{"weight": 0}])), "nobody would take a call"),
        ("Route", backends(json!([{"weight": -1}])), "-1 is no weight"),
        ("Route", backends(json!([{"weight": 4_294_967_296_u64}])), "is no weight"),
        ("Route", backends(json!([{"weight": 0.5}])), "invalid type: floating point"),
        ("Route", backends(json!([{"subset": {"version": ""}}])), "is no version"),
        ("Route", backends(json!([{"subset": {"zones": "a"}}])), "unknown field `zones`"),
        ("Route", backends(json!([{"subset": {"zone": "a b"}}])), "\"a b\" is no name"),
        ("Route", backends(json!([{"subset": {"properties": {}}}])), "0 properties"),
        ("Route", backends(json!([{"subset": {"zone": null}}])), "invalid type: null"),
        ("route", json!({}), "unknown kind \"route\"; this release knows Route, Timeout"),
    ] {
        let refusal = document(spec.clone(), kind).unwrap_err();
        assert!(refusal.contains(words), "{spec}: {refusal}");
    }
}

fn matching(part: serde_json::Value) -> Result<Document, String> {
    document(json!({"service": "a", "rules": [{"matches": [part], "backends": [{}]}]}), "Route")
}

#[test]
fn matches_are_written_as_they_were_read() {
    let rules = json!([
        {"name": "jason", "matches": [
            {"path": {"type": "PathPrefix", "value": "/api"}, "method": "GET",
             "headers": [{"name": "X-User", "type": "Exact", "value": "jason"}, {"name": "x-test", "type": "Absent"},
                         {"name": "x-age", "type": "GreaterOrEqual", "value": "-18.5", "not": true}],
             "queryParams": [{"name": "päge", "type": "Present"}],
             "cookies": [{"name": "group", "type": "RegularExpression", "value": "beta.*"}],
             "source": {"service": "webapp", "application": "shop", "version": "1.0.0",
                        "properties": {"team": "blue"}, "address": "10.1.0.0/16"}},
            {"path": {"type": "Template", "value": "/users/{id}/orders/{order}"}}],
         "backends": [{"subset": {"version": "0.0.2", "properties": {"canary": "true"}, "zone": "az-1"}, "weight": 1}],
         "fallback": "Any"},
        {"backends": [{"weight": 1}]}]);
    let read = document(json!({"service": "a", "rules": rules}), "Route").unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap()["spec"]["rules"], rules);
    let short = matching(json!({"path": {"value": "/a"}, "headers": [{"name": "x", "value": ""}]})).unwrap();
    let written = serde_json::to_value(&short).unwrap();
    let expected = json!([{"path": {"type": "PathPrefix", "value": "/a"}, "headers": [{"name": "x", "type": "Exact", "value": ""}]}]);
    assert_eq!(written["spec"]["rules"][0]["matches"], expected);
}

#[test]
fn matches_that_cannot_be_kept_are_refused_by_name() {
    let header = |field| json!({"headers": [field]});
    let path = |kind: &str, value: &str| json!({"path": {"type": kind, "value": value}});
    for (part, words) in [
        (json!({}), "a match says nothing"),
        (json!({"path": null}), "invalid type: null"),
        (json!({"source": {"service": null}}), "invalid type: null"),
        (json!({"header": []}), "unknown field `header`"),
        (json!({"headers": []}), "0 headers; there have to be 1 to 16"),
        (header(json!({"value": "x"})), "missing field `name`"),
        (header(json!({"name": "x y", "value": "x"})), "is no name that headers can have"),
        (
            header(json!({"name": "x", "type": "Like", "value": "x"})),
            "unknown variant `Like`, expected one of `Exact`",
        ),
        (header(json!({"name": "x"})), "headers \"x\": type Exact needs a value"),
        (header(json!({"name": "x", "type": "Present", "value": "x"})), "type Present has no value"),
        (header(json!({"name": "x", "type": "Less", "value": "1e3"})), "\"1e3\" is no number"),
        (header(json!({"name": "x", "type": "Less", "value": "."})), "is no number"),
        (header(json!({"name": "x", "value": "x".repeat(1025)})), "1025 bytes"),
        (json!({"cookies": vec![json!({"name": "x", "type": "Present"}); 17]}), "17 cookies"),
        (json!({"queryParams": [{"name": "", "type": "Present"}]}), "is no name that queryParams can have"),
        (path("PathPrefix", "api"), "\"api\" is no path: it begins with /"),
        (path("Exact", "/a?b=c"), "is no path"),
        (path("Exact", "/ä"), "is no path"),
        (path("Template", "/users/{id"), "\"{id\" is no segment of a template"),
        (path("Template", "/users/x{id}"), "is no segment of a template"),
        (path("Template", "/users/{}"), "is no segment of a template"),
        (path("Template", "/{id}/{id}"), "has {id} twice"),
        (path("Template", &"/x".repeat(65)), "more than 64 segments"),
        (path("RegularExpression", ""), "a path of 0 bytes"),
        (json!({"method": "get"}), "methods are written in capitals"),
        (json!({"source": {}}), "source says nothing"),
        (json!({"source": {"service": "*"}}), "is no name"),
        (json!({"source": {"version": "1 0"}}), "is no version"),
        (json!({"source": {"address": "10.0.0.0"}}), "is no network"),
        (json!({"source": {"address": "10.0.0.0/33"}}), "is no network"),
        (json!({"source": {"address": "::ffff:10.0.0.0/104"}}), "is no network"),
        (json!({"source": {"properties": {"": "x"}}}), "a property has a name"),
    ] {
        let refusal = matching(part.clone()).unwrap_err();
        assert!(refusal.contains(words), "{part}: {refusal}");
    }
    let many = |part: serde_json::Value, count: usize| {
        let rule = json!({"matches": vec![part; 16], "backends": [{}]});
        document(json!({"service": "a", "rules": vec![rule; count]}), "Route")
    };
    let pattern = json!({"path": {"type": "RegularExpression", "value": ".*"}});
    assert!(many(pattern.clone(), 4).is_ok());
    assert!(many(pattern, 5).unwrap_err().contains("80 regular expressions"));
    let long = |length| json!({"path": {"type": "RegularExpression", "value": "x".repeat(length)}});
    assert!(many(long(1024), 1).is_ok());
    assert!(many(long(513), 2).unwrap_err().contains("16416 bytes of regular expressions"));
    assert!(many(json!({"method": "GET"}), 32).is_ok());
    assert!(many(json!({"method": "GET"}), 33).unwrap_err().contains("528 conditions"));
}

#[test]
fn a_network_holds_the_addresses_with_its_prefix() {
    for (network, address, expected) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("10.0.0.7/32", "10.0.0.7", true),
        ("10.0.0.7/32", "10.0.0.6", false),
        ("0.0.0.0/0", "192.0.2.1", true),
        ("0.0.0.0/0", "::1", false),
        ("fd00::/8", "fdff::1", true),
        ("::/0", "fe80::1", true),
        ("::1/128", "::2", false),
    ] {
        let network = Cidr::try_from(network).unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), expected, "{network} {address}");
    }
}

#[test]
fn the_frame_has_every_member_once() {
    let timeout = r#""spec": {"service": "a", "request": "5s"}"#;
    for (text, words) in [
        (
            format!(r#"{{"kind": "Timeout", "metadata": {{"name": "x"}}, {timeout}}}"#),
            "missing field `apiVersion`",
        ),
        (
            format!(r#"{{"apiVersion": "mesher/v2", "kind": "Timeout", {timeout}}}"#),
            "this release knows mesher/v1",
        ),
        (
            format!(r#"{{"apiVersion": "mesher/v1", {timeout}, "kind": "Timeout"}}"#),
            "kind has to stand before spec",
        ),
        (
            format!(r#"{{"apiVersion": "mesher/v1", "kind": "Timeout", {timeout}}}"#),
            "missing field `metadata`",
        ),
        (
            r#"{"apiVersion": "mesher/v1", "kind": "Timeout", "kind": "Route"}"#.to_owned(),
            "kind stands there twice",
        ),
        (r#"{"apiVersion": "mesher/v1", "status": {}}"#.to_owned(), "unknown field `status`"),
        (
            r#"{"apiVersion": "mesher/v1", "metadata": {"name": "x", "environment": "prod"}}"#.to_owned(),
            "\"prod\" is no environment",
        ),
        (r#"{"apiVersion": "mesher/v1", "metadata": {"name": "../x"}}"#.to_owned(), "is no name"),
    ] {
        let refusal = serde_json::from_str::<Document>(&text).unwrap_err().to_string();
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}

#[test]
fn spans_are_written_as_the_gateway_api_writes_them() {
    for (text, milliseconds, shown) in [
        ("0s", 0, "0s"),
        ("500ms", 500, "500ms"),
        ("5s", 5_000, "5s"),
        ("90s", 90_000, "1m30s"),
        ("1h30m", 5_400_000, "1h30m"),
        ("1m1ms", 60_001, "1m1ms"),
        ("24h", 86_400_000, "24h"),
    ] {
        let span = Span::try_from(text).unwrap();
        assert_eq!(span.duration().as_millis(), milliseconds, "{text}");
        assert_eq!(span.to_string(), shown);
    }
    for text in
        ["", "s", "5", "5x", "-1s", "1.5s", "1h1h1h1h1h", "99999999999999999999s", "5 s", "NaN", "1e309s"]
    {
        assert!(Span::try_from(text).is_err(), "{text}");
    }
}
