//! Faults as people write them: what is read, and what is refused with which words.
//! It must hold no fault that only a test would write.

use serde_json::{Value, json};

use super::{Document, Side};

fn fault(fault: &Value) -> Result<Document, String> {
    let spec = json!({"service": "a", "faults": [fault]});
    let value =
        json!({"apiVersion": "mesher/v1", "kind": "Fault", "metadata": {"name": "storm"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn faults_are_written_as_they_were_read() {
    for whole in [
        json!({"name": "late", "delay": {"time": "2s"}}),
        json!({"name": "half", "percent": "12.5%", "abort": {"status": 503, "percent": "50%"}}),
        json!({"name": "cut", "matches": [{"path": {"type": "PathPrefix", "value": "/a"}}], "abort": {"reset": true}}),
        json!({"name": "drip", "delay": {"time": "10ms", "percent": "10%"}, "slowBody": {"bytesPerSecond": 1000}}),
    ] {
        let read = fault(&whole).unwrap();
        assert_eq!(read.rule.side(), Side::Consumer);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["spec"]["faults"][0], whole);
        assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
    }
}

#[test]
fn what_no_call_can_suffer_is_refused_with_its_reason() {
    for (wrong, words) in [
        (json!({"name": "a"}), "fault a does nothing"),
        (json!({"name": "a", "delay": {"time": "0s"}}), "a delay of 0s"),
        (json!({"name": "a", "delay": {"time": "6m"}}), "a delay of 6m"),
        (json!({"name": "a", "delay": "2s"}), "invalid type: string"),
        (json!({"name": "a", "abort": {}}), "abort has either a status, or reset: true"),
        (json!({"name": "a", "abort": {"status": 503, "reset": true}}), "abort has either"),
        (json!({"name": "a", "abort": {"status": 99}}), "99 is no status"),
        (json!({"name": "a", "abort": {"status": 503}, "percent": "101%"}), "101%"),
        (json!({"name": "a", "slowBody": {"bytesPerSecond": 0}}), "0 bytes a second"),
    ] {
        let error = fault(&wrong).unwrap_err();
        assert!(error.contains(words), "{wrong}: {error}");
    }
}
