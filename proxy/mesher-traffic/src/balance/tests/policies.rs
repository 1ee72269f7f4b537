//! What documents of kind Balance become together.
//! They must show which of several is about a call, and which are refused.

use mesher_model::rule::Document;
use serde_json::{Value, json};

use crate::balance::strategy::PEAK_DECAY;
use crate::balance::{BalancePolicy, Persistence, Strategy, WarmUp, ZoneRule};
use crate::{Policy, PolicyError};
use std::time::Duration;

fn document(name: &str, spec: &Value) -> Document {
    let metadata = json!({"name": name});
    let value = json!({"apiVersion": "mesher/v1", "kind": "Balance", "metadata": metadata, "spec": spec});
    serde_json::from_value(value).unwrap()
}

fn one(spec: &Value) -> BalancePolicy {
    let policy = Policy::compile([&document("b", spec)]).unwrap();
    policy.balance.unwrap().entries()[0].item.clone()
}

fn names(documents: &[Document]) -> Result<Vec<String>, PolicyError> {
    let policy = Policy::compile(documents)?;
    Ok(policy.balance.iter().flat_map(|rules| rules.names()).map(str::to_owned).collect())
}

#[test]
fn a_document_means_what_it_says() {
    let plain = one(&json!({"service": "a"}));
    let expected = BalancePolicy { heeds_retry_after: true, ..BalancePolicy::default() };
    assert_eq!(plain, expected);
    assert_eq!(
        one(&json!({"service": "a", "strategy": "Weighted"})).weight_property.as_deref(),
        Some("weight")
    );
    let capacity = one(&json!({"service": "a", "strategy": "Weighted", "weightProperty": "capacity"}));
    assert_eq!(capacity.weight_property.as_deref(), Some("capacity"));
    let full = one(
        &json!({"service": "a", "strategy": "PeakEwma", "zone": {"prefer": "SameZone"}, "slowStart": "30s",
        "retryAfter": "Ignore", "sessionPersistence": {"type": "Caller", "successiveFailures": 0}}),
    );
    assert_eq!(full.strategy, Strategy::PeakEwma { decay: PEAK_DECAY });
    assert_eq!(full.zone, Some(ZoneRule::Prefer { overprovisioning_percent: 140 }));
    assert_eq!(full.warm_up, Some(WarmUp { window: Duration::from_secs(30), least_percent: 10 }));
    let idle_limit = Some(Duration::from_secs(30));
    assert_eq!(full.persistence, Some(Persistence::Caller { idle_limit, failures_max: None }));
    assert!(!full.heeds_retry_after);
    let cookie = one(&json!({"service": "a", "sessionPersistence": {"absoluteTimeout": "1h"}}));
    let lifetime = Some(Duration::from_secs(3600));
    assert_eq!(cookie.persistence, Some(Persistence::Cookie { name: "mesher-session".into(), lifetime }));
}

#[test]
fn the_more_particular_is_tried_first_and_the_one_about_all_last() {
    let matches = json!([{"headers": [{"name": "x", "type": "Present"}]}]);
    let all = document("a", &json!({"service": "s"}));
    let part = document("c", &json!({"service": "s", "subset": {"version": "2"}}));
    let calls = document("b", &json!({"service": "s", "matches": matches}));
    let every = document("z", &json!({"service": "*"}));
    assert_eq!(
        names(&[all.clone(), part, calls, every.clone()]).unwrap(),
        ["Balance b", "Balance c", "Balance a"]
    );
    assert_eq!(names(&[every]).unwrap(), ["Balance z"]);
    let other = document("d", &json!({"service": "s", "subset": {"version": "2"}}));
    let again = document("e", &json!({"service": "s", "subset": {"version": "2"}, "strategy": "Random"}));
    assert!(matches!(names(&[other.clone(), again]), Err(PolicyError::Twice { .. })));
    assert_eq!(names(&[other, all]).unwrap(), ["Balance d", "Balance a"]);
}
