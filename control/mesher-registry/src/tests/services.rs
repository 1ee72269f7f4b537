//! T-SVC: services come, are asked for, change and go.
//! They must not depend on instances beyond one that stands in the way.

use mesher_model::microservice::ServicePath;
use mesher_model::{ErrorCode, Framework, Microservice};

use super::{at, code, create, named, pairs, register, registry};
use crate::{ExistenceRequest, Limits, Registry, Tenant, Version};

#[test]
fn a_minimal_service_gets_the_defaults() {
    let mut registry = registry();
    let id =
        create(&mut registry, Microservice { service_name: "svc1".to_owned(), ..Microservice::default() });
    let service = registry.service(Tenant::DEFAULT, &id).unwrap().service();
    assert_eq!(
        [&service.app_id, &service.version, &service.level, &service.status],
        ["default", "0.0.1", "BACK", "UP"]
    );
    assert_eq!(service.timestamp, "1700000000");
    assert_eq!(service.mod_timestamp, "1700000000");
}

#[test]
fn the_id_is_the_hash_of_the_index_key() {
    let mut registry = registry();
    // Recorded from the original.
    assert_eq!(create(&mut registry, named("conf", "val", "1")), "b1ffdafb0ff45f911ffa602ce5cb44b8b28027e9");
    let service = Microservice { environment: "production".to_owned(), ..named("conf", "val", "1.0.0") };
    assert_eq!(create(&mut registry, service), "27370cc47ca7cc6ca2710667a91e1bc569a2cb12");
}

#[test]
fn a_second_registration_answers_the_id_and_keeps_the_first_content() {
    let mut registry = registry();
    let first = Microservice { description: "first".to_owned(), ..named("conf", "svc", "1.0.0") };
    let id = create(&mut registry, first);
    let second = Microservice { description: "second".to_owned(), ..named("conf", "svc", "1.0.0") };
    assert_eq!(create(&mut registry, second.clone()), id);
    assert_eq!(create(&mut registry, Microservice { service_id: id.clone(), ..second }), id);
    assert_eq!(registry.service(Tenant::DEFAULT, &id).unwrap().service().description, "first");
}

#[test]
fn an_id_belongs_to_one_identity() {
    let mut registry = registry();
    let with_id =
        |id: &str, name: &str| Microservice { service_id: id.to_owned(), ..named("conf", name, "1.0.0") };
    assert_eq!(create(&mut registry, with_id("mine", "a")), "mine");
    for service in [with_id("mine", "b"), with_id("other", "a")] {
        let refused = registry.create_service(Tenant::DEFAULT, service, at(0));
        assert_eq!(code(refused), ErrorCode::ServiceAlreadyExists);
    }
}

#[test]
fn an_id_that_would_follow_but_is_taken_is_a_conflict() {
    let mut registry = registry();
    let hash = crate::service_id(Tenant::DEFAULT, &named("conf", "late", "1.0.0"));
    create(&mut registry, Microservice { service_id: hash, ..named("conf", "early", "1.0.0") });
    let refused = registry.create_service(Tenant::DEFAULT, named("conf", "late", "1.0.0"), at(0));
    assert_eq!(code(refused), ErrorCode::ServiceAlreadyExists);
}

#[test]
fn an_alias_that_is_held_answers_with_its_holder() {
    let mut registry = registry();
    let aliased = |name: &str| Microservice { alias: "nick".to_owned(), ..named("conf", name, "1.0.0") };
    let holder = create(&mut registry, aliased("a"));
    assert_eq!(create(&mut registry, aliased("b")), holder);
    for id in ["other", holder.as_str()] {
        let service = Microservice { service_id: id.to_owned(), ..aliased("b") };
        assert_eq!(
            code(registry.create_service(Tenant::DEFAULT, service, at(0))),
            ErrorCode::ServiceAlreadyExists
        );
    }
}

#[test]
fn fields_are_held_to_their_bounds() {
    let base = || named("conf", "val", "1.0.0");
    let with = |edit: &dyn Fn(&mut Microservice)| {
        let mut service = base();
        edit(&mut service);
        service
    };
    let framework = |name: String| Some(Framework { name, version: "1".to_owned() });
    let schemas = |count: usize| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>();
    let pairs = |count: usize| (0..count).map(|number| (number.to_string(), String::new())).collect();
    let path = |length: usize| ServicePath { path: "p".repeat(length), ..ServicePath::default() };
    let table: Vec<(&str, Microservice, bool)> = vec![
        ("1000 properties", with(&|it| it.properties = pairs(1_000)), true),
        ("1001 properties", with(&|it| it.properties = pairs(1_001)), false),
        ("1000 paths", with(&|it| it.paths = vec![path(1); 1_000]), true),
        ("1001 paths", with(&|it| it.paths = vec![path(1); 1_001]), false),
        ("64 KiB of paths", with(&|it| it.paths = vec![path(32_768); 2]), true),
        ("a byte more", with(&|it| it.paths = vec![path(32_768), path(32_769)]), false),
        ("name 0", with(&|it| it.service_name = String::new()), false),
        ("name 1", with(&|it| it.service_name = "n".to_owned()), true),
        ("name 128", with(&|it| it.service_name = "n".repeat(128)), true),
        ("name 129", with(&|it| it.service_name = "n".repeat(129)), false),
        ("name with a space", with(&|it| it.service_name = "a b".to_owned()), false),
        ("name with markup", with(&|it| it.service_name = "<img src=x>".to_owned()), false),
        ("name that ends with a dot", with(&|it| it.service_name = "a.".to_owned()), false),
        ("version 1", with(&|it| it.version = "1".to_owned()), true),
        ("version 1.2.3.4", with(&|it| it.version = "1.2.3.4".to_owned()), true),
        ("version 1.2.3.4.5", with(&|it| it.version = "1.2.3.4.5".to_owned()), false),
        ("version 32767", with(&|it| it.version = "32767".to_owned()), true),
        ("version 32768", with(&|it| it.version = "32768".to_owned()), false),
        ("version 1.0.0.a", with(&|it| it.version = "1.0.0.a".to_owned()), false),
        ("version +1", with(&|it| it.version = "+1".to_owned()), false),
        ("version 1.", with(&|it| it.version = "1.".to_owned()), false),
        ("environment", with(&|it| it.environment = "nosuch".to_owned()), false),
        ("level", with(&|it| it.level = "TOP".to_owned()), false),
        ("status", with(&|it| it.status = "NO".to_owned()), false),
        ("app 160", with(&|it| it.app_id = "a".repeat(160)), true),
        ("app 161", with(&|it| it.app_id = "a".repeat(161)), false),
        ("alias 128", with(&|it| it.alias = "a".repeat(128)), true),
        ("alias 129", with(&|it| it.alias = "a".repeat(129)), false),
        ("alias with a slash", with(&|it| it.alias = "a/b".to_owned()), false),
        ("description 256", with(&|it| it.description = "ä".repeat(256)), true),
        ("description 257", with(&|it| it.description = "d".repeat(257)), false),
        ("framework 64", with(&|it| it.framework = framework("f".repeat(64))), true),
        ("framework 65", with(&|it| it.framework = framework("f".repeat(65))), false),
        ("schemas 100", with(&|it| it.schemas = schemas(100)), true),
        ("schemas 101", with(&|it| it.schemas = schemas(101)), false),
        ("schema without a name", with(&|it| it.schemas = vec![String::new()]), false),
        ("registerBy", with(&|it| it.register_by = "NO".to_owned()), false),
        ("registerBy SIDECAR", with(&|it| it.register_by = "SIDECAR".to_owned()), true),
        ("id 65", with(&|it| it.service_id = "i".repeat(65)), false),
        ("id with a space", with(&|it| it.service_id = "i d".to_owned()), false),
        ("path without text", with(&|it| it.paths = vec![ServicePath::default()]), false),
    ];
    for (name, service, is_taken) in table {
        let result = registry().create_service(Tenant::DEFAULT, service, at(0));
        assert_eq!(result.is_ok(), is_taken, "{name}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.code(), ErrorCode::InvalidParams, "{name}");
        }
    }
}

#[test]
fn a_refusal_tells_a_short_piece_of_a_long_value() {
    let service = named("conf", &"n".repeat(100_000), "1.0.0");
    let error = registry().create_service(Tenant::DEFAULT, service, at(0)).unwrap_err();
    assert!(error.to_string().len() < 500);
}

#[test]
fn existence_tells_a_missing_service_from_a_missing_version() {
    let mut registry = registry();
    let service = Microservice { alias: "nick".to_owned(), ..named("conf", "svc", "1.0.0") };
    let id = create(&mut registry, service);
    let ask = |name: &str, version: &str, environment: &str| {
        let request = ExistenceRequest { environment, app: "conf", service: name, version };
        registry.service_exists(Tenant::DEFAULT, request).map(str::to_owned).map_err(|error| error.code())
    };
    let table = [
        ("svc", "1.0.0", "", Ok(id.clone())),
        ("nick", "1.0.0", "", Ok(id.clone())),
        ("none", "1.0.0", "", Err(ErrorCode::ServiceNotExists)),
        ("svc", "1.0.0", "testing", Err(ErrorCode::ServiceNotExists)),
        ("svc", "9.9.9", "", Err(ErrorCode::VersionNotExists)),
        ("svc", "latest", "", Err(ErrorCode::InvalidParams)),
        ("svc", "", "", Err(ErrorCode::InvalidParams)),
        ("", "1.0.0", "", Err(ErrorCode::InvalidParams)),
        ("svc", "1.0.0", "nosuch", Err(ErrorCode::InvalidParams)),
    ];
    for (name, version, environment, answer) in table {
        assert_eq!(ask(name, version, environment), answer, "{name} {version} {environment}");
    }
}

#[test]
fn properties_are_replaced_as_a_whole() {
    let mut registry = registry();
    let service = Microservice { properties: pairs(&[("a", "b")]), ..named("conf", "svc", "1.0.0") };
    let id = create(&mut registry, service);
    registry.update_service_properties(Tenant::DEFAULT, &id, pairs(&[("new", "1")]), at(9)).unwrap();
    let service = registry.service(Tenant::DEFAULT, &id).unwrap().service();
    assert_eq!(service.properties, pairs(&[("new", "1")]));
    assert_eq!((service.timestamp.as_str(), service.mod_timestamp.as_str()), ("1700000000", "1700000009"));
    let absent = registry.update_service_properties(Tenant::DEFAULT, "nosuch", pairs(&[]), at(9));
    assert_eq!(code(absent), ErrorCode::ServiceNotExists);
}

#[test]
fn removal_waits_for_instances_unless_forced() {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "svc", "1.0.0"));
    register(&mut registry, &id, "h1", at(0));
    let refused = registry.remove_service(Tenant::DEFAULT, &id, false, at(0));
    assert_eq!(code(refused), ErrorCode::ServiceHasInstances);
    registry.remove_service(Tenant::DEFAULT, &id, true, at(0)).unwrap();
    assert_eq!(registry.instance_count(), 1, "only the registry's own is left");
    assert_eq!(code(registry.remove_service(Tenant::DEFAULT, &id, true, at(0))), ErrorCode::ServiceNotExists);
    assert_eq!(create(&mut registry, named("conf", "svc", "1.0.0")), id, "the id is stable");
}

#[test]
fn the_own_service_is_hidden_from_lists_and_guarded() {
    let mut registry = registry();
    let own = registry.own_instances().next().unwrap().instance().clone();
    assert_eq!(own.service_id, "7062417bf9ebd4c646bb23059003cea42180894a", "as the original's");
    assert_eq!(registry.services(Tenant::DEFAULT, false).count(), 0);
    assert_eq!(registry.services(Tenant::DEFAULT, true).count(), 1);
    let removal = registry.remove_service(Tenant::DEFAULT, &own.service_id, true, at(0));
    assert_eq!(code(removal), ErrorCode::InvalidParams);
    let change = registry.update_service_properties(Tenant::DEFAULT, &own.service_id, pairs(&[]), at(0));
    assert_eq!(code(change), ErrorCode::Forbidden);
    let removal = registry.unregister_instance(Tenant::DEFAULT, &own.service_id, &own.instance_id, at(0));
    assert_eq!(code(removal), ErrorCode::Forbidden);
}

#[test]
fn tenants_do_not_see_each_other() {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "svc", "1.0.0"));
    for tenant in [Tenant::new("other", "").unwrap(), Tenant::new("", "p2").unwrap()] {
        assert_eq!(code(registry.service(tenant, &id)), ErrorCode::ServiceNotExists);
        let theirs = registry.create_service(tenant, named("conf", "svc", "1.0.0"), at(0)).unwrap();
        assert_ne!(theirs, id);
        assert_eq!(registry.services(tenant, false).count(), 1);
        registry.remove_service(tenant, &theirs, false, at(0)).unwrap();
    }
    for name in ["a/b", "a b", "a\n", &"d".repeat(129)] {
        assert_eq!(code(Tenant::new(name, "")), ErrorCode::InvalidParams, "{name:?}");
    }
}

#[test]
fn the_quota_of_services_holds_over_all_tenants() {
    let mut registry = Registry::new(1, Limits { services: 1, instances: 1, ..Limits::default() });
    let id = create(&mut registry, named("conf", "a", "1.0.0"));
    let other = Tenant::new("other", "").unwrap();
    assert_eq!(
        code(registry.create_service(other, named("conf", "b", "1"), at(0))),
        ErrorCode::NotEnoughQuota
    );
    assert_eq!(create(&mut registry, named("conf", "a", "1.0.0")), id, "a known one needs no room");
    registry.remove_service(Tenant::DEFAULT, &id, false, at(0)).unwrap();
    registry.create_service(other, named("conf", "b", "1"), at(0)).unwrap();
}

#[test]
fn versions_are_ordered_by_number() {
    let version = |text| Version::parse(text).unwrap();
    assert!(version("1.10") > version("1.9"));
    assert!(version("2") > version("1.9.9.9"));
    assert_eq!(version("1"), version("1.0.0.0"));
}
