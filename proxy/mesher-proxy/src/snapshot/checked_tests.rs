//! What is known of checked endpoints: when it is looked for, how long it stays, and what is made of it.
//! It must make no check: what one says is given.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::Document;
use mesher_traffic::Policy;
use mesher_traffic::ejection::HealthRule;
use serde_json::{Value, json};

use super::checked::{Checked, Due};
use super::health::Health;
use super::{Endpoint, EndpointId, IDLE_ELSEWHERE_MAX, Origin};
use crate::bootstrap::PortProtocol;
use crate::health::{Outcome, Trouble};

fn rule(spec: &Value) -> Arc<HealthRule> {
    let document: Document = serde_json::from_value(json!({
        "apiVersion": "mesher/v1", "kind": "Health", "metadata": {"name": "shop"}, "spec": spec,
    }))
    .unwrap();
    Policy::compile([&document]).unwrap().health.unwrap()
}

fn active(path: &str) -> Arc<HealthRule> {
    rule(&json!({"service": "shop", "active": {"path": path, "unhealthyThreshold": 2}}))
}

fn endpoints(numbers: &[u32]) -> Vec<Endpoint> {
    let endpoint = |number: &u32| Endpoint {
        id: EndpointId(*number),
        address: ([127, 0, 0, 1], 1).into(),
        protocol: if *number < 100 { PortProtocol::Rest } else { PortProtocol::Tcp },
        instance: "".into(),
        version: "".into(),
        ports: Vec::new(),
        rank: 0,
        idle_limit: IDLE_ELSEWHERE_MAX,
        origin: Origin::Registry,
        is_kept: false,
        labels: None,
    };
    numbers.iter().map(endpoint).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn checked(health: &Health) -> &Checked {
    health.checked.as_ref().unwrap()
}

/// A check of the endpoint at a place has ended.
fn hear(health: &Health, place: usize, is_good: bool) {
    let trouble = Trouble { outcome: Outcome::BadStatus, words: "answered 503".to_owned() };
    let result = if is_good { Ok(()) } else { Err(trouble) };
    let probe = checked(health).probe(place).unwrap();
    if let Some(is_up) = probe.heard(&result, at(10)) {
        health.watch.checked(place, is_up);
    }
}

#[test]
fn what_is_known_stays_as_long_as_endpoint_and_rule_do() {
    let before = Health::new(&active("/a"), &endpoints(&[1, 2, 3]), None);
    hear(&before, 1, false);
    assert_eq!(before.words(1), None, "one bad check is none");
    hear(&before, 1, false);
    let words = "it is passed over: 2 checks of /a in a row failed: it answered 503";
    assert_eq!(before.words(1).as_deref(), Some(words));
    // Other endpoints, and another rule that asks for the same.
    let after = Health::new(&active("/a"), &endpoints(&[4, 2, 5, 1]), Some(&before));
    assert_eq!((after.words(1).as_deref(), after.watch.outside().0), (Some(words), 1));
    let both =
        rule(&json!({"service": "shop", "passive": {}, "active": {"path": "/a", "unhealthyThreshold": 2}}));
    let both = Health::new(&both, &endpoints(&[2, 4]), Some(&after));
    assert_eq!((both.words(0).as_deref(), both.watch.outside().0), (Some(words), 1));
    // Another question, and none.
    let other = Health::new(&active("/b"), &endpoints(&[2, 4]), Some(&both));
    assert_eq!((other.words(0), other.watch.outside().0), (None, 0));
    let passive = rule(&json!({"service": "shop", "passive": {}}));
    let passive = Health::new(&passive, &endpoints(&[2, 4]), Some(&both));
    assert!(passive.checked.is_none() && passive.watch.outside().0 == 0);
}

#[test]
fn too_few_that_are_left_are_told_of() {
    let health = Health::new(&active("/a"), &endpoints(&[1, 2]), None);
    (0..4).for_each(|number| hear(&health, number / 2, false));
    assert_eq!(health.watch.outside(), (2, true));
    let words =
        "it would be passed over, but too few are left: 2 checks of /a in a row failed: it answered 503";
    assert_eq!(health.words(0).as_deref(), Some(words));
}

#[test]
fn endpoints_are_checked_as_long_as_somebody_calls() {
    let health = Health::new(&active("/a"), &endpoints(&[1]), None);
    let before = checked(&health);
    assert!(!before.is_used(at(1)), "nobody has called");
    before.called();
    assert!(before.is_used(at(2)) && before.is_used(at(301)) && !before.is_used(at(302)));
    before.called();
    let after = Health::new(&active("/a"), &endpoints(&[1]), Some(&health));
    assert!(checked(&after).is_used(at(400)), "a call before the change");
}

#[test]
fn the_first_check_comes_within_an_interval_and_one_at_a_time() {
    let health = Health::new(&active("/a"), &endpoints(&[1, 100]), None);
    let checked = checked(&health);
    let probe = checked.probe(0).unwrap();
    assert_eq!(probe.due(at(5), at(10), || 0.5), Due::At(at(10)));
    assert_eq!(probe.due(at(10), at(10), || 0.9), Due::Now, "it was drawn once");
    probe.asked();
    assert_eq!(probe.due(at(60), at(10), || 0.0), Due::Never, "it is under way");
    hear(&health, 0, true);
    assert_eq!(probe.due(at(9), at(10), || 0.0), Due::At(at(10)));
    let is_about: Vec<_> = endpoints(&[1, 100]).iter().map(|endpoint| checked.is_about(endpoint)).collect();
    assert_eq!(is_about, [true, false], "a TCP endpoint is asked for no path");
}

#[test]
fn what_grows_old_is_forgotten_but_not_under_a_check() {
    let health = Health::new(&active("/a"), &endpoints(&[1, 2]), None);
    let (checked, probe) = (checked(&health), checked(&health).probe(0).unwrap());
    probe.due(at(0), at(10), || 0.0);
    (0..2).for_each(|_| hear(&health, 0, false));
    probe.asked();
    probe.forget(&checked.rule);
    assert!(!probe.is_healthy());
    hear(&health, 0, false);
    probe.forget(&checked.rule);
    assert!(probe.is_healthy());
}
