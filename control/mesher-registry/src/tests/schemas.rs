//! Contracts: what is listed, what is refused, and what a removal leaves.
//! They must not repeat the recordings; they stand in `verify`.

use mesher_model::{ErrorCode, Microservice};

use super::{at, code, create, named, registry};
use crate::{Limits, NewSchema, Registry, Tenant};

fn schema(id: &str, text: &str, summary: &str) -> NewSchema {
    NewSchema { id: id.to_owned(), schema: text.to_owned(), summary: summary.to_owned() }
}

fn with_service() -> (Registry, String) {
    let mut registry = registry();
    let service = Microservice { schemas: vec!["declared".to_owned()], ..named("conf", "sch", "1.0.0") };
    let id = create(&mut registry, service);
    (registry, id)
}

fn listed(registry: &Registry, id: &str) -> Vec<(String, Option<String>)> {
    let record = registry.service(Tenant::DEFAULT, id).unwrap();
    let text = |content: Option<&crate::SchemaContent>| content.map(|content| content.schema.to_string());
    record.schemas().map(|(id, content)| (id.to_owned(), text(content))).collect()
}

#[test]
fn declared_ids_are_listed_with_and_without_text() {
    let (mut registry, id) = with_service();
    assert_eq!(listed(&registry, &id), [("declared".to_owned(), None)]);
    registry.put_schema(Tenant::DEFAULT, &id, schema("added", "two", ""), at(3)).unwrap();
    let both = [("declared".to_owned(), None), ("added".to_owned(), Some("two".to_owned()))];
    assert_eq!(listed(&registry, &id), both);
    assert_eq!(registry.service(Tenant::DEFAULT, &id).unwrap().service().mod_timestamp, "1700000003");
    registry.remove_schema(Tenant::DEFAULT, &id, "added", at(4)).unwrap();
    assert_eq!(
        code(registry.remove_schema(Tenant::DEFAULT, &id, "added", at(4))),
        ErrorCode::SchemaNotExists
    );
    assert_eq!(listed(&registry, &id).len(), 2, "its id stays declared");
}

#[test]
fn schemas_that_break_a_rule_are_refused() {
    let (mut registry, id) = with_service();
    let long = "x".repeat(161);
    for (case, bad) in [
        ("no id", schema("", "t", "s")),
        ("id of 161", schema(&long, "t", "s")),
        ("a slash", schema("a/b", "t", "s")),
        ("no text", schema("a", "", "s")),
        ("a digest with a space", schema("a", "t", "s s")),
        ("a digest of 161", schema("a", "t", &long)),
    ] {
        let refused = registry.put_schema(Tenant::DEFAULT, &id, bad, at(0));
        assert_eq!(code(refused), ErrorCode::InvalidParams, "{case}");
    }
    let twice = vec![schema("a", "t", ""), schema("a", "u", "")];
    assert_eq!(code(registry.replace_schemas(Tenant::DEFAULT, &id, twice, at(0))), ErrorCode::InvalidParams);
    assert_eq!(listed(&registry, &id).len(), 1, "nothing of it was kept");
}

#[test]
fn a_service_has_at_most_a_hundred_schemas() {
    let (mut registry, id) = with_service();
    for number in 1..100 {
        registry.put_schema(Tenant::DEFAULT, &id, schema(&format!("s{number}"), "t", ""), at(0)).unwrap();
    }
    let refused = registry.put_schema(Tenant::DEFAULT, &id, schema("one-more", "t", ""), at(0));
    assert_eq!(code(refused), ErrorCode::NotEnoughQuota);
    registry.put_schema(Tenant::DEFAULT, &id, schema("s7", "other", ""), at(0)).unwrap();
    let many = (0..101).map(|number| schema(&format!("m{number}"), "t", "")).collect();
    let refused = registry.replace_schemas(Tenant::DEFAULT, &id, many, at(0));
    assert_eq!(code(refused), ErrorCode::NotEnoughQuota);
}

#[test]
fn the_quota_of_bytes_holds_over_all_services() {
    let limits = Limits { schema_bytes: 10, ..Limits::default() };
    let mut registry = Registry::new(1, limits);
    let one = create(&mut registry, named("conf", "one", "1.0.0"));
    let two = create(&mut registry, named("conf", "two", "1.0.0"));
    registry.put_schema(Tenant::DEFAULT, &one, schema("s", "12345678", ""), at(0)).unwrap();
    let refused = registry.put_schema(Tenant::DEFAULT, &two, schema("s", "123", ""), at(0));
    assert_eq!(code(refused), ErrorCode::NotEnoughQuota);
    registry.remove_service(Tenant::DEFAULT, &one, true, at(0)).unwrap();
    registry.put_schema(Tenant::DEFAULT, &two, schema("s", "123", ""), at(0)).unwrap();
}
