//! CF-07: rule documents of which members are absent or blank, two at a time, made from the schema that the API tells.
//! They must know no member by name: a kind or a member to come is covered once the schema has it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::support::Plane;

const NEW: &[(&str, &str)] = &[("if-none-match", "*")];
const CHECK: &str = "/mesher/v1/rules:check";
/// What a member may be instead.
const BLANKS: usize = 6;

/// Puts a blank in the place of a member; `None`: it is left out.
fn blank(number: usize) -> Option<Value> {
    [None, Some(Value::Null), Some(json!("")), Some(json!([])), Some(json!({})), Some(json!(0))][number]
        .clone()
}

/// Pairs of members of one kind that are looked at, about.
const PAIRS_MAX: usize = 400;

/// A value of a schema in which every member is there. `1s` is a name, a version and a span of time.
fn full(schema: &Value, definitions: &Value) -> Value {
    if let Some(one) = schema["examples"].as_array().and_then(|all| all.first()).filter(|one| one.is_object())
    {
        // Of what excludes each other, one.
        return one.clone();
    }
    if let Some(path) = schema["$ref"].as_str() {
        return full(&definitions[path.rsplit('/').next().unwrap()], definitions);
    }
    if let Some(one) = schema.get("const").or_else(|| schema["enum"].as_array()?.last()) {
        return one.clone();
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        // The last: before it stand `*` and the like.
        if let Some(one) =
            schema[choice].as_array().and_then(|all| all.iter().rfind(|one| one["type"] != "null"))
        {
            return full(one, definitions);
        }
    }
    if let Some(members) = schema["properties"].as_object() {
        let filled = members.iter().map(|(name, schema)| (name.clone(), full(schema, definitions)));
        return Value::Object(filled.collect::<Map<_, _>>());
    }
    if schema.get("items").is_some() {
        return json!([full(&schema["items"], definitions)]);
    }
    let is = |word: &str| {
        schema["type"] == word || schema["type"].as_array().is_some_and(|all| all.contains(&json!(word)))
    };
    if is("integer") || is("number") {
        json!(1)
    } else if is("boolean") {
        json!(true)
    } else {
        json!("1s")
    }
}

/// Documents of kinds of which not all members can stand together, or whose values have a grammar of their own.
fn written() -> Vec<Value> {
    let matches =
        json!([{"method": "GET", "headers": [{"name": "a", "type": "Prefix", "value": "b", "not": true}]}]);
    let document = |kind: &str, spec: Value| {
        let metadata = json!({"name": "a", "application": "b", "environment": "production"});
        json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": metadata, "spec": spec})
    };
    vec![
        document(
            "Route",
            json!({"service": "a", "rules": [{"name": "b", "matches": matches, "fallback": "Any", "sticky": {"header": "c"},
                "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "d", "value": "e"}]}}],
                "timeouts": {"request": "2s", "backendRequest": "1s"},
                "backends": [{"subset": {"version": "1", "zone": "f", "properties": {"g": "h"}}, "weight": 1}]}]}),
        ),
        document(
            "Retry",
            json!({"service": "a", "matches": matches, "attempts": 1, "codes": [503], "backoff": "1s", "idempotencyKey": true,
                "budget": {"percent": "20%", "interval": "10s", "minPerSecond": 1}, "hedge": {"percentile": "95%", "minDelay": "5ms"}}),
        ),
        document("Retry", json!({"service": "a", "hedge": {"delay": "50ms"}})),
        document(
            "Breaker",
            json!({"service": "a", "side": "Provider", "matches": matches, "mode": "ForcedOpen", "windowRequests": 10,
                "minimumRequests": 5, "failureRate": "10%", "slowCallRate": "50%", "slowCallDuration": "1s", "openTime": "5s",
                "halfOpenRequests": 2, "failureStatuses": ["5xx"]}),
        ),
        document(
            "Balance",
            json!({"service": "a", "matches": matches, "strategy": "Maglev", "hashOn": {"header": "x"}, "tableSize": 251,
                "weightProperty": "weight", "zone": {"prefer": "SameZone", "overprovisioningFactor": 140},
                "sessionPersistence": {"type": "Cookie", "sessionName": "id", "absoluteTimeout": "1h"}, "retryAfter": "Ignore"}),
        ),
        document(
            "Bulkhead",
            json!({"service": "a", "side": "Provider", "matches": matches, "maxConcurrent": 100,
                "adaptive": {"min": 2, "initial": 10, "measureEvery": "1m"}}),
        ),
        document(
            "Fallback",
            json!({"service": "a", "matches": matches, "statuses": ["5xx"],
                "answer": {"statusCode": 200, "contentType": "text/plain", "body": "b", "headers": [{"name": "c", "value": "d"}]}}),
        ),
        document(
            "Fallback",
            json!({"service": "a", "subset": {"version": "1", "zone": "b", "properties": {"c": "d"}}}),
        ),
        document(
            "Health",
            json!({"service": "a", "passive": {"consecutiveFailures": 3, "failureRate": "50%", "latencyFactor": 5, "interval": "10s",
                "minimumRequests": 10, "baseEjectionTime": "30s", "maxEjectionTime": "5m", "maxEjectionPercent": "50%",
                "panicThreshold": "50%", "failureStatuses": ["503"]},
                "active": {"path": "/a", "interval": "1s", "timeout": "1s", "unhealthyThreshold": 3, "healthyThreshold": 2,
                    "expectedStatuses": ["2xx"], "maxEjectionPercent": "50%", "panicThreshold": "50%"}}),
        ),
        document(
            "RateLimit",
            json!({"service": "a", "side": "Consumer", "limits": [{"name": "b", "matches": matches, "requests": 10, "interval": "1s",
                "burst": 5, "per": {"header": "x"}}]}),
        ),
        document(
            "Fault",
            json!({"service": "a", "faults": [{"name": "b", "matches": matches, "delay": {"time": "1s", "percent": "10%"},
                "abort": {"status": 503, "percent": "10%"}, "slowBody": {"bytesPerSecond": 100, "percent": "5%"}}]}),
        ),
    ]
}

/// Where members stand, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(place, item)| (place.to_string(), item)).collect()
        }
        _ => return,
    };
    for (name, value) in members {
        let place = format!("{at}/{name}");
        found.push(place.clone());
        places(value, &place, found);
    }
}

fn replace(document: &mut Value, place: &str, with: Option<Value>) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    let Some(parent) = document.pointer_mut(parent) else { return };
    match (parent, with) {
        (Value::Object(members), Some(value)) if members.contains_key(name) => {
            drop(members.insert(name.to_owned(), value))
        }
        (Value::Object(members), None) => drop(members.remove(name)),
        (Value::Array(items), Some(value)) => items.iter_mut().take(1).for_each(|item| *item = value.clone()),
        (Value::Array(items), None) => items.clear(),
        _ => {}
    }
}

fn path_of(key: &Value) -> String {
    let [kind, name, app, env] = ["kind", "name", "app", "env"].map(|member| key[member].as_str().unwrap());
    format!("/mesher/v1/rules/{kind}/{name}?app={app}&env={env}")
}

/// Every pair of members, absent or blank, of a document of each kind that the schema makes.
#[tokio::test]
async fn cf_07_blank_members_are_handled_or_refused() {
    let plane = Plane::start().await;
    let schema = plane.get("/mesher/v1/schemas/rules.json").await.json();
    let kinds = schema["oneOf"].as_array().unwrap();
    assert!(kinds.len() >= 2, "{schema}");
    for kind in kinds {
        let whole = full(kind, &schema["$defs"]);
        let name = whole["kind"].as_str().unwrap();
        let whole = written().into_iter().find(|document| document["kind"] == name).unwrap_or(whole);
        let mut members = Vec::new();
        places(&whole, "", &mut members);
        assert!(members.len() > 5, "{whole}");
        let mut variants = BTreeSet::new();
        // Of large kinds, every so many pairs, and each member by itself.
        let stride = (members.len() * members.len() / PAIRS_MAX).max(1);
        for (place, one) in members.iter().enumerate() {
            for (distance, other) in members[place..].iter().enumerate() {
                if distance > 0 && (place * members.len() + distance) % stride != 0 {
                    continue;
                }
                // Both the same blank, and each with the next one: of large kinds all pairs would take minutes.
                for (first, step) in (0..BLANKS).flat_map(|first| [(first, 0), (first, 1)]) {
                    let mut variant = whole.clone();
                    replace(&mut variant, other, blank(first));
                    replace(&mut variant, one, blank((first + step) % BLANKS));
                    variants.insert(variant.to_string());
                }
            }
        }
        let (mut taken, count) = (0, variants.len());
        for text in variants {
            let answer = plane.post(CHECK, &text).await;
            assert_eq!(answer.status, 200, "{text}: {answer:?}");
            let checked = answer.json();
            let steps = checked["steps"].as_array().unwrap();
            let told = checked["diagnostics"].as_array().unwrap();
            let is_refused = told.iter().any(|finding| finding["severity"] == "error");
            assert!(is_refused == steps.is_empty() && steps.len() <= 1, "{text}: {checked}");
            if !steps.is_empty() {
                taken += 1;
                let path = path_of(&steps[0]["base"]["key"]);
                let written = plane.send("PUT", &path, NEW, text.clone()).await;
                assert_eq!(written.status, 201, "{text}: {written:?}");
                assert_eq!(plane.send("DELETE", &path, &[("if-match", "*")], "").await.status, 200, "{text}");
            }
        }
        assert!(taken > 0 && taken < count, "{taken} of {count}: {whole}");
    }
    assert_eq!(plane.get("/livez").await.status, 200);
}
