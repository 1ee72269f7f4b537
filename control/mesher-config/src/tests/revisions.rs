//! The counter, and who has to be told of what.
//! They must hold that no change of a topic is passed over, and that those of other topics cost nothing.

use super::{Journal, NOW, create};
use crate::{Configuration, Labels, Patch, Tenant, Topic};

fn topic(text: &str, is_exact: bool) -> Topic {
    let labels: Labels = text.split(',').filter_map(|pair| pair.split_once('=')).collect();
    Topic::new(labels, is_exact).unwrap()
}

fn has_news(configuration: &Configuration, topic: &Topic, known: i64) -> bool {
    configuration.keys().has_news(Tenant::DEFAULT, topic, known)
}

fn touch(configuration: &mut Configuration, id: &str) {
    let patch = Patch { value: "again".to_owned(), status: String::new() };
    configuration.keys_mut().update(Tenant::DEFAULT, id, patch, NOW).unwrap();
}

#[test]
fn t_kie_05_a_number_counts_as_news_by_the_changes_of_the_topic_alone() {
    let mut configuration = Configuration::default();
    let (own, other) = (topic("app=a", true), topic("app=b", true));
    assert!(!has_news(&configuration, &own, 0), "nothing was ever there");
    assert!(has_news(&configuration, &own, -1) && has_news(&configuration, &own, 1));
    let record = create(&mut configuration, "k", "v", "app=a");
    create(&mut configuration, "k", "v", "app=b");
    for (known, is_news) in [(-1, true), (0, true), (1, false), (2, false), (3, true), (i64::MAX, true)] {
        assert_eq!(has_news(&configuration, &own, known), is_news, "{known}");
    }
    assert!(has_news(&configuration, &other, 1) && !has_news(&configuration, &other, 2));
    touch(&mut configuration, &record.id);
    assert!(has_news(&configuration, &own, 2) && !has_news(&configuration, &other, 2));
    configuration.keys_mut().remove(Tenant::DEFAULT, &record.id).unwrap();
    assert!(has_news(&configuration, &own, 3), "a removal is a change");
    assert!(!has_news(&configuration, &own, 4) && !has_news(&configuration, &other, 2));
}

#[test]
fn t_kie_06_a_change_is_of_every_topic_that_admits_its_labels() {
    let mut configuration = Configuration::default();
    create(&mut configuration, "k", "v", "app=a,service=s");
    for (selector, is_exact, is_told) in [
        ("app=a", false, true),
        ("app=a", true, false),
        ("app=a,service=s", true, true),
        ("service=s", false, true),
        ("app=b", false, false),
        ("", false, true),
    ] {
        let topic = topic(selector, is_exact);
        assert_eq!(has_news(&configuration, &topic, 0), is_told, "{selector}");
        let labels: Labels = [("app", "a"), ("service", "s")].into_iter().collect();
        assert_eq!(topic.admits(&labels), is_told, "{selector}");
    }
    let other = Tenant::new("default", "other").unwrap();
    assert!(!configuration.keys().has_news(other, &topic("", false), 1));
}

#[test]
fn the_counter_never_goes_back_nor_tells_a_number_twice() {
    let (mut configuration, mut journal) = (Configuration::default(), Journal::default());
    let record = create(&mut configuration, "k", "v", "app=a");
    create(&mut configuration, "later", "v", "app=a");
    journal.take(&mut configuration);
    // These were told and are not kept: the process ends before.
    touch(&mut configuration, &record.id);
    let told = configuration.keys().revision("default");
    let mut configuration = journal.restored();
    assert!(configuration.keys().revision("default") > told);
    let own = topic("app=a", true);
    for known in 0..=i64::try_from(told).unwrap() {
        assert!(has_news(&configuration, &own, known), "{known}: nobody knows what it was told for");
    }
    let revision = i64::try_from(configuration.keys().revision("default")).unwrap();
    assert!(!has_news(&configuration, &own, revision));
    configuration.keys_mut().remove(Tenant::DEFAULT, &record.id).unwrap();
    journal.take(&mut configuration);
    let again = journal.restored();
    assert!(again.keys().revision("default") > configuration.keys().revision("default"));
}

#[test]
fn what_is_taken_back_is_news_for_those_who_saw_it() {
    let mut configuration = Configuration::default();
    let record = create(&mut configuration, "k", "v", "app=a");
    drop(configuration.take_edits());
    touch(&mut configuration, &record.id);
    create(&mut configuration, "new", "v", "app=b");
    let seen = i64::try_from(configuration.keys().revision("default")).unwrap();
    for edit in configuration.take_edits().into_iter().rev() {
        configuration.restore(&edit.key, edit.before).unwrap();
    }
    let keys = configuration.keys();
    assert_eq!(keys.record(Tenant::DEFAULT, &record.id).unwrap().value, "v");
    assert_eq!((keys.count("default"), keys.count_of_all()), (1, 1));
    assert!(i64::try_from(keys.revision("default")).unwrap() > seen, "it never goes back");
    for own in ["app=a", "app=b"] {
        assert!(has_news(&configuration, &topic(own, true), seen), "{own}");
    }
    assert!(!has_news(&configuration, &topic("app=c", true), seen));
    assert!(configuration.take_edits().is_empty(), "nothing of it is told");
    let history = keys_history(&configuration, &record.id);
    assert_eq!(history, ["v"]);
}

fn keys_history(configuration: &Configuration, id: &str) -> Vec<String> {
    let found = configuration.keys().history(Tenant::DEFAULT, id, crate::Page::default()).unwrap();
    found.records.iter().map(|record| record.value.clone()).collect()
}

#[test]
fn labels_that_come_and_go_are_forgotten_and_count_as_changed() {
    let mut configuration = Configuration::default();
    create(&mut configuration, "stays", "v", "app=stays");
    for number in 0..2_500 {
        let record = create(&mut configuration, "k", "v", &format!("app=a{number}"));
        configuration.keys_mut().remove(Tenant::DEFAULT, &record.id).unwrap();
    }
    drop(configuration.take_edits());
    assert!(configuration.keys().label_sets("default") < 1_100);
    let (own, revision) = (topic("app=a7", true), configuration.keys().revision("default"));
    assert!(has_news(&configuration, &own, 3), "it was changed after that, and that is forgotten");
    assert!(!has_news(&configuration, &own, i64::try_from(revision).unwrap()));
}
