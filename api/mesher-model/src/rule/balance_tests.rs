//! `kind: Balance` as people write it: what is read, and what is refused with which words.
//! It must hold no document that only a test would write.

use serde_json::{Value, json};

use super::Document;

fn balance(spec: &Value) -> Result<Document, String> {
    let value =
        json!({"apiVersion": "mesher/v1", "kind": "Balance", "metadata": {"name": "b"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn rules_are_written_as_they_were_read() {
    for spec in [
        json!({"service": "a", "strategy": "RoundRobin"}),
        json!({"service": "*", "strategy": "Weighted", "weightProperty": "capacity", "slowStart": "30s"}),
        json!({"service": "a", "subset": {"version": "0.0.2"}, "strategy": "PeakEwma", "decayTime": "5s", "retryAfter": "Ignore"}),
        json!({"service": "a", "strategy": "RingHash", "hashOn": {"header": "x-user"}, "pointsPerEndpoint": 200}),
        json!({"service": "a", "matches": [{"path": {"type": "Exact", "value": "/a"}}], "strategy": "Maglev",
            "hashOn": {"sourceAddress": true}, "tableSize": 251}),
        json!({"service": "a", "strategy": "LeastRequest", "zone": {"prefer": "SameZone", "overprovisioningFactor": 200},
            "sessionPersistence": {"type": "Cookie", "sessionName": "id", "absoluteTimeout": "1h"}}),
        json!({"service": "a", "strategy": "Random",
            "sessionPersistence": {"type": "Caller", "idleTimeout": "1m", "successiveFailures": 0}}),
    ] {
        let read = balance(&spec).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["spec"], spec);
        assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
    }
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let with = |more: Value| {
        let mut spec = json!({"service": "a"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    for (spec, words) in [
        (json!({}), "missing field `service`"),
        (with(json!({"strategy": "Fastest"})), "unknown variant `Fastest`, expected one of `RoundRobin`"),
        (with(json!({"strategy": "Maglev"})), "hashOn stands with RingHash and Maglev"),
        (with(json!({"hashOn": {"header": "x"}})), "this is RoundRobin"),
        (with(json!({"strategy": "Maglev", "hashOn": {}})), "hashOn names one of header"),
        (
            with(json!({"strategy": "Maglev", "hashOn": {"header": "a", "cookie": "b"}})),
            "hashOn names one of",
        ),
        (with(json!({"strategy": "Maglev", "hashOn": {"header": "a b"}})), "\"a b\" is no name of a header"),
        (
            with(json!({"strategy": "Maglev", "hashOn": {"sourceAddress": true}, "tableSize": 65536})),
            "65536 is no size",
        ),
        (
            with(json!({"strategy": "Maglev", "hashOn": {"sourceAddress": true}, "tableSize": 241})),
            "a prime from 251",
        ),
        (
            with(json!({"strategy": "RingHash", "hashOn": {"cookie": "a"}, "tableSize": 251})),
            "tableSize stands with strategy Maglev only",
        ),
        (
            with(json!({"strategy": "RingHash", "hashOn": {"cookie": "a"}, "slowStart": "5s"})),
            "slowStart does not stand with RingHash",
        ),
        (
            with(json!({"strategy": "RingHash", "hashOn": {"cookie": "a"}, "pointsPerEndpoint": 0})),
            "0 is no number of points",
        ),
        (
            with(json!({"decayTime": "5s"})),
            "decayTime stands with strategy PeakEwma only; this is RoundRobin",
        ),
        (with(json!({"strategy": "PeakEwma", "decayTime": "0s"})), "decayTime is at least 1ms"),
        (with(json!({"subset": {}})), "subset says nothing"),
        (with(json!({"zone": {}})), "missing field `prefer`"),
        (
            with(json!({"zone": {"prefer": "SameZone", "overprovisioningFactor": 99}})),
            "99 is no factor: it is from 100 to 1000",
        ),
        (
            with(json!({"sessionPersistence": {"idleTimeout": "5s"}})),
            "idleTimeout does not stand with type Cookie",
        ),
        (
            with(json!({"sessionPersistence": {"type": "Caller", "sessionName": "x"}})),
            "sessionName does not stand with type Caller",
        ),
        (with(json!({"sessionPersistence": {"sessionName": "a;b"}})), "\"a;b\" is no name of a cookie"),
        (with(json!({"weightProperty": ""})), "is no name"),
        (with(json!({"weights": 1})), "unknown field `weights`"),
    ] {
        let refusal = balance(&spec).unwrap_err();
        assert!(refusal.contains(words), "{spec}: {refusal}");
    }
}
