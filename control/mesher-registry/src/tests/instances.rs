//! T-INS: instances come, are read, change and go.
//! They must not look at leases; `leases` does.

use mesher_model::{DataCenterInfo, ErrorCode, HealthCheck, Instance};

use super::{at, code, create, named, on_host, pairs, register, registry};
use crate::{ChangeKind, Limits, Registry, Tenant};

fn check(mode: &str, interval: i64, times: i64) -> Option<HealthCheck> {
    Some(HealthCheck { mode: mode.to_owned(), interval, times, ..HealthCheck::default() })
}

fn with_service() -> (Registry, String) {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "inst", "1.0.0"));
    registry.take_changes();
    (registry, id)
}

#[test]
fn an_instance_gets_the_defaults_and_the_registrys_own_times() {
    let (mut registry, service) = with_service();
    let brought =
        Instance { timestamp: "1795487930971".to_owned(), version: "9".to_owned(), ..on_host("h1") };
    let id =
        registry.register_instance(Tenant::DEFAULT, &service, brought, || "fresh".to_owned(), at(3)).unwrap();
    assert_eq!(id, "fresh");
    let found = registry.instance(Tenant::DEFAULT, &service, &id, "").unwrap().instance();
    assert_eq!((found.status.as_str(), found.version.as_str()), ("UP", "1.0.0"));
    assert_eq!((found.timestamp.as_str(), found.mod_timestamp.as_str()), ("1700000003", "1700000003"));
    assert_eq!((&found.service_id, &found.health_check), (&service, &check("push", 30, 3)));
}

#[test]
fn health_checks_are_raised_to_the_least() {
    let table = [
        (check("push", 10, 2), check("push", 10, 3)),
        (check("push", 1, 1), check("push", 5, 3)),
        (check("push", 60, 9), check("push", 60, 9)),
        (check("pull", 7, 8), check("pull", 30, 3)),
    ];
    for (asked, kept) in table {
        let (mut registry, service) = with_service();
        let instance = Instance { health_check: asked.clone(), ..on_host("h1") };
        registry.register_instance(Tenant::DEFAULT, &service, instance, || "i".to_owned(), at(0)).unwrap();
        let found = registry.instance(Tenant::DEFAULT, &service, "i", "").unwrap();
        assert_eq!(found.instance().health_check, kept, "{asked:?}");
    }
}

#[test]
fn a_living_instance_keeps_its_content() {
    let (mut registry, service) = with_service();
    let fixed = |port: u16| Instance {
        instance_id: "fixed-id-000001".to_owned(),
        endpoints: vec![format!("rest://127.0.0.1:{port}")],
        ..on_host("h2")
    };
    for port in [8081, 9999] {
        let id =
            registry.register_instance(Tenant::DEFAULT, &service, fixed(port), String::new, at(0)).unwrap();
        assert_eq!(id, "fixed-id-000001");
    }
    let found = registry.instance(Tenant::DEFAULT, &service, "fixed-id-000001", "").unwrap();
    assert_eq!(found.instance().endpoints, ["rest://127.0.0.1:8081"]);
    assert_eq!(registry.take_changes().len(), 1, "a renewal is no change");
}

#[test]
fn an_endpoint_may_be_registered_twice() {
    let (mut registry, service) = with_service();
    register(&mut registry, &service, "h1", at(0));
    register(&mut registry, &service, "h2", at(0));
    assert_eq!(registry.instances(Tenant::DEFAULT, &service, "", "").unwrap().instances().count(), 2);
}

#[test]
fn fields_are_held_to_their_bounds() {
    let zone = |name: &str, region: &str, zone: &str| {
        let [name, region, available_zone] = [name, region, zone].map(str::to_owned);
        Some(DataCenterInfo { name, region, available_zone })
    };
    let with = |edit: &dyn Fn(&mut Instance)| {
        let mut instance = on_host("h1");
        edit(&mut instance);
        instance
    };
    let port = |port| Some(HealthCheck { port, ..check("push", 5, 3).unwrap() });
    let table: Vec<(&str, Instance, bool)> = vec![
        ("no host", with(&|it| it.host_name = String::new()), false),
        ("host 64", with(&|it| it.host_name = "h".repeat(64)), true),
        ("host 65", with(&|it| it.host_name = "h".repeat(65)), false),
        ("status", with(&|it| it.status = "NO".to_owned()), false),
        ("status STARTING", with(&|it| it.status = "STARTING".to_owned()), true),
        ("no endpoint", with(&|it| it.endpoints.clear()), true),
        ("endpoint with a space", with(&|it| it.endpoints = vec!["rest://a b".to_owned()]), false),
        ("endpoint without text", with(&|it| it.endpoints = vec![String::new()]), false),
        ("id 65", with(&|it| it.instance_id = "i".repeat(65)), false),
        ("id with a slash", with(&|it| it.instance_id = "a/b".to_owned()), false),
        ("whole data centre", with(&|it| it.data_center_info = zone("dc", "r", "az")), true),
        ("partial data centre", with(&|it| it.data_center_info = zone("dc", "", "")), false),
        ("mode", with(&|it| it.health_check = check("bad", 10, 2)), false),
        ("negative interval", with(&|it| it.health_check = check("push", -1, 2)), false),
        ("no times", with(&|it| it.health_check = check("push", 5, 0)), false),
        ("longest lease", with(&|it| it.health_check = check("push", 2_147_483_647, 2_147_483_647)), true),
        ("port 65535", with(&|it| it.health_check = port(65_535)), true),
        ("port 65536", with(&|it| it.health_check = port(65_536)), false),
    ];
    for (name, instance, is_taken) in table {
        let (mut registry, service) = with_service();
        let result =
            registry.register_instance(Tenant::DEFAULT, &service, instance, || "i".to_owned(), at(0));
        assert_eq!(result.is_ok(), is_taken, "{name}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.code(), ErrorCode::InvalidParams, "{name}");
        }
    }
}

#[test]
fn an_instance_needs_its_service() {
    let refused = registry().register_instance(Tenant::DEFAULT, "nosuch", on_host("h1"), String::new, at(0));
    assert_eq!(code(refused), ErrorCode::ServiceNotExists);
}

#[test]
fn status_and_properties_change_the_record() {
    let (mut registry, service) = with_service();
    register(&mut registry, &service, "h1", at(0));
    for status in ["UP", "DOWN", "STARTING", "TESTING", "OUTOFSERVICE"] {
        registry.update_status(Tenant::DEFAULT, &service, "h1", status, at(5)).unwrap();
        let found = registry.instance(Tenant::DEFAULT, &service, "h1", "").unwrap();
        assert_eq!(found.instance().status, status);
    }
    for status in ["NO", ""] {
        let refused = registry.update_status(Tenant::DEFAULT, &service, "h1", status, at(5));
        assert_eq!(code(refused), ErrorCode::InvalidParams);
    }
    registry.update_properties(Tenant::DEFAULT, &service, "h1", pairs(&[("p", "q")]), at(6)).unwrap();
    let found = registry.instance(Tenant::DEFAULT, &service, "h1", "").unwrap().instance();
    assert_eq!((&found.properties, found.mod_timestamp.as_str()), (&pairs(&[("p", "q")]), "1700000006"));
    let absent = registry.update_properties(Tenant::DEFAULT, &service, "nosuch", pairs(&[]), at(6));
    assert_eq!(code(absent), ErrorCode::InstanceNotExists);
}

#[test]
fn an_unregistered_instance_is_gone_at_once() {
    let (mut registry, service) = with_service();
    register(&mut registry, &service, "h1", at(0));
    registry.unregister_instance(Tenant::DEFAULT, &service, "h1", at(0)).unwrap();
    let absent = ErrorCode::InstanceNotExists;
    assert_eq!(code(registry.unregister_instance(Tenant::DEFAULT, &service, "h1", at(0))), absent);
    assert_eq!(code(registry.instance(Tenant::DEFAULT, &service, "h1", "")), absent);
    assert_eq!(code(registry.heartbeat(Tenant::DEFAULT, &service, "h1", at(1))), absent);
    let kinds: Vec<_> = registry.take_changes().iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::InstanceRegistered, ChangeKind::InstanceUnregistered]);
}

#[test]
fn the_quota_of_instances_holds() {
    let mut registry = Registry::new(1, Limits { services: 1, instances: 1, ..Limits::default() });
    let service = create(&mut registry, named("conf", "inst", "1.0.0"));
    register(&mut registry, &service, "h1", at(0));
    let refused =
        registry.register_instance(Tenant::DEFAULT, &service, on_host("h2"), || "i2".to_owned(), at(0));
    assert_eq!(code(refused), ErrorCode::NotEnoughQuota);
    registry.unregister_instance(Tenant::DEFAULT, &service, "h1", at(0)).unwrap();
    register(&mut registry, &service, "h2", at(0));
}
