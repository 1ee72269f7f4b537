//! Edits keep a copy of the registry equal, and taken back they lead to where it was.
//! They must not look at the calls: whatever was called, the edits must tell all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesher_model::Instance;
use mesher_model::query::ServiceKey;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::{at, named, on_host, pairs, registry};
use crate::{
    DependencyRequest, Edit, FindRequest, Key, Limits, NewSchema, Place, Registry, SchemaContent, Stored,
    Tenant,
};

const NAMES: [&str; 3] = ["first", "second", "third"];

#[derive(Debug, Clone)]
enum Call {
    Create(usize),
    Remove(usize, bool),
    ServiceProperty(usize, u8),
    Schema(usize, u8),
    Schemas(usize, u8),
    RemoveSchema(usize, u8),
    Tags(usize, u8),
    RemoveTag(usize),
    Find(usize, usize),
    Depend(usize, usize, bool),
    Register(usize, u8),
    Status(usize, u8, bool),
    Unregister(usize, u8),
    Wait(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let (name, number) = (|| 0..3_usize, || 0..3_u8);
    let call = prop_oneof![
        name().prop_map(Call::Create),
        name().prop_map(Call::Create),
        (name(), any::<bool>()).prop_map(|(name, force)| Call::Remove(name, force)),
        (name(), number()).prop_map(|(name, value)| Call::ServiceProperty(name, value)),
        (name(), number()).prop_map(|(name, id)| Call::Schema(name, id)),
        (name(), number()).prop_map(|(name, id)| Call::Schemas(name, id)),
        (name(), number()).prop_map(|(name, id)| Call::RemoveSchema(name, id)),
        (name(), number()).prop_map(|(name, value)| Call::Tags(name, value)),
        name().prop_map(Call::RemoveTag),
        (name(), name()).prop_map(|(from, to)| Call::Find(from, to)),
        (name(), name(), any::<bool>()).prop_map(|(from, to, replace)| Call::Depend(from, to, replace)),
        (name(), number()).prop_map(|(name, host)| Call::Register(name, host)),
        (name(), number()).prop_map(|(name, host)| Call::Register(name, host)),
        (name(), number(), any::<bool>()).prop_map(|(name, host, up)| Call::Status(name, host, up)),
        (name(), number()).prop_map(|(name, host)| Call::Unregister(name, host)),
        prop_oneof![Just(1), Just(60), Just(130)].prop_map(Call::Wait),
    ];
    proptest::collection::vec(call, 1..50)
}

/// Makes one call. Whether it is refused is the tables' business.
fn make(registry: &mut Registry, call: &Call, now: &mut u64) {
    let tenant = Tenant::DEFAULT;
    let id = |name: usize| crate::service_id(tenant, &named("conf", NAMES[name], "1.0.0"));
    let key = |name: usize, version: &str| ServiceKey {
        app_id: "conf".to_owned(),
        service_name: NAMES[name].to_owned(),
        version: version.to_owned(),
        ..ServiceKey::default()
    };
    let schema = |number: u8| NewSchema {
        id: format!("s{number}"),
        schema: format!("text {number}"),
        summary: String::new(),
    };
    registry.expire(at(*now));
    match *call {
        Call::Create(name) => {
            drop(registry.create_service(tenant, named("conf", NAMES[name], "1.0.0"), at(*now)));
        }
        Call::Remove(name, force) => drop(registry.remove_service(tenant, &id(name), force, at(*now))),
        Call::ServiceProperty(name, value) => {
            let new = pairs(&[("value", &value.to_string())]);
            drop(registry.update_service_properties(tenant, &id(name), new, at(*now)));
        }
        Call::Schema(name, number) => {
            drop(registry.put_schema(tenant, &id(name), schema(number), at(*now)));
        }
        Call::Schemas(name, number) => {
            drop(registry.replace_schemas(tenant, &id(name), vec![schema(number)], at(*now)));
        }
        Call::RemoveSchema(name, number) => {
            drop(registry.remove_schema(tenant, &id(name), &format!("s{number}"), at(*now)));
        }
        Call::Tags(name, value) => {
            let tags = pairs(&[("a", ["one", "two", "three"][usize::from(value)]), ("b", "fixed")]);
            drop(registry.replace_tags(tenant, &id(name), tags, at(*now)));
        }
        Call::RemoveTag(name) => drop(registry.remove_tags(tenant, &id(name), "a", at(*now))),
        Call::Find(from, to) => {
            let consumer = id(from);
            let request = FindRequest {
                consumer: &consumer,
                app: "conf",
                service: NAMES[to],
                ..FindRequest::default()
            };
            let new = registry.find(tenant, request).ok().and_then(|mut found| found.take_unrecorded());
            if let Some(provider) = new {
                registry.depend(tenant, &consumer, [provider], at(*now));
            }
        }
        Call::Depend(from, to, replace) => {
            let request = DependencyRequest { consumer: key(from, "1.0.0"), providers: vec![key(to, "")] };
            drop(registry.set_dependencies(tenant, &[request], replace, at(*now)));
        }
        Call::Register(name, host) => {
            let instance = Instance { instance_id: format!("i{host}"), ..on_host("host") };
            drop(registry.register_instance(tenant, &id(name), instance, String::new, at(*now)));
        }
        Call::Status(name, host, up) => {
            let status = if up { "UP" } else { "DOWN" };
            drop(registry.update_status(tenant, &id(name), &format!("i{host}"), status, at(*now)));
        }
        Call::Unregister(name, host) => {
            drop(registry.unregister_instance(tenant, &id(name), &format!("i{host}"), at(*now)));
        }
        Call::Wait(seconds) => *now += seconds,
    }
}

/// All records, and what follows from them: counters, leases and both views of the dependencies.
fn state(registry: &Registry) -> (BTreeMap<Key, Stored>, usize, usize, Vec<String>) {
    let records: BTreeMap<Key, Stored> = registry.records().collect();
    let mut views = Vec::new();
    for record in registry.all_services() {
        let place = &record.place;
        let mut ids = |records: Vec<&crate::ServiceRecord>| {
            let mut ids: Vec<_> = records.iter().map(|record| record.service.service_name.clone()).collect();
            ids.sort();
            views.push(format!("{} {ids:?}", record.service.service_name));
        };
        ids(registry.providers(place.tenant(), &place.service).unwrap());
        ids(registry.consumers(place.tenant(), &place.service).unwrap());
    }
    views.sort();
    (records, registry.instance_count() - registry.own_instances().count(), registry.lease_count(), views)
}

fn through_json(edit: &Edit) -> (Key, Option<Stored>) {
    let key = Key::parse(&edit.key.to_path()).unwrap();
    let value = edit.after.as_ref().map(|after| Stored::parse(&key, &after.to_json().unwrap()).unwrap());
    (key, value)
}

proptest! {
    #[test]
    fn edits_keep_a_copy_equal_and_can_be_taken_back(calls in calls(), back in 0..20_usize) {
        let mut registry = registry();
        let mut copy = Registry::new(9, Limits::default());
        let mut now = 0;
        let mut history = vec![state(&registry)];
        let mut edits: Vec<(Edit, usize)> = Vec::new();
        for call in &calls {
            make(&mut registry, call, &mut now);
            let made = registry.take_edits();
            for edit in &made {
                let (key, value) = through_json(edit);
                assert!(copy.restore(&key, value, at(now)), "{edit:?}");
            }
            assert_eq!(state(&copy), state(&registry), "after {call:?}");
            edits.extend(made.into_iter().map(|edit| (edit, history.len() - 1)));
            history.push(state(&registry));
        }
        // Back to where some call began: all edits from it on, last first.
        let target = history.len() - 1 - back.min(history.len() - 1);
        for (edit, _) in edits.iter().rev().take_while(|(_, call)| *call >= target) {
            assert!(registry.restore(&edit.key, edit.before.clone(), at(now)), "{edit:?}");
        }
        assert_eq!(state(&registry), history[target]);
        assert!(registry.take_edits().is_empty(), "to restore is no edit");
    }

    #[test]
    fn keys_of_any_text_are_read_as_they_were_written(
        domain in "[!-~&&[^/]]{1,20}", service in "\\PC{1,20}", id in "\\PC{1,20}",
    ) {
        let place = Place { domain: domain.into(), project: "p/q".into(), service: service.into() };
        let id: Arc<str> = id.into();
        let keys = [
            Key::Service(place.clone()),
            Key::Tags(place.clone()),
            Key::Dependencies(place.clone()),
            Key::Schema(place.clone(), Arc::clone(&id)),
            Key::Instance(place, id),
        ];
        for key in keys {
            let path = key.to_path();
            assert_eq!(Key::parse(&path).as_ref(), Some(&key), "{path}");
            assert!(path.is_ascii() && !path.contains("//"));
        }
    }
}

#[test]
fn paths_that_name_no_record_are_none() {
    for path in [
        "",
        "services",
        "services/a/b",
        "services/a/b/c/d",
        "instances/a/b/c",
        "instances/a/b//d",
        "x/a/b/c",
        "services/a/b/%ff",
    ] {
        assert_eq!(Key::parse(path), None, "{path}");
    }
}

#[test]
fn what_hangs_on_no_service_is_not_restored() {
    let mut registry = registry();
    let key = Key::parse("schemas/default/default/nosuch/s").unwrap();
    let content = SchemaContent { schema: "text".into(), summary: "".into() };
    assert!(!registry.restore(&key, Some(Stored::Schema(Arc::new(content))), at(0)));
    assert!(registry.restore(&key, None, at(0)), "nothing is there, as asked");
}

#[test]
fn a_restored_instance_has_one_full_lease() {
    let mut registry = registry();
    let tenant = Tenant::DEFAULT;
    let id = registry.create_service(tenant, named("conf", "prov", "1.0.0"), at(0)).unwrap();
    registry.register_instance(tenant, &id, on_host("h"), || "h".to_owned(), at(0)).unwrap();
    let edits = registry.take_edits();
    let mut other = Registry::new(9, Limits::default());
    for Edit { key, after, .. } in edits {
        assert!(other.restore(&key, after, at(1_000)));
    }
    other.expire(at(1_119));
    assert!(other.instance(tenant, &id, "h", "").is_ok());
    other.expire(at(1_120));
    assert!(other.instance(tenant, &id, "h", "").is_err());
    let gone = other.take_edits();
    assert_eq!(gone.len(), 1, "the end of a lease is an edit");
    assert_eq!(gone[0].key.to_path(), format!("instances/default/default/{id}/h"));
}

#[test]
fn heartbeats_are_no_edits() {
    let mut registry = registry();
    let tenant = Tenant::DEFAULT;
    let id = registry.create_service(tenant, named("conf", "prov", "1.0.0"), at(0)).unwrap();
    registry.register_instance(tenant, &id, on_host("h"), || "h".to_owned(), at(0)).unwrap();
    assert_eq!(registry.take_edits().len(), 2);
    registry.heartbeat(tenant, &id, "h", at(1)).unwrap();
    assert!(registry.take_edits().is_empty());
}
