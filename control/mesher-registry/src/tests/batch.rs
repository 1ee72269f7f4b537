//! T-FND-13, T-INS-14…16, T-SVC-26: many in one call.
//! They must not repeat what a single call answers.

use mesher_model::ErrorCode;
use mesher_model::microservice::RemoveServices;
use mesher_model::query::{BatchFind, FindInstance, FindService, InstanceKey, ServiceKey};

use super::{at, code, create, find, named, register, registry};
use crate::{Registry, Tenant};

fn mesh() -> (Registry, String) {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "prov", "1.0.0"));
    register(&mut registry, &id, "p1", at(0));
    (registry, id)
}

fn service(name: &str, rev: &str) -> FindService {
    let key =
        ServiceKey { app_id: "conf".to_owned(), service_name: name.to_owned(), ..ServiceKey::default() };
    FindService { service: key, rev: rev.to_owned() }
}

fn key(service_id: &str, instance_id: &str) -> InstanceKey {
    InstanceKey { service_id: service_id.to_owned(), instance_id: instance_id.to_owned() }
}

#[test]
fn each_look_up_has_its_place_in_the_answer() {
    let (registry, id) = mesh();
    let rev = find(&registry, "", "conf", "prov").unwrap().1;
    let request = BatchFind {
        services: vec![service("prov", "0"), service("none", ""), service("prov", &rev), service("", "")],
        instances: vec![
            FindInstance { instance: key(&id, "p1"), rev: String::new() },
            FindInstance { instance: key(&id, "nosuch"), rev: String::new() },
        ],
        ..BatchFind::default()
    };
    let answer = registry.batch_find(Tenant::DEFAULT, "", &request).unwrap();
    let answer = format!("{answer:?}");
    for part in
        ["index: 0", "not_modified: [2]", "indexes: [1]", "indexes: [3]", "400012", "400001", "400017"]
    {
        assert!(answer.contains(part), "{part} in {answer}");
    }
}

#[test]
fn an_unknown_consumer_fails_each_look_up_and_the_header_wins() {
    let (mut registry, _) = mesh();
    let consumer = create(&mut registry, named("conf", "cons", "1.0.0"));
    let request = BatchFind {
        consumer_service_id: "nosuch".to_owned(),
        services: vec![service("prov", ""), service("prov", "")],
        ..BatchFind::default()
    };
    let failed = format!("{:?}", registry.batch_find(Tenant::DEFAULT, "", &request).unwrap());
    assert!(failed.contains("indexes: [0, 1]"), "{failed}");
    let found = format!("{:?}", registry.batch_find(Tenant::DEFAULT, &consumer, &request).unwrap());
    assert!(found.contains("failed: []"), "{found}");
}

#[test]
fn a_batch_asks_for_something_and_not_for_too_much() {
    let (registry, _) = mesh();
    for count in [0, 1_001] {
        let request = BatchFind { services: vec![service("prov", ""); count], ..BatchFind::default() };
        assert_eq!(
            code(registry.batch_find(Tenant::DEFAULT, "", &request)),
            ErrorCode::InvalidParams,
            "{count}"
        );
    }
}

#[test]
fn heartbeats_are_told_apart_and_counted_once() {
    let (mut registry, id) = mesh();
    let keys = vec![key(&id, "p1"), key(&id, "nosuch"), key(&id, "p1")];
    let answer = registry.heartbeats(Tenant::DEFAULT, keys, at(100)).unwrap();
    let messages: Vec<_> = answer.instances.iter().map(|result| result.err_message.as_str()).collect();
    assert_eq!(messages, ["", "Instance does not exist(leaseId not exist, instance not exist)"]);
    registry.expire(at(219));
    assert!(registry.instance(Tenant::DEFAULT, &id, "p1", "").is_ok(), "the heartbeat counted");
    assert_eq!(code(registry.heartbeats(Tenant::DEFAULT, vec![], at(0))), ErrorCode::InvalidParams);
}

#[test]
fn removals_have_mixed_results() {
    let (mut registry, id) = mesh();
    let empty = create(&mut registry, named("conf", "empty", "1.0.0"));
    let mut remove = |ids: &[&str], force| {
        let service_ids = ids.iter().map(|&id| id.to_owned()).collect();
        registry.remove_services(Tenant::DEFAULT, RemoveServices { service_ids, force }, at(0))
    };
    let answer = remove(&[&id, "nosuch", &empty], false).unwrap();
    let are_removed: Vec<_> = answer.services.iter().map(|result| result.err_message.is_empty()).collect();
    assert_eq!(are_removed, [false, false, true]);
    assert!(remove(&[&id], true).unwrap().services[0].err_message.is_empty());
    assert_eq!(code(remove(&[], true)), ErrorCode::InvalidParams);
}
