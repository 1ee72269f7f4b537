//! What holds after any sequence of calls.
//! They must not repeat a table: no single call is judged here, only what all of them leave behind.

use std::collections::HashMap;

use mesher_model::Instance;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::{at, create, named, on_host, pairs, registry};
use crate::{FindRequest, Registry, Tenant};

/// One call, on one of two versions of a service and one of three instances of it.
#[derive(Debug, Clone)]
enum Call {
    Create(usize),
    Remove(usize, bool),
    Register(usize, usize),
    Heartbeat(usize, usize),
    Status(usize, usize, bool),
    Properties(usize, usize, u8),
    CrossApps(usize, bool),
    Unregister(usize, usize),
    Wait(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let (version, host) = (|| 0..2_usize, || 0..3_usize);
    let call = prop_oneof![
        version().prop_map(Call::Create),
        (version(), any::<bool>()).prop_map(|(version, force)| Call::Remove(version, force)),
        (version(), host()).prop_map(|(version, host)| Call::Register(version, host)),
        (version(), host()).prop_map(|(version, host)| Call::Register(version, host)),
        (version(), host()).prop_map(|(version, host)| Call::Heartbeat(version, host)),
        (version(), host(), any::<bool>()).prop_map(|(version, host, up)| Call::Status(version, host, up)),
        (version(), host(), 0..3_u8)
            .prop_map(|(version, host, value)| Call::Properties(version, host, value)),
        (version(), any::<bool>()).prop_map(|(version, open)| Call::CrossApps(version, open)),
        (version(), host()).prop_map(|(version, host)| Call::Unregister(version, host)),
        prop_oneof![Just(1), Just(60), Just(130)].prop_map(Call::Wait),
    ];
    proptest::collection::vec(call, 1..60)
}

const VERSIONS: [&str; 2] = ["1.0.0", "2.0.0"];
const HOSTS: [&str; 3] = ["a", "b", "c"];

/// Makes one call. Whether it is refused is the tables' business.
fn make(registry: &mut Registry, call: &Call, now: &mut u64) {
    let tenant = Tenant::DEFAULT;
    let id = |version: usize| crate::service_id(tenant, &named("conf", "prov", VERSIONS[version]));
    registry.expire(at(*now));
    match *call {
        Call::Create(version) => drop(create(registry, named("conf", "prov", VERSIONS[version]))),
        Call::Remove(version, force) => drop(registry.remove_service(tenant, &id(version), force, at(0))),
        Call::Register(version, host) => {
            let instance = Instance { instance_id: HOSTS[host].to_owned(), ..on_host(HOSTS[host]) };
            drop(registry.register_instance(tenant, &id(version), instance, String::new, at(*now)));
        }
        Call::Heartbeat(version, host) => {
            drop(registry.heartbeat(tenant, &id(version), HOSTS[host], at(*now)))
        }
        Call::Status(version, host, up) => {
            let status = if up { "UP" } else { "DOWN" };
            drop(registry.update_status(tenant, &id(version), HOSTS[host], status, at(*now)));
        }
        Call::Properties(version, host, value) => {
            let new = pairs(&[("value", &value.to_string())]);
            drop(registry.update_properties(tenant, &id(version), HOSTS[host], new, at(*now)));
        }
        Call::CrossApps(version, open) => {
            let new = pairs(&[("allowCrossApp", if open { "true" } else { "false" })]);
            drop(registry.update_service_properties(tenant, &id(version), new, at(*now)));
        }
        Call::Unregister(version, host) => {
            drop(registry.unregister_instance(tenant, &id(version), HOSTS[host], at(*now)));
        }
        Call::Wait(seconds) => *now += seconds,
    }
}

/// What a consumer finds: the instances as text, and the revision.
fn seen(registry: &Registry, consumer: &str) -> Option<(String, String)> {
    let request = FindRequest { consumer, app: "conf", service: "prov", ..FindRequest::default() };
    let found = registry.find(Tenant::DEFAULT, request).ok()?;
    let instances: Vec<_> = found.instances().collect();
    Some((format!("{instances:?}"), found.revision().to_string()))
}

proptest! {
    #[test]
    fn an_equal_revision_is_an_identical_set(calls in calls()) {
        let mut registry = registry();
        let near = create(&mut registry, named("conf", "near", "1.0.0"));
        let far = create(&mut registry, named("other", "far", "1.0.0"));
        let mut known: HashMap<String, String> = HashMap::new();
        let mut now = 0;
        for call in &calls {
            make(&mut registry, call, &mut now);
            for consumer in [near.as_str(), far.as_str(), ""] {
                let Some((set, revision)) = seen(&registry, consumer) else { continue };
                let before = known.entry(revision).or_insert_with(|| set.clone());
                assert_eq!(*before, set, "after {call:?}");
            }
        }
    }

    #[test]
    fn counts_and_leases_agree_with_the_records(calls in calls()) {
        let mut registry = registry();
        let mut now = 0;
        for call in &calls {
            make(&mut registry, call, &mut now);
            let instances: usize = registry.all_services().map(|record| record.instances().len()).sum();
            assert_eq!(registry.instance_count(), instances + 1, "the registry's own among them");
            assert_eq!(registry.lease_count(), instances, "one lease each, but for the registry's own");
        }
        registry.expire(at(now + 1_000));
        assert_eq!((registry.instance_count(), registry.lease_count()), (1, 0));
    }

    #[test]
    fn names_and_versions_of_any_text_are_taken_or_refused(name in ".{0,140}", version in "[0-9.]{0,20}") {
        let mut registry = registry();
        let service = named("conf", &name, &version);
        if let Ok(id) = registry.create_service(Tenant::DEFAULT, service, at(0)) {
            assert_eq!(id.len(), 40);
            assert!(name.is_ascii());
        }
    }
}
