//! Documents as people write them: what is read, and what is refused with which words.
//! It must hold no document that only a test would write.

use serde_json::json;

use super::{Document, Kind, Span};

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
        ("Route", backends(json!([{"subset": {"zone": "a"}}])), "unknown field `zone`"),
        ("route", json!({}), "unknown kind \"route\"; this release knows Route, Timeout"),
    ] {
        let refusal = document(spec.clone(), kind).unwrap_err();
        assert!(refusal.contains(words), "{spec}: {refusal}");
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
