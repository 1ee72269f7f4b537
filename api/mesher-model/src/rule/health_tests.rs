//! `kind: Health` as people write it: what is read, and what is refused with which words.
//! It must hold no document that only a test would write.

use serde_json::{Value, json};

use super::Document;

fn health(spec: &Value) -> Result<Document, String> {
    let value = json!({"apiVersion": "mesher/v1", "kind": "Health", "metadata": {"name": "h"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_is_read_again() {
    for spec in [
        json!({"service": "a", "passive": {}}),
        json!({"service": "*", "active": {"path": "/health?deep=1"}}),
        json!({"service": "a", "active": {"tcp": true, "interval": "100ms", "timeout": "1m"}}),
        json!({"service": "a", "passive": {"consecutiveFailures": 3},
            "active": {"path": "/", "expectedStatuses": [200, "3xx"], "maxEjectionPercent": "30%"}}),
    ] {
        let read = health(&spec).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
    }
}

#[test]
fn a_document_of_before_says_what_it_said() {
    let written = serde_json::to_value(health(&json!({"service": "a", "passive": {}})).unwrap()).unwrap();
    assert_eq!(written["spec"]["passive"]["maxEjectionPercent"], "50%");
    assert_eq!(written["spec"].get("active"), None);
}

#[test]
fn what_is_missing_of_a_check_has_a_default() {
    let spec = json!({"service": "a", "active": {"path": "/health"}});
    let written = serde_json::to_value(health(&spec).unwrap()).unwrap();
    assert_eq!(
        written["spec"]["active"],
        json!({"path": "/health", "interval": "10s", "timeout": "1s", "unhealthyThreshold": 3, "healthyThreshold": 2,
            "expectedStatuses": ["2xx", "3xx"], "maxEjectionPercent": "100%", "panicThreshold": "50%"})
    );
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let long = format!("/{}", "a".repeat(1024));
    for (active, words) in [
        (json!({}), "active has either a path, or tcp: true"),
        (json!({"path": "/a", "tcp": true}), "active has either a path, or tcp: true"),
        (json!({"tcp": false}), "active has either a path, or tcp: true"),
        (json!({"path": null}), "invalid type: null"),
        (json!({"path": "health"}), "is no path to ask for"),
        (json!({"path": "/a b"}), "is no path to ask for"),
        (json!({"path": "/a\r\nX: y"}), "is no path to ask for"),
        (json!({"path": long}), "is no path to ask for"),
        (json!({"tcp": true, "expectedStatuses": [200]}), "a connection has no status"),
        (json!({"path": "/a", "expectedStatuses": []}), "0 statuses"),
        (json!({"path": "/a", "interval": "99ms"}), "an interval of 99ms"),
        (json!({"path": "/a", "interval": "2h"}), "an interval of 2h"),
        (json!({"path": "/a", "timeout": "0s"}), "a timeout of 0s"),
        (json!({"path": "/a", "unhealthyThreshold": 101}), "101 checks in a row"),
        (json!({"path": "/a", "port": 80}), "unknown field `port`"),
    ] {
        let refusal = health(&json!({"service": "a", "active": active})).unwrap_err();
        assert!(refusal.contains(words), "{active}: {refusal}");
    }
    assert!(health(&json!({"service": "a"})).unwrap_err().contains("it has passive, active, or both"));
}
