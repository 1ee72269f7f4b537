//! Making, changing and removing one record, and what of it is refused.
//! They must name each rule by a value on either side of it.

use super::{NOW, create, draft};
use crate::{ConfigError, Configuration, Draft, Patch, Status, Tenant, ValueType};

#[test]
fn t_kie_01_a_new_record_has_defaults_and_the_id_of_the_original() {
    let mut configuration = Configuration::default();
    let plain = Draft { status: String::new(), ..draft("f1", "v", "app=conf") };
    let record = configuration.keys_mut().create(Tenant::DEFAULT, plain, NOW).unwrap();
    assert_eq!(record.id, "70b9bf5858c7c186d6c22a8b89f39352a432b3241e3a602146f4fdc10f463706", "recorded");
    assert_eq!((record.status, record.value_type, record.priority), (Status::Disabled, ValueType::Text, 0));
    assert_eq!((record.create_revision, record.update_revision), (1, 1));
    assert_eq!((record.create_time, record.update_time), (NOW.as_secs(), NOW.as_secs()));
    assert_eq!(record.label_format, "app=conf");
    assert_eq!(create(&mut configuration, "f1", "v", "").label_format, "none");
    assert_eq!(create(&mut configuration, "f1", "v", "b=2,a=").label_format, "a=::b=2");
}

#[test]
fn t_kie_02_a_key_is_made_once_under_the_same_labels() {
    let mut configuration = Configuration::default();
    create(&mut configuration, "k", "v", "app=a");
    let keys = configuration.keys_mut();
    let again = keys.create(Tenant::DEFAULT, draft("k", "w", "app=a"), NOW);
    assert_eq!(again.unwrap_err(), ConfigError::Exists);
    assert_eq!(keys.revision("default"), 1, "a refusal changes nothing");
    let project = Tenant::new("default", "other").unwrap();
    assert!(keys.create(project, draft("k", "w", "app=a"), NOW).is_ok());
    assert!(keys.create(Tenant::DEFAULT, draft("k", "w", "app=b"), NOW).is_ok());
}

#[test]
fn t_kie_10_t_kie_19_each_member_has_its_bounds() {
    let labels = |count: usize| (0..count).map(|at| format!("l{at}=v")).collect::<Vec<_>>().join(",");
    let long = |length: usize| "x".repeat(length);
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut one = draft("k", "v", "");
        change(&mut one);
        one
    };
    let good = [
        draft("a-Z_0.9:x", "v", ""),
        draft(&long(2_048), "v", ""),
        draft("k", &long(128 * 1024), ""),
        draft("k", "", ""),
        draft("k", "v", &labels(6)),
        draft("k", "v", &format!("{}={}", long(32), long(160))),
        draft("k", "v", "public="),
        with(&|one| one.value_type = "properties".to_owned()),
        with(&|one| one.priority = -1),
    ];
    for one in good {
        let words = format!("{:?} {:?}", one.key.get(..9), one.labels);
        let made = Configuration::default().keys_mut().create(Tenant::DEFAULT, one, NOW);
        assert!(made.is_ok(), "{words}: {made:?}");
    }
    let bad = [
        (draft("", "v", ""), "KVDoc.Key"),
        (draft("a b", "v", ""), "KVDoc.Key"),
        (draft("a/b", "v", ""), "KVDoc.Key"),
        (draft("größe", "v", ""), "KVDoc.Key"),
        (draft(&long(2_049), "v", ""), "KVDoc.Key"),
        (draft("k", &long(128 * 1024 + 1), ""), "KVDoc.Value"),
        (draft("k", "a\0b", ""), "KVDoc.Value"),
        (draft("k", "v", &labels(7)), "KVDoc.Labels"),
        (draft("k", "v", &labels(9)), "KVDoc.Labels"),
        (draft("k", "v", "=x"), "KVDoc.Labels"),
        (draft("k", "v", "-a=x"), "KVDoc.Labels"),
        (draft("k", "v", "a=x-"), "KVDoc.Labels"),
        (draft("k", "v", "a=x::b"), "KVDoc.Labels"),
        (draft("k", "v", &format!("{}=x", long(33))), "KVDoc.Labels"),
        (draft("k", "v", &format!("a={}", long(161))), "KVDoc.Labels"),
        (with(&|one| one.value_type = "nosuch".to_owned()), "KVDoc.ValueType"),
        (with(&|one| one.status = "Enabled".to_owned()), "KVDoc.Status"),
        (with(&|one| one.priority = -2), "KVDoc.Priority"),
        (with(&|one| one.check = "x".repeat(161)), "KVDoc.Checker"),
    ];
    for (one, field) in bad {
        let mut configuration = Configuration::default();
        let error = configuration.keys_mut().create(Tenant::DEFAULT, one, NOW).unwrap_err();
        assert!(
            matches!(&error, ConfigError::Field { field: named, .. } if named == field),
            "{field}: {error}"
        );
        assert_eq!((error.number(), error.status()), (400_001, 400));
        assert!(configuration.take_edits().is_empty());
    }
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let mut configuration = Configuration::default();
    let before = create(&mut configuration, "k", "v", "app=a");
    let keys = configuration.keys_mut();
    let later = NOW + std::time::Duration::from_secs(5);
    let patch = |value: &str, status: &str| Patch { value: value.to_owned(), status: status.to_owned() };
    let after = keys.update(Tenant::DEFAULT, &before.id, patch("", "disabled"), later).unwrap();
    assert_eq!((after.value.as_str(), after.status), ("v", Status::Disabled));
    let after = keys.update(Tenant::DEFAULT, &before.id, patch("w", ""), later).unwrap();
    assert_eq!((after.value.as_str(), after.status), ("w", Status::Disabled));
    assert_eq!((after.create_revision, after.update_revision), (1, 3));
    assert_eq!((after.create_time, after.update_time), (NOW.as_secs(), later.as_secs()));
    let wrong = keys.update(Tenant::DEFAULT, &before.id, patch("w", "nosuch"), later);
    assert!(matches!(wrong, Err(ConfigError::Field { .. })), "{wrong:?}");
    let absent = keys.update(Tenant::DEFAULT, "nosuch", patch("w", ""), later);
    assert_eq!(absent.unwrap_err(), ConfigError::Absent);
    assert_eq!(keys.revision("default"), 3);
}

#[test]
fn t_kie_12_what_is_removed_is_gone_and_many_are_one_change() {
    let mut configuration = Configuration::default();
    let ids: Vec<_> =
        ["a", "b", "c"].iter().map(|key| create(&mut configuration, key, "v", "app=a").id.clone()).collect();
    let keys = configuration.keys_mut();
    keys.remove(Tenant::DEFAULT, &ids[0]).unwrap();
    assert_eq!(keys.remove(Tenant::DEFAULT, &ids[0]).unwrap_err(), ConfigError::Absent);
    let other = Tenant::new("default", "other").unwrap();
    assert_eq!(keys.remove(other, &ids[1]).unwrap_err(), ConfigError::Absent);
    keys.remove_many(Tenant::DEFAULT, &[&*ids[1], "nosuch", &*ids[2], &*ids[2]]).unwrap();
    assert_eq!(keys.revision("default"), 5);
    assert_eq!(keys.count("default"), 0);
    assert_eq!(keys.remove_many(Tenant::DEFAULT, &ids).unwrap_err(), ConfigError::Absent);
    assert_eq!(keys.remove_many(Tenant::DEFAULT, &[""; 0]).unwrap_err(), ConfigError::NoIds);
    assert_eq!(create(&mut configuration, "a", "v", "app=a").create_revision, 6, "no number comes back");
}

#[test]
fn a_tenant_has_a_name_that_keys_can_hold() {
    for (domain, project) in [("a/b", ""), ("", "a b"), ("", "a\n"), ("ö", ""), (&*"x".repeat(129), "")] {
        assert!(Tenant::new(domain, project).is_err(), "{domain:?} {project:?}");
    }
    assert_eq!(Tenant::new("", "").unwrap(), Tenant::DEFAULT);
}
