//! Who calls whom, and who hears of a change.
//! They must not repeat the recordings; they stand in `verify`.

use mesher_model::query::ServiceKey;
use mesher_model::{ErrorCode, Microservice};

use super::{at, code, create, named, pairs, register, registry};
use crate::{Change, DependencyRequest, FindRequest, Registry, Tenant};

fn find_as(registry: &mut Registry, consumer: &str, app: &str, service: &str) {
    let request = FindRequest { consumer, app, service, ..FindRequest::default() };
    let new = registry.find(Tenant::DEFAULT, request).unwrap().take_unrecorded();
    if let Some(provider) = new {
        registry.depend(Tenant::DEFAULT, consumer, [provider], at(0));
    }
}

fn names(records: Vec<&crate::ServiceRecord>) -> Vec<&str> {
    records.iter().map(|record| record.service().service_name.as_str()).collect()
}

fn audience(registry: &Registry, changes: &[Change]) -> Vec<Vec<String>> {
    changes.iter().map(|change| registry.audience(change).map(str::to_owned).collect()).collect()
}

#[test]
fn a_look_up_makes_its_caller_depend_once() {
    let mut registry = registry();
    let consumer = create(&mut registry, named("conf", "cons", "1.0.0"));
    let provider = create(&mut registry, named("conf", "prov", "1.0.0"));
    registry.take_edits();
    find_as(&mut registry, &consumer, "conf", "prov");
    find_as(&mut registry, &consumer, "conf", "prov");
    assert_eq!(registry.take_edits().len(), 1, "the second look-up only reads");
    assert_eq!(names(registry.consumers(Tenant::DEFAULT, &provider).unwrap()), ["cons"]);
    assert_eq!(names(registry.providers(Tenant::DEFAULT, &consumer).unwrap()), ["prov"]);
    let refused = registry.remove_service(Tenant::DEFAULT, &provider, false, at(0));
    assert_eq!(code(refused), ErrorCode::ConsumersDepend);
    registry.remove_service(Tenant::DEFAULT, &consumer, false, at(0)).unwrap();
    registry.remove_service(Tenant::DEFAULT, &provider, false, at(0)).unwrap();
}

#[test]
fn those_who_may_see_a_provider_hear_of_it() {
    let mut registry = registry();
    let near = create(&mut registry, named("conf", "near", "1.0.0"));
    let far = create(&mut registry, named("other", "far", "1.0.0"));
    let open = Microservice {
        properties: pairs(&[("allowCrossApp", "true")]),
        alias: "conf:prov".to_owned(),
        ..named("conf", "prov", "1.0.0")
    };
    let provider = create(&mut registry, open);
    create(&mut registry, named("conf", "stranger", "1.0.0"));
    find_as(&mut registry, &near, "conf", "prov");
    find_as(&mut registry, &far, "conf", "conf:prov");
    registry.take_changes();
    register(&mut registry, &provider, "h1", at(0));
    let mut both = vec![near.clone(), far];
    both.sort();
    let changes = registry.take_changes();
    assert_eq!(audience(&registry, &changes), [both]);
    registry.update_service_properties(Tenant::DEFAULT, &provider, pairs(&[]), at(0)).unwrap();
    registry.take_changes();
    registry.unregister_instance(Tenant::DEFAULT, &provider, "h1", at(0)).unwrap();
    let changes = registry.take_changes();
    assert_eq!(audience(&registry, &changes), [[near]], "the other application may not see it any more");
    assert_eq!(changes[0].instance.as_ref().unwrap().host_name, "h1");
}

#[test]
fn a_removal_tells_of_each_instance() {
    let mut registry = registry();
    let consumer = create(&mut registry, named("conf", "cons", "1.0.0"));
    let provider = create(&mut registry, named("conf", "prov", "1.0.0"));
    register(&mut registry, &provider, "h1", at(0));
    register(&mut registry, &provider, "h2", at(0));
    find_as(&mut registry, &consumer, "conf", "prov");
    registry.take_changes();
    registry.remove_service(Tenant::DEFAULT, &provider, true, at(0)).unwrap();
    let changes = registry.take_changes();
    let gone: Vec<_> = changes.iter().map(|change| change.instance_id()).collect();
    assert_eq!(gone, ["h1", "h2", ""]);
    assert_eq!(audience(&registry, &changes)[0], [consumer]);
}

#[test]
fn a_refused_list_of_dependencies_changes_nothing() {
    let mut registry = registry();
    let consumer = create(&mut registry, named("conf", "cons", "1.0.0"));
    let key = |name: &str| ServiceKey {
        app_id: "conf".to_owned(),
        service_name: name.to_owned(),
        version: "1.0.0".to_owned(),
        ..ServiceKey::default()
    };
    let request = |consumer: &str, providers: &[&str]| DependencyRequest {
        consumer: key(consumer),
        providers: providers.iter().map(|name| key(name)).collect(),
    };
    let good = request("cons", &["prov"]);
    for (bad, expected) in [
        (request("nosuch", &["prov"]), ErrorCode::ServiceNotExists),
        (request("cons", &["prov", "prov"]), ErrorCode::InvalidParams),
        (request("cons", &["*"]), ErrorCode::InvalidParams),
    ] {
        let refused = registry.set_dependencies(Tenant::DEFAULT, &[good.clone(), bad], true, at(0));
        assert_eq!(code(refused), expected);
    }
    let many = vec![good.clone(); 101];
    assert!(registry.set_dependencies(Tenant::DEFAULT, &many, true, at(0)).is_err());
    assert!(registry.service(Tenant::DEFAULT, &consumer).unwrap().providers.is_none());
    registry.set_dependencies(Tenant::DEFAULT, &[good], false, at(0)).unwrap();
    registry.set_dependencies(Tenant::DEFAULT, &[request("cons", &["more"])], false, at(0)).unwrap();
    assert_eq!(registry.service(Tenant::DEFAULT, &consumer).unwrap().providers.as_ref().unwrap().len(), 2);
}

#[test]
fn a_caller_that_is_named_twice_adds_both_times() {
    let mut registry = registry();
    let consumer = create(&mut registry, named("conf", "cons", "1.0.0"));
    let key = |name: &str| ServiceKey {
        app_id: "conf".to_owned(),
        service_name: name.to_owned(),
        version: "1.0.0".to_owned(),
        ..ServiceKey::default()
    };
    let request = |provider| DependencyRequest { consumer: key("cons"), providers: vec![key(provider)] };
    let both = [request("one"), request("two")];
    for (replace, expected) in [(false, &["one", "two"][..]), (true, &["two"])] {
        registry.set_dependencies(Tenant::DEFAULT, &both, replace, at(0)).unwrap();
        let record = registry.service(Tenant::DEFAULT, &consumer).unwrap();
        let names = record.providers.as_ref().unwrap().iter().map(|name| &*name.service_name);
        assert_eq!(names.collect::<Vec<_>>(), expected, "replace: {replace}");
    }
}

#[test]
fn the_registry_itself_calls_nobody() {
    let mut registry = registry();
    let own = registry.services(Tenant::DEFAULT, true).next().unwrap().service().clone();
    let near = Microservice { environment: own.environment.clone(), ..named("default", "prov", "1.0.0") };
    create(&mut registry, near);
    registry.take_edits();
    find_as(&mut registry, &own.service_id, "default", "prov");
    let caller = ServiceKey {
        environment: own.environment,
        app_id: own.app_id,
        service_name: own.service_name,
        version: own.version,
    };
    let provider =
        ServiceKey { app_id: "default".to_owned(), service_name: "prov".to_owned(), ..ServiceKey::default() };
    let request = DependencyRequest { consumer: caller, providers: vec![provider] };
    let refused = registry.set_dependencies(Tenant::DEFAULT, &[request], false, at(0));
    assert_eq!(code(refused), ErrorCode::Forbidden);
    assert!(
        registry.take_edits().is_empty(),
        "a store must not keep what hangs on the registry's own record"
    );
}
