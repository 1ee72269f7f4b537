//! The scopes of config-center over the same records.
//! They must write through one face and read through the other.

use std::collections::BTreeMap;

use super::{NOW, create, draft};
use crate::{Configuration, Dimension, Draft, Items, Labels, Query, Tenant, Topic};

fn scope(text: &str) -> Dimension {
    Dimension::parse(text, "").unwrap()
}

fn put(configuration: &mut Configuration, scope: &Dimension, key: &str, value: &str) {
    let items = [(key.to_owned(), value.to_owned())].into();
    configuration.keys_mut().put_items(Tenant::DEFAULT, scope, items, NOW).unwrap();
}

fn items(configuration: &Configuration, scope: &Dimension) -> Vec<Items> {
    configuration.keys().items(Tenant::DEFAULT, scope, |_| true)
}

/// What is seen of each scope, by its name.
fn seen(configuration: &Configuration, scope: &Dimension) -> BTreeMap<String, String> {
    let text = |items: Items| {
        let pairs = items.values.iter().map(|(key, value)| format!("{key}={value}"));
        (items.name, pairs.collect::<Vec<_>>().join(" "))
    };
    items(configuration, scope).into_iter().map(text).collect()
}

#[test]
fn a_scope_is_one_set_of_labels() {
    for (text, environment, wanted) in [
        ("application", "", "environment="),
        ("application", "production", "environment=production"),
        ("pay@shop", "", "app=shop::environment=::service=pay"),
        ("pay@shop#1.0.0", "testing", "app=shop::environment=testing::service=pay::version=1.0.0"),
        ("pay@shop#1!a=1,b=2", "", "a=1::app=shop::b=2::environment=::service=pay::version=1"),
        ("darklaunch@shop", "", "app=shop::environment=::service=darklaunch"),
    ] {
        assert_eq!(Dimension::parse(text, environment).unwrap().labels().format(), wanted, "{text}");
    }
}

#[test]
fn t_cc_07_what_is_no_scope_is_refused() {
    let long = format!("{}@shop", "x".repeat(252));
    let bad = [
        "",
        "pay",
        "@shop",
        "pay@",
        "pay@shop#",
        "pay@shop#1!",
        "pay@shop!a=1",
        "pay@shop#1!a",
        "pay@shop#1!app=x",
        "pay@shop#1!appId=x",
        "pay@shop#1!a=1,a=2",
        "pay@shop#1!a=1,b=2,c=3",
        "p y@shop",
        "pay@sh%op",
        "pay@shop&",
        "pay@(shop)",
        "pay[]@shop",
        "pay\"@shop",
        "pay@shop@x",
        "pay`@shop",
        "p+y@shop",
        "p/y@shop",
        "p$@shop",
        &long,
    ];
    for text in bad {
        assert!(Dimension::parse(text, "").is_err(), "{text}");
    }
    assert!(Dimension::parse("pay@shop", "a b").is_err());
}

#[test]
fn t_cc_02_a_client_sees_four_scopes_apart() {
    let mut configuration = Configuration::default();
    for text in
        ["application", "pay@shop", "darklaunch@shop", "pay@shop#1.0.0", "pay@shop#2.0.0", "pay@other"]
    {
        put(&mut configuration, &scope(text), "k", text);
    }
    let wanted: BTreeMap<String, String> = ["application", "pay@shop", "darklaunch@shop", "pay@shop#1.0.0"]
        .map(|name| (name.to_owned(), format!("k={name}")))
        .into();
    assert_eq!(seen(&configuration, &scope("pay@shop#1.0.0")), wanted);
    let names: Vec<_> = items(&configuration, &scope("pay@shop")).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["application", "pay@shop", "darklaunch@shop"], "what counts more stands later");
    assert_eq!(items(&configuration, &scope("application")).len(), 1);
    let names: Vec<_> =
        items(&configuration, &scope("darklaunch@shop")).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["application", "darklaunch@shop"]);
}

#[test]
fn what_one_face_writes_the_other_reads() {
    let mut configuration = Configuration::default();
    put(&mut configuration, &scope("pay@shop"), "through.center", "1");
    let labels: Labels = [("app", "shop"), ("service", "pay"), ("environment", "")].into_iter().collect();
    let query = Query::all_of(Topic::new(labels, true).unwrap());
    let found = configuration.keys().find(Tenant::DEFAULT, &query, |_| true);
    assert_eq!((found.total, found.records[0].key.as_str()), (1, "through.center"));

    create(&mut configuration, "java", "2", "app=shop,service=pay,environment=");
    create(&mut configuration, "short", "3", "app=shop,service=pay");
    create(&mut configuration, "go", "4", "appId=shop,serviceName=pay,environment=");
    create(&mut configuration, "far", "5", "app=shop,service=pay,environment=production");
    create(&mut configuration, "more", "6", "app=shop,service=pay,environment=,zone=x");
    create(&mut configuration, "twice", "7", "app=shop,appId=shop,service=pay");
    let off = Draft { status: "disabled".to_owned(), ..draft("off", "8", "app=shop,service=pay") };
    configuration.keys_mut().create(Tenant::DEFAULT, off, NOW).unwrap();
    let own = &seen(&configuration, &scope("pay@shop"))["pay@shop"];
    assert_eq!(own, "go=4 java=2 short=3 through.center=1");
    let far = Dimension::parse("pay@shop", "production").unwrap();
    assert_eq!(seen(&configuration, &far)["pay@shop"], "far=5");
}

#[test]
fn of_several_spellings_the_first_of_the_list_counts() {
    let mut configuration = Configuration::default();
    let first = Draft { priority: 1, ..draft("k", "first", "appId=shop,serviceName=pay") };
    configuration.keys_mut().create(Tenant::DEFAULT, first, NOW).unwrap();
    create(&mut configuration, "k", "second", "app=shop,service=pay");
    assert_eq!(seen(&configuration, &scope("pay@shop"))["pay@shop"], "k=first");
    configuration.keys_mut().remove_items(Tenant::DEFAULT, &scope("pay@shop"), &["k".to_owned()]);
    assert_eq!(configuration.keys().count("default"), 0, "whichever spelling");
}

#[test]
fn t_cc_05_items_are_set_removed_and_set_again() {
    let mut configuration = Configuration::default();
    let own = scope("pay@shop");
    put(&mut configuration, &own, "k", "1");
    put(&mut configuration, &own, "k", "2");
    let revision = configuration.keys().revision("default");
    put(&mut configuration, &own, "k", "2");
    assert_eq!(configuration.keys().revision("default"), revision, "it says nothing new");
    put(&mut configuration, &own, "k", "");
    assert_eq!(seen(&configuration, &own)["pay@shop"], "k=");
    let keys = configuration.keys_mut();
    keys.remove_items(Tenant::DEFAULT, &own, &["nosuch".to_owned()]);
    keys.remove_items(Tenant::DEFAULT, &own, &["k".to_owned()]);
    assert_eq!(keys.count("default"), 0);
    let bad = [("a b".to_owned(), "v".to_owned()), ("good".to_owned(), "v".to_owned())].into();
    assert!(keys.put_items(Tenant::DEFAULT, &own, bad, NOW).is_err());
    assert_eq!(keys.count("default"), 0, "all or none");
}

#[test]
fn t_cc_01_a_revision_follows_the_changes_of_what_is_seen() {
    let mut configuration = Configuration::default();
    let own = scope("pay@shop#1");
    let revision = |configuration: &Configuration| {
        items(configuration, &own).iter().map(|items| items.revision).max().unwrap()
    };
    put(&mut configuration, &scope("pay@shop"), "k", "1");
    let before = revision(&configuration);
    put(&mut configuration, &scope("other@shop"), "k", "1");
    create(&mut configuration, "k", "v", "app=shop,service=pay,environment=production");
    assert_eq!(revision(&configuration), before);
    put(&mut configuration, &scope("application"), "k", "1");
    assert!(revision(&configuration) > before);
    let topic = Topic::Seen(own.clone());
    let labels = |text: &str| -> Labels { text.split(',').filter_map(|pair| pair.split_once('=')).collect() };
    assert!(topic.admits(&labels("environment=")) && topic.admits(&labels("app=shop,service=pay")));
    assert!(topic.admits(&labels("appId=shop,serviceName=pay,version=1,environment=")));
    assert!(!topic.admits(&labels("app=shop,service=pay,version=2")) && !topic.admits(&labels("app=shop")));
}
