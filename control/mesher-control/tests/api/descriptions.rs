//! What the API says of itself: its description, and the schema of rule documents.
//! They must be compared with what the API does, not with what somebody meant.

use serde_json::{Value, json};

use crate::support::Plane;

/// The schema as the documentation publishes it.
const PUBLISHED: &str = include_str!("../../../../docs/rules.schema.json");

#[tokio::test]
async fn every_call_of_the_description_is_one_of_the_api() {
    let plane = Plane::start().await;
    let description = plane.get("/mesher/v1/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.0.3");
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 15, "{}", paths.len());
    for (path, calls) in paths {
        let target = path.replace("{revision}", "1").replace(['{', '}'], "x");
        for method in calls.as_object().unwrap().keys() {
            let answer = plane.send(&method.to_uppercase(), &target, &[], "").await;
            let is_unknown = answer.status == 405 || answer.text.contains("no such path");
            assert!(!is_unknown, "{method} {target}: {answer:?}");
        }
    }
    // Whatever is named is there.
    let text = description.to_string();
    for (place, _) in text.match_indices("#/components/") {
        let pointer: String = text[place + 1..].chars().take_while(|character| *character != '"').collect();
        assert!(description.pointer(&pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn the_schema_is_published_as_the_control_plane_serves_it() {
    let plane = Plane::start().await;
    let served = plane.get("/mesher/v1/schemas/rules.json").await.json();
    let published: Value = serde_json::from_str(PUBLISHED).unwrap();
    assert!(
        served == published,
        "docs/rules.schema.json is out of date; it is what GET /mesher/v1/schemas/rules.json answers:\n{served:#}"
    );
}

#[tokio::test]
async fn the_schema_and_the_control_plane_take_and_refuse_the_same() {
    let balance = |more: Value| {
        let mut spec = json!({"service": "a"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        document("Balance", spec)
    };
    let timeout = |request: &str| document("Timeout", json!({"service": "*", "request": request}));
    let route =
        |backend: Value| document("Route", json!({"service": "a", "rules": [{"backends": [backend]}]}));
    let matching = |part: Value| {
        document("Route", json!({"service": "a", "rules": [{"matches": [part], "backends": [{}]}]}))
    };
    let with = |member: &str, value: Value| {
        let mut changed = timeout("5s");
        changed[member] = value;
        changed
    };
    let table = [
        (timeout("5s"), true),
        (timeout("1m30s"), true),
        (balance(json!({})), true),
        (balance(json!({"strategy": "Maglev", "hashOn": {"header": "x"}, "tableSize": 251})), true),
        (balance(json!({"strategy": "Maglev"})), false),
        (balance(json!({"hashOn": {"sourceAddress": true}})), false),
        (balance(json!({"strategy": "RingHash", "hashOn": {"sourceAddress": false}})), false),
        (balance(json!({"strategy": "RingHash", "hashOn": {"cookie": "a"}, "slowStart": "1s"})), false),
        (balance(json!({"strategy": "PeakEwma", "decayTime": "1s"})), true),
        (balance(json!({"decayTime": "1s"})), false),
        (balance(json!({"strategy": "PeakEwma", "tableSize": 251})), false),
        (balance(json!({"zone": {"prefer": "SameZone"}, "slowStart": "5s", "retryAfter": "Ignore"})), true),
        (balance(json!({"zone": {"prefer": "SameZone", "overprovisioningFactor": 99}})), false),
        (balance(json!({"sessionPersistence": {"sessionName": "id", "absoluteTimeout": "1h"}})), true),
        (balance(json!({"sessionPersistence": {"type": "Header", "absoluteTimeout": "1h"}})), false),
        (balance(json!({"sessionPersistence": {"type": "Caller", "idleTimeout": "0s"}})), true),
        (balance(json!({"sessionPersistence": {"idleTimeout": "0s"}})), false),
        (balance(json!({"sessionPersistence": {"sessionName": "a b"}})), false),
        (timeout("soon"), false),
        (timeout("5"), false),
        (route(json!({})), true),
        (route(json!({"subset": {"version": "0.0.1"}, "weight": 90})), true),
        (route(json!({"subset": {"version": ""}})), false),
        (route(json!({"subset": {"zone": "a", "properties": {"canary": "true"}}})), true),
        (route(json!({"subset": {"zone": null}})), false),
        (route(json!({"subset": {"properties": {}}})), false),
        (route(json!({"subset": {"zones": "a"}})), false),
        (matching(json!({"path": {"type": "Template", "value": "/users/{id}"}, "method": "GET"})), true),
        (matching(json!({"headers": [{"name": "x", "value": "y", "not": true}]})), true),
        (matching(json!({"cookies": [{"name": "x", "type": "Present"}]})), true),
        (matching(json!({"source": {"service": "webapp", "address": "10.0.0.0/8"}})), true),
        (matching(json!({})), false),
        (matching(json!({"path": {"type": "Like", "value": "/"}})), false),
        (matching(json!({"path": null})), false),
        (matching(json!({"method": "get"})), false),
        (matching(json!({"headers": []})), false),
        (matching(json!({"headers": [{"name": "x"}]})), false),
        (matching(json!({"headers": [{"name": "x", "type": "Absent", "value": "y"}]})), false),
        (matching(json!({"headers": [{"name": "x", "type": "Exact"}]})), false),
        (matching(json!({"source": {}})), false),
        (matching(json!({"source": {"address": "10.0.0.0"}})), false),
        (document("Route", json!({"service": "a", "rules": [{"backends": [{}], "fallback": "Any"}]})), true),
        (document("Route", json!({"service": "a", "rules": [{"backends": [{}], "fallback": "All"}]})), false),
        (route(json!({"weight": -1})), false),
        (route(json!({"weight": 1_000_001})), false),
        (document("Route", json!({"service": "a", "rules": []})), false),
        (document("Timeout", json!({"service": "a"})), false),
        (document("Timeouts", json!({"service": "a", "request": "5s"})), false),
        (with("apiVersion", json!("mesher/v2")), false),
        (with("metadata", json!({"name": "x", "environment": "production"})), true),
        (with("metadata", json!({"name": "x", "environment": "prod"})), false),
        (with("metadata", json!({"name": "../x"})), false),
        (with("metadata", json!({})), false),
        (with("status", json!({})), false),
    ];
    assert_alike(&table).await;
}

#[tokio::test]
async fn the_schema_and_the_control_plane_take_and_refuse_the_same_filters() {
    let route = |rule: Value| document("Route", json!({"service": "a", "rules": [rule]}));
    let filtered = |filters: Value| route(json!({"filters": filters, "backends": [{}]}));
    let answering = |filters: Value| route(json!({"filters": filters}));
    let fields = |of: &str, modifier: Value| {
        let member = format!("{}HeaderModifier", of.to_lowercase());
        json!({"type": format!("{of}HeaderModifier"), member: modifier})
    };
    let rewrite = |rewrite: Value| json!([{"type": "URLRewrite", "urlRewrite": rewrite}]);
    let path = |kind: &str, member: &str, path: &str| rewrite(json!({"path": {"type": kind, member: path}}));
    let direct = |response: Value| json!([{"type": "DirectResponse", "directResponse": response}]);
    let mirror = |mirror: Value| json!([{"type": "RequestMirror", "requestMirror": mirror}]);
    let redirect = |redirect: Value| json!([{"type": "RequestRedirect", "requestRedirect": redirect}]);
    let table = [
        (route(json!({"backends": [{"filters": [fields("Request", json!({"remove": ["x"]}))]}]})), true),
        (filtered(json!([fields("Request", json!({"set": [{"name": "x", "value": "y"}]}))])), true),
        (filtered(json!([fields("Response", json!({}))])), false),
        (filtered(json!([])), false),
        (filtered(json!([{"type": "RequestHeaderModifier"}])), false),
        (
            filtered(json!([{"type": "RequestHeaderModifier", "responseHeaderModifier": {"remove": ["x"]}}])),
            false,
        ),
        (filtered(json!([{"type": "Wish", "wish": {}}])), false),
        (filtered(rewrite(json!({"hostname": "a"}))), true),
        (filtered(rewrite(json!({}))), false),
        (filtered(path("ReplacePrefixMatch", "replacePrefixMatch", "")), true),
        (filtered(path("ReplaceFullPath", "replaceFullPath", "")), false),
        (filtered(path("ReplaceFullPath", "replacePrefixMatch", "/")), false),
        (answering(rewrite(json!({"hostname": "a"}))), false),
        (filtered(direct(json!({"statusCode": 503}))), false),
        (answering(direct(json!({"statusCode": 503, "body": "closed"}))), true),
        (answering(direct(json!({"statusCode": 100}))), false),
        (answering(direct(json!({"statusCode": 200, "contentType": "a/b"}))), false),
        (route(json!({"backends": [{}], "timeouts": {"request": "5s", "backendRequest": "0s"}})), true),
        (route(json!({"backends": [{}], "timeouts": {}})), false),
        (route(json!({"backends": [{}], "sticky": {"cookie": "a"}})), true),
        (route(json!({"backends": [{}], "sticky": {"cookie": "a", "header": "b"}})), false),
        (route(json!({"filters": direct(json!({"statusCode": 200})), "timeouts": {"request": "5s"}})), false),
        (filtered(mirror(json!({"service": "b", "percent": 20}))), true),
        (filtered(mirror(json!({"percent": 20}))), false),
        (filtered(mirror(json!({"service": "b", "percent": 101}))), false),
        (answering(redirect(json!({"port": 8080}))), true),
        (answering(redirect(json!({"port": 0}))), false),
        (answering(redirect(json!({"statusCode": 301}))), false),
        (answering(redirect(json!({"scheme": "https", "statusCode": 300}))), false),
    ];
    assert_alike(&table).await;
}

fn document(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec})
}

/// Schema and control plane take these documents, or refuse them, as it is said.
async fn assert_alike(table: &[(Value, bool)]) {
    let plane = Plane::start().await;
    let schema = plane.get("/mesher/v1/schemas/rules.json").await.json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (document, is_good) in table {
        assert_eq!(schema.is_valid(document), *is_good, "the schema: {document}");
        let checked = plane.post("/mesher/v1/rules:check", &document.to_string()).await.json();
        let is_taken = !checked["steps"].as_array().unwrap().is_empty();
        assert_eq!(is_taken, *is_good, "{document}: {checked}");
    }
}
