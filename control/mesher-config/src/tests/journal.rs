//! What a store holds after any calls, and what comes back from it.
//! They must compare the whole of both.

use serde_json::json;

use super::{Journal, NOW, create, draft, stored};
use crate::{Configuration, Labels, Page, Patch, Query, Tenant, Topic};

fn all(configuration: &Configuration) -> Vec<crate::Record> {
    let query = Query::all_of(Topic::Having(Labels::default()));
    let found = configuration.keys().find(Tenant::DEFAULT, &query, |_| true);
    found.records.iter().map(|record| crate::Record::clone(record)).collect()
}

fn values(configuration: &Configuration, id: &str) -> Vec<String> {
    let found = configuration.keys().history(Tenant::DEFAULT, id, Page::default()).unwrap();
    found.records.iter().map(|record| record.value.clone()).collect()
}

#[test]
fn t_kie_14_everything_comes_back_with_its_history() {
    let (mut configuration, mut journal) = (Configuration::default(), Journal::default());
    let record = create(&mut configuration, "k", "1", "app=a,environment=");
    create(&mut configuration, "j", "x", "");
    let gone = create(&mut configuration, "gone", "x", "app=a");
    journal.take(&mut configuration);
    for value in ["2", "3", "4"] {
        for id in [&record.id, &gone.id] {
            let patch = Patch { value: value.to_owned(), status: "disabled".to_owned() };
            configuration.keys_mut().update(Tenant::DEFAULT, id, patch, NOW).unwrap();
        }
    }
    configuration.keys_mut().remove(Tenant::DEFAULT, &gone.id).unwrap();
    journal.take(&mut configuration);
    let again = journal.restored();
    assert_eq!(all(&again), all(&configuration));
    assert_eq!(values(&again, &record.id), ["4", "3", "2", "1"]);
    assert_eq!(values(&configuration, &record.id), ["4", "3", "2", "1"]);
    assert!(again.keys().history(Tenant::DEFAULT, &gone.id, Page::default()).is_none());
    let keys: Vec<_> = journal.0.keys().filter(|key| key.contains(gone.id.as_str())).collect();
    assert!(keys.is_empty(), "{keys:?}");
    let page = Page { offset: 1, limit: Some(2) };
    let part = again.keys().history(Tenant::DEFAULT, &record.id, page).unwrap();
    assert_eq!((part.total, part.records.len(), part.records[0].value.as_str()), (4, 2, "3"));
}

#[test]
fn only_records_are_what_somebody_asked_for() {
    let mut configuration = Configuration::default();
    let record = create(&mut configuration, "k", "1", "app=a");
    let patch = Patch { value: "22".to_owned(), status: String::new() };
    configuration.keys_mut().update(Tenant::DEFAULT, &record.id, patch, NOW).unwrap();
    let edits = configuration.take_edits();
    let kinds: Vec<_> =
        edits.iter().map(|edit| (edit.key.split('/').nth(1).unwrap(), edit.is_asked_for())).collect();
    let counted = ("revision", false);
    assert_eq!(kinds, [counted, ("key", true), counted, ("key", true), ("history", false)]);
    let (tenant, labels) = edits[3].subject().unwrap();
    assert_eq!((tenant, labels.format().as_str()), (Tenant::DEFAULT, "app=a"));
    assert_eq!((edits[3].weight(), edits[2].weight()), (2, 0));
    assert!(edits[4].subject().is_none());
}

#[test]
fn a_record_that_is_none_is_refused() {
    let id = "0".repeat(64);
    for (key, value) in [
        ("config/nonsense/x", json!(1)),
        ("config/revision/default", json!("x")),
        ("config/revision/default/x", json!(1)),
        (&*format!("config/key/default/default/{id}"), stored("k")),
        (&*format!("config/key/default/default/{id}"), json!({})),
        (&*format!("config/key/default//{id}"), stored("k")),
        (&*format!("config/history/default/default/{id}/x"), stored("k")),
        ("future/x", json!(1)),
    ] {
        let error = Configuration::default().restore(key, Some(value)).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn a_store_of_another_life_is_read() {
    let mut configuration = Configuration::default();
    let own = create(&mut Configuration::default(), "k", "v", "").id.clone();
    configuration.restore(&format!("config/key/default/default/{own}"), Some(stored("k"))).unwrap();
    configuration.begin_life();
    assert_eq!(configuration.keys().count("default"), 1);
    let refused = configuration.keys_mut().create(Tenant::DEFAULT, draft("k", "v", ""), NOW);
    assert!(refused.is_err(), "it is there");
}
