//! How much there may be: records, bytes, earlier versions, domains.
//! They must reach each limit and go one beyond.

use super::{NOW, create, draft, small};
use crate::{ConfigError, Configuration, Dimension, Override, Page, Patch, Tenant};

fn refusal(configuration: &mut Configuration, tenant: Tenant<'_>, key: &str, value: &str) -> String {
    let error = configuration.keys_mut().create(tenant, draft(key, value, ""), NOW).unwrap_err();
    assert_eq!((error.number(), error.status()), (422_001, 422));
    error.to_string()
}

#[test]
fn records_are_bounded_in_a_project_and_in_all() {
    let mut configuration = small();
    let other = Tenant::new("default", "other").unwrap();
    for key in ["a", "b", "c"] {
        create(&mut configuration, key, "v", "");
    }
    assert_eq!(refusal(&mut configuration, Tenant::DEFAULT, "d", "v"), "no more than 3 keys in a project");
    configuration.keys_mut().create(other, draft("a", "v", ""), NOW).unwrap();
    assert_eq!(refusal(&mut configuration, other, "b", "v"), "no more than 4 keys in all");
    let first = create_id(&mut configuration);
    configuration.keys_mut().remove(Tenant::DEFAULT, &first).unwrap();
    create(&mut configuration, "d", "v", "");
}

fn create_id(configuration: &mut Configuration) -> String {
    let query = crate::Query::all_of(crate::Topic::Having(crate::Labels::default()));
    configuration.keys().find(Tenant::DEFAULT, &query, |_| true).records[0].id.clone()
}

#[test]
fn bytes_are_bounded_whichever_way_they_come() {
    let mut configuration = small();
    let record = create(&mut configuration, "a", &"x".repeat(60), "");
    assert_eq!(
        refusal(&mut configuration, Tenant::DEFAULT, "b", &"x".repeat(41)),
        "no more than 100 bytes of values in all"
    );
    create(&mut configuration, "b", &"x".repeat(40), "");
    let patch = |length: usize| Patch { value: "y".repeat(length), status: String::new() };
    let keys = configuration.keys_mut();
    assert!(keys.update(Tenant::DEFAULT, &record.id, patch(61), NOW).is_err());
    keys.update(Tenant::DEFAULT, &record.id, patch(60), NOW).unwrap();
    let uploaded = keys.upload(Tenant::DEFAULT, vec![draft("c", "x", "")], Override::Force, NOW);
    assert!(matches!(uploaded.failure[0].error, ConfigError::QuotaUsedUp { .. }));
    let dimension = Dimension::parse("s@a", "").unwrap();
    let items = [("d".to_owned(), "x".to_owned())].into();
    let refused = keys.put_items(Tenant::DEFAULT, &dimension, items, NOW);
    assert!(matches!(refused, Err(ConfigError::QuotaUsedUp { .. })), "{refused:?}");
    keys.remove(Tenant::DEFAULT, &record.id).unwrap();
    create(&mut configuration, "e", &"x".repeat(60), "");
}

#[test]
fn domains_are_bounded() {
    let mut configuration = small();
    for domain in ["one", "two"] {
        let tenant = Tenant::new(domain, "").unwrap();
        let record = configuration.keys_mut().create(tenant, draft("k", "v", ""), NOW).unwrap();
        // Its counter stays.
        configuration.keys_mut().remove(tenant, &record.id).unwrap();
    }
    let third = Tenant::new("three", "").unwrap();
    assert_eq!(refusal(&mut configuration, third, "k", "v"), "no more than 2 domains");
}

#[test]
fn earlier_versions_are_bounded_in_number_and_bytes() {
    let mut configuration = small();
    let record = create(&mut configuration, "k", "0", "");
    let mut set = |value: &str| {
        let patch = Patch { value: value.to_owned(), status: String::new() };
        configuration.keys_mut().update(Tenant::DEFAULT, &record.id, patch, NOW).unwrap();
        let found = configuration.keys().history(Tenant::DEFAULT, &record.id, Page::default()).unwrap();
        found.records.iter().map(|record| record.value.len()).collect::<Vec<_>>()
    };
    for value in ["1", "2", "3", "4", "5"] {
        set(value);
    }
    assert_eq!(set("6"), [1; 4], "three earlier ones");
    let long = "x".repeat(30);
    assert_eq!(set(&long), [30, 1, 1, 1]);
    assert_eq!(set("7"), [1, 30], "one that is too large stays alone");
    assert_eq!(set("8"), [1, 1], "it goes for the next one");
}

#[test]
fn earlier_versions_are_bounded_in_all() {
    let mut configuration = small();
    let records: Vec<_> =
        ["a", "b", "c"].map(|key| create(&mut configuration, key, &"x".repeat(18), "")).into();
    let mut kept = Vec::new();
    for record in &records {
        for _ in 0..2 {
            let patch = Patch { value: "y".repeat(2), status: String::new() };
            configuration.keys_mut().update(Tenant::DEFAULT, &record.id, patch, NOW).unwrap();
        }
        let found = configuration.keys().history(Tenant::DEFAULT, &record.id, Page::default()).unwrap();
        kept.push(found.records.iter().map(|record| record.value.len()).collect::<Vec<_>>());
    }
    assert_eq!(kept, [vec![2, 2, 18], vec![2, 2, 18], vec![2, 2]]);
}
