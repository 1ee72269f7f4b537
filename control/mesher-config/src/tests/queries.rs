//! Which records a query finds, and in which order.
//! They must compare with plain lists of keys.

use super::{NOW, create, draft};
use crate::{Configuration, Draft, KeyPattern, Labels, Page, Query, Status, Tenant, Topic};

fn labels(text: &str) -> Labels {
    text.split(',').filter_map(|pair| pair.split_once('=')).collect()
}

fn found(configuration: &Configuration, query: &Query) -> Vec<String> {
    let found = configuration.keys().find(Tenant::DEFAULT, query, |_| true);
    found.records.iter().map(|record| record.key.clone()).collect()
}

fn sample() -> Configuration {
    let mut configuration = Configuration::default();
    create(&mut configuration, "bare", "v", "");
    create(&mut configuration, "app", "v", "app=a");
    create(&mut configuration, "service", "value here", "app=a,service=s");
    create(&mut configuration, "version", "v", "app=a,service=s,version=1.0.0");
    create(&mut configuration, "other", "v", "app=b,public=");
    let off = Draft { status: "disabled".to_owned(), ..draft("off", "v", "app=a") };
    configuration.keys_mut().create(Tenant::DEFAULT, off, NOW).unwrap();
    configuration
}

#[test]
fn t_kie_03_t_kie_16_labels_are_a_part_or_the_whole() {
    let configuration = sample();
    for (selector, is_exact, wanted) in [
        ("", false, vec!["off", "other", "version", "service", "app", "bare"]),
        // As in the original: there is nothing to be exact about.
        ("", true, vec!["off", "other", "version", "service", "app", "bare"]),
        ("app=a", false, vec!["off", "version", "service", "app"]),
        ("app=a", true, vec!["off", "app"]),
        ("app=a,service=s", false, vec!["version", "service"]),
        ("app=a,service=s", true, vec!["service"]),
        ("public=", false, vec!["other"]),
        ("public=", true, vec![]),
        ("public=x", false, vec![]),
        ("nosuch=", false, vec![]),
    ] {
        let query = Query::all_of(Topic::new(labels(selector), is_exact).unwrap());
        assert_eq!(found(&configuration, &query), wanted, "{selector} {is_exact}");
    }
    assert!(Topic::new(labels("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1"), true).is_ok());
    assert!(Topic::new(labels("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1"), true).is_err());
}

#[test]
fn t_kie_18_status_value_and_key_narrow_the_list() {
    let configuration = sample();
    let all = Query::all_of(Topic::new(labels("app=a"), false).unwrap());
    let enabled = Query { status: Some(Status::Enabled), ..all.clone() };
    assert_eq!(found(&configuration, &enabled), ["version", "service", "app"]);
    let with_text = Query { value: Some("here".to_owned()), ..all.clone() };
    assert_eq!(found(&configuration, &with_text), ["service"]);
    for (pattern, wanted) in [
        ("service", vec!["service"]),
        ("SERVICE", vec!["service"]),
        ("serv", vec![]),
        ("beginWith(ser)", vec!["service"]),
        ("beginWith()", vec!["off", "version", "service", "app"]),
        ("wildcard(*er*)", vec!["version", "service"]),
        ("wildcard(s*r*ice)", vec!["service"]),
        ("wildcard(s*ice*e)", vec![]),
        ("wildcard(service)", vec!["service"]),
        ("wildcard(*)", vec!["off", "version", "service", "app"]),
        ("beginWith(", vec![]),
    ] {
        let query = Query { key: Some(KeyPattern::parse(pattern)), ..all.clone() };
        assert_eq!(found(&configuration, &query), wanted, "{pattern}");
    }
}

#[test]
fn a_wildcard_takes_no_longer_than_its_text() {
    let mut configuration = Configuration::default();
    create(&mut configuration, &"a".repeat(2_000), "v", "");
    let pattern = format!("wildcard({}b)", "*a".repeat(900));
    let query =
        Query { key: Some(KeyPattern::parse(&pattern)), ..Query::all_of(Topic::Having(Labels::default())) };
    assert!(found(&configuration, &query).is_empty());
}

#[test]
fn larger_priorities_come_first_then_later_changes() {
    let mut configuration = Configuration::default();
    for (key, priority) in [("low", -1), ("first", 0), ("high", 7), ("second", 0)] {
        let one = Draft { priority, ..draft(key, "v", "app=a") };
        configuration.keys_mut().create(Tenant::DEFAULT, one, NOW).unwrap();
    }
    let query = Query::all_of(Topic::Having(Labels::default()));
    assert_eq!(found(&configuration, &query), ["high", "second", "first", "low"]);
}

#[test]
fn a_page_is_a_part_of_the_same_list() {
    let configuration = sample();
    let all = Query::all_of(Topic::Having(Labels::default()));
    for (offset, limit, wanted) in [
        (0, Some(2), vec!["off", "other"]),
        (4, Some(2), vec!["app", "bare"]),
        (5, Some(100), vec!["bare"]),
        (6, Some(1), vec![]),
        (usize::MAX, Some(1), vec![]),
    ] {
        let query = Query { page: Page { offset, limit }, ..all.clone() };
        assert_eq!(found(&configuration, &query), wanted, "{offset}");
        assert_eq!(configuration.keys().find(Tenant::DEFAULT, &query, |_| true).total, 6);
    }
}

#[test]
fn what_a_caller_may_not_see_is_not_counted() {
    let configuration = sample();
    let all = Query::all_of(Topic::Having(Labels::default()));
    let found =
        configuration.keys().find(Tenant::DEFAULT, &all, |record| record.labels.value("app") == Some("b"));
    assert_eq!((found.total, found.records.len(), found.revision), (1, 1, 6));
}
