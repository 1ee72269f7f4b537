//! Tags: all or nothing, and what look-ups make of them.
//! They must not repeat the recordings; they stand in `verify`.

use mesher_model::ErrorCode;

use super::{at, code, create, named, pairs, register, registry};
use crate::{FindRequest, Tenant};

#[test]
fn a_removal_takes_all_tags_or_none() {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "tag", "1.0.0"));
    registry.replace_tags(Tenant::DEFAULT, &id, pairs(&[("a", "one"), ("b", "two")]), at(0)).unwrap();
    let refused = registry.remove_tags(Tenant::DEFAULT, &id, "a,zz", at(0));
    assert_eq!(code(refused), ErrorCode::TagNotExists);
    let tags: Vec<_> = registry.service(Tenant::DEFAULT, &id).unwrap().tags().collect();
    assert_eq!(tags.len(), 2);
}

#[test]
fn a_look_up_finds_services_that_carry_all_tags() {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "tag", "1.0.0"));
    register(&mut registry, &id, "h1", at(0));
    registry.replace_tags(Tenant::DEFAULT, &id, pairs(&[("a", "one"), ("b", "two")]), at(0)).unwrap();
    for (tags, count) in [("", 1), ("a", 1), ("a,b", 1), ("a,c", 0), ("c", 0), (",", 1)] {
        let request = FindRequest { app: "conf", service: "tag", tags, ..FindRequest::default() };
        let found = registry.find(Tenant::DEFAULT, request).unwrap();
        assert_eq!(found.instances().count(), count, "{tags}");
        let listed = registry.instances(Tenant::DEFAULT, &id, "", tags).unwrap();
        assert_eq!(listed.instances().count(), count, "{tags}");
    }
}

#[test]
fn more_than_a_hundred_tags_are_too_many() {
    let mut registry = registry();
    let id = create(&mut registry, named("conf", "tag", "1.0.0"));
    let tags = (0..101).map(|number| (format!("t{number}"), "v".to_owned())).collect();
    assert_eq!(code(registry.replace_tags(Tenant::DEFAULT, &id, tags, at(0))), ErrorCode::NotEnoughQuota);
}
