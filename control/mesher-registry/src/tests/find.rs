//! T-FND: who finds what, and when a revision changes.
//! They must not read anything into a revision but whether two are equal.

use mesher_model::{ErrorCode, Microservice};

use super::{at, code, create, find, named, pairs, register, registry};
use crate::{FindRequest, Limits, Registry, Tenant};

/// Two versions of a provider, a consumer beside them, and three services of another application.
fn mesh() -> (Registry, String) {
    let mut registry = registry();
    for (version, host) in [("2.0.0", "p2"), ("1.0.0", "p1")] {
        let id = create(&mut registry, named("conf", "prov", version));
        register(&mut registry, &id, host, at(0));
    }
    let consumer = create(&mut registry, named("conf", "cons", "1.0.0"));
    let id = create(&mut registry, named("other", "closed", "1.0.0"));
    register(&mut registry, &id, "x1", at(0));
    let open = Microservice {
        alias: "other:open".to_owned(),
        properties: pairs(&[("allowCrossApp", "true")]),
        ..named("other", "open", "1.0.0")
    };
    let id = create(&mut registry, open);
    register(&mut registry, &id, "y1", at(0));
    (registry, consumer)
}

fn hosts(registry: &Registry, consumer: &str, app: &str, name: &str) -> Vec<String> {
    find(registry, consumer, app, name).unwrap().0
}

#[test]
fn every_version_is_found_with_one_revision_for_all() {
    let (registry, consumer) = mesh();
    let anonymous = find(&registry, "", "conf", "prov").unwrap();
    assert_eq!(anonymous.0, ["p1", "p2"], "lowest version first");
    assert_eq!(find(&registry, &consumer, "conf", "prov").unwrap(), anonymous);
}

#[test]
fn what_is_unknown_is_refused() {
    let (registry, consumer) = mesh();
    let absent = Err(ErrorCode::ServiceNotExists);
    assert_eq!(find(&registry, &consumer, "conf", "nosuch"), absent);
    assert_eq!(find(&registry, "nosuch", "conf", "prov"), absent);
    assert_eq!(find(&registry, "", "", "prov"), Err(ErrorCode::InvalidParams));
    assert_eq!(find(&registry, "", "conf", ""), Err(ErrorCode::InvalidParams));
    assert_eq!(find(&registry, "", "conf", "a:b:c"), Err(ErrorCode::InvalidParams));
}

#[test]
fn the_consumers_environment_wins() {
    let (mut registry, _) = mesh();
    let testing =
        |name: &str| Microservice { environment: "testing".to_owned(), ..named("conf", name, "1.0.0") };
    let id = create(&mut registry, testing("eprov"));
    register(&mut registry, &id, "e1", at(0));
    let tester = create(&mut registry, testing("tester"));
    let empty = create(&mut registry, named("conf", "empty", "1.0.0"));
    let ask = |consumer: &str, environment: &str| {
        let request = FindRequest { consumer, environment, app: "conf", service: "eprov", tags: "" };
        registry.find(Tenant::DEFAULT, request).map(|found| found.instances().count()).map_err(|it| it.code())
    };
    assert_eq!(ask("", "testing"), Ok(1));
    assert_eq!(ask("", ""), Err(ErrorCode::ServiceNotExists));
    assert_eq!(ask(&tester, ""), Ok(1));
    assert_eq!(ask(&empty, "testing"), Err(ErrorCode::ServiceNotExists));
}

#[test]
fn another_application_is_seen_only_when_it_allows_it() {
    let (mut registry, consumer) = mesh();
    assert!(hosts(&registry, &consumer, "other", "closed").is_empty());
    assert_eq!(hosts(&registry, "", "other", "closed"), ["x1"]);
    assert_eq!(hosts(&registry, &consumer, "other", "open"), ["y1"]);
    let id =
        registry.find(Tenant::DEFAULT, FindRequest { app: "other", service: "closed", ..Default::default() });
    let id = id.unwrap().instances().next().unwrap().service_id.clone();
    assert_eq!(code(registry.instances(Tenant::DEFAULT, &id, &consumer, "")), ErrorCode::ServiceNotExists);
    let before = find(&registry, &consumer, "other", "closed").unwrap().1;
    registry
        .update_service_properties(Tenant::DEFAULT, &id, pairs(&[("allowCrossApp", "true")]), at(1))
        .unwrap();
    let after = find(&registry, &consumer, "other", "closed").unwrap();
    assert_eq!(after.0, ["x1"]);
    assert_ne!(after.1, before);
}

#[test]
fn an_alias_and_an_application_with_a_colon_name_a_service() {
    let (registry, consumer) = mesh();
    assert_eq!(hosts(&registry, &consumer, "other", "other:open"), ["y1"], "by alias");
    assert_eq!(hosts(&registry, &consumer, "conf", "other:open"), ["y1"], "by application and name");
    assert!(hosts(&registry, &consumer, "conf", "other:closed").is_empty(), "the filter holds for it too");
}

#[test]
fn shared_services_are_seen_from_every_application_and_environment() {
    let (mut registry, consumer) = mesh();
    assert_eq!(hosts(&registry, &consumer, "default", "SERVICECENTER"), ["node"]);
    assert_eq!(hosts(&registry, "", "default", "SERVICECENTER"), ["node"]);
    let production = Microservice { environment: "production".to_owned(), ..named("shop", "cons", "1.0.0") };
    let far = create(&mut registry, production);
    assert_eq!(hosts(&registry, &far, "default", "SERVICECENTER"), ["node"]);
    let request = FindRequest { app: "default", service: "SERVICECENTER", ..FindRequest::default() };
    let other = Tenant::new("other", "").unwrap();
    assert_eq!(
        code(registry.find(other, request)),
        ErrorCode::ServiceNotExists,
        "recorded from the original"
    );
}

#[test]
fn a_tag_that_no_service_carries_finds_nothing() {
    let (registry, _) = mesh();
    let request = FindRequest { app: "conf", service: "prov", tags: "no", ..FindRequest::default() };
    assert_eq!(registry.find(Tenant::DEFAULT, request).unwrap().instances().count(), 0);
}

#[test]
fn the_revision_follows_the_set_and_nothing_else() {
    let (mut registry, consumer) = mesh();
    let id = create(&mut registry, named("conf", "prov", "1.0.0"));
    let mut seen = vec![find(&registry, &consumer, "conf", "prov").unwrap().1];
    let tenant = Tenant::DEFAULT;
    type Step<'a> = (&'a str, bool, Box<dyn Fn(&mut Registry) + 'a>);
    let steps: Vec<Step<'_>> = vec![
        ("heartbeat", false, Box::new(|it| it.heartbeat(tenant, &id, "p1", at(1)).unwrap())),
        ("another service", false, Box::new(|it| drop(create(it, named("conf", "z", "1.0.0"))))),
        (
            "service properties",
            false,
            Box::new(|it| {
                it.update_service_properties(tenant, &id, pairs(&[("a", "b")]), at(1)).unwrap();
            }),
        ),
        ("same status", false, Box::new(|it| it.update_status(tenant, &id, "p1", "UP", at(1)).unwrap())),
        ("status", true, Box::new(|it| it.update_status(tenant, &id, "p1", "DOWN", at(1)).unwrap())),
        ("status back", true, Box::new(|it| it.update_status(tenant, &id, "p1", "UP", at(1)).unwrap())),
        (
            "property",
            true,
            Box::new(|it| {
                it.update_properties(tenant, &id, "p1", pairs(&[("a", "b")]), at(1)).unwrap();
            }),
        ),
        ("add", true, Box::new(|it| drop(register(it, &id, "p3", at(1))))),
        ("remove", true, Box::new(|it| it.unregister_instance(tenant, &id, "p3", at(0)).unwrap())),
        ("version", true, Box::new(|it| drop(create(it, named("conf", "prov", "3.0.0"))))),
        ("force", true, Box::new(|it| it.remove_service(tenant, &id, true, at(0)).unwrap())),
        ("made anew", true, Box::new(|it| drop(create(it, named("conf", "prov", "1.0.0"))))),
        ("expiry", true, Box::new(|it| it.expire(at(120)))),
    ];
    for (name, is_change, step) in steps {
        step(&mut registry);
        let now = find(&registry, "", "conf", "prov").unwrap().1;
        assert_eq!(seen.last() != Some(&now), is_change, "{name}");
        assert!(!is_change || !seen.contains(&now), "{name} brings back an old revision");
        seen.push(now);
    }
}

#[test]
fn a_revision_of_another_life_names_no_result() {
    let revision = |epoch| {
        let mut registry = Registry::new(epoch, Limits::default());
        let id = create(&mut registry, named("conf", "prov", "1.0.0"));
        register(&mut registry, &id, "p1", at(0));
        find(&registry, "", "conf", "prov").unwrap().1
    };
    assert_eq!(revision(1), revision(1));
    assert_ne!(revision(1), revision(2));
}

#[test]
fn a_revision_is_recognised_as_text() {
    let (registry, _) = mesh();
    let request = FindRequest { app: "conf", service: "prov", ..FindRequest::default() };
    let revision = registry.find(Tenant::DEFAULT, request).unwrap().revision();
    assert!(revision.is(&revision.to_string()));
    for text in ["", "0", "+000000000000000", &format!("{revision}0")] {
        assert!(!revision.is(text), "{text}");
    }
}
