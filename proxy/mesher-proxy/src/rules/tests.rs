//! Updates as a control plane sends them, good and bad, and what is held after each.
//! It must open no link.

use std::sync::Arc;

use mesher_model::key::KeyValue;
use mesher_model::rule::Target;
use mesher_model::rule::link::{KEY_LABELS_MAX, KeyNews, RemovedResource, Resource, Update};
use serde_json::{Value, json};

use super::held::{Rulebook, Taken};
use super::{Desk, LinkedKeys};
use crate::bootstrap::Identity;

fn target(service: &str) -> Target {
    Target { environment: String::new(), application: "default".to_owned(), service: service.to_owned() }
}

fn timeout(name: &str, service: &str, request: &str) -> Resource {
    let document = json!({"apiVersion": "mesher/v1", "kind": "Timeout", "metadata": {"name": name},
        "spec": {"service": service, "request": request}});
    Resource { kind: "Timeout".to_owned(), revision: 1, document }
}

fn update(revision: u64, targets: &[&str], changed: Vec<Resource>) -> Update {
    let targets = targets.iter().map(|service| target(service)).collect();
    Update { nonce: revision, epoch: "first".to_owned(), revision, targets, changed, ..Update::default() }
}

fn seconds(rules: &Rulebook, service: &str) -> Option<u64> {
    rules.policy(&target(service))?.request_timeout.map(|limit| limit.as_secs())
}

#[test]
fn documents_come_change_and_go() {
    let mut rules = Rulebook::default();
    let all = vec![timeout("a", "a", "1s"), timeout("every", "*", "9s")];
    assert_eq!(rules.take(&update(1, &["a", "*"], all)), Ok(Taken::Changed));
    assert_eq!((seconds(&rules, "a"), seconds(&rules, "b")), (Some(1), Some(9)));
    assert_eq!(rules.take(&update(2, &[], vec![timeout("a", "a", "2s")])), Ok(Taken::Changed));
    assert_eq!(rules.take(&update(2, &[], vec![timeout("a", "a", "2s")])), Ok(Taken::Unchanged));
    assert_eq!(seconds(&rules, "a"), Some(2));
    // It is about another service now, so that the first one is under what holds for all.
    assert_eq!(rules.take(&update(3, &[], vec![timeout("a", "b", "3s")])), Ok(Taken::Changed));
    assert_eq!((seconds(&rules, "a"), seconds(&rules, "b")), (Some(9), Some(3)));
    let gone = |name: &str| RemovedResource {
        kind: "Timeout".to_owned(),
        env: String::new(),
        app: "default".to_owned(),
        name: name.to_owned(),
        revision: 4,
    };
    let removal = Update { removed: vec![gone("every"), gone("unknown")], ..update(4, &[], Vec::new()) };
    assert_eq!(rules.take(&removal), Ok(Taken::Changed));
    assert_eq!((seconds(&rules, "a"), seconds(&rules, "b")), (None, Some(3)));
    assert_eq!(
        rules.take(&update(5, &["b"], Vec::new())),
        Ok(Taken::Changed),
        "everything about b, which is nothing"
    );
    assert_eq!(rules.len(), 0);
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let mut rules = Rulebook::default();
    rules.take(&update(3, &["a"], vec![timeout("a", "a", "1s")])).unwrap();
    let bad = |document: Value| Resource { kind: "Timeout".to_owned(), revision: 9, document };
    for (changed, words) in [
        (vec![timeout("b", "b", "2s"), timeout("a", "a", "soon")], "no span of time"),
        (vec![bad(json!({}))], "missing field"),
        (vec![bad(json!(null))], "null"),
        (vec![timeout("a2", "a", "5s")], "are about the same service"),
    ] {
        let refusal = rules.take(&update(4, &[], changed)).unwrap_err();
        assert!(refusal.contains(words), "{refusal}");
        assert_eq!((seconds(&rules, "a"), rules.len(), rules.revision()), (Some(1), 1, 3));
    }
}

fn route(name: &str, service: &str, version: &str) -> Resource {
    let backends = json!([{"subset": {"version": version}}]);
    let document = json!({"apiVersion": "mesher/v1", "kind": "Route", "metadata": {"name": name},
        "spec": {"service": service, "rules": [{"backends": backends}]}});
    Resource { kind: "Route".to_owned(), revision: 1, document }
}

#[test]
fn a_route_for_every_service_is_compiled_once_for_all() {
    let mut rules = Rulebook::default();
    let own = [timeout("a", "a", "1s"), timeout("b", "b", "1s"), route("own", "b", "2.0")];
    rules
        .take(&update(1, &["a", "b", "*"], own.into_iter().chain([route("every", "*", "1.0")]).collect()))
        .unwrap();
    let route_of = |rules: &Rulebook, service| rules.policy(&target(service)).unwrap().route.clone();
    let [a, b, c] = ["a", "b", "c"].map(|service| route_of(&rules, service).unwrap());
    assert!(Arc::ptr_eq(&a, &c), "one for those without a route of their own");
    assert_eq!((a.name.as_str(), b.name.as_str()), ("every", "own"));
    rules.take(&update(2, &[], vec![route("every", "*", "3.0")])).unwrap();
    let portion = route_of(&rules, "a").unwrap().portions().next().unwrap().to_string();
    assert_eq!(portion, "version 3.0", "and changed for all");
    rules.take(&update(3, &["*"], Vec::new())).unwrap();
    assert!(route_of(&rules, "a").is_none() && route_of(&rules, "b").is_some());
}

/// RG-12: a revision that goes back is refused.
#[test]
fn rg_12_an_older_revision_never_replaces_a_newer_one() {
    let mut rules = Rulebook::default();
    rules.take(&update(5, &["a"], vec![timeout("a", "a", "5s")])).unwrap();
    let refusal = rules.take(&update(4, &["a"], vec![timeout("a", "a", "4s")])).unwrap_err();
    assert!(refusal.contains("revision 4 comes after revision 5"), "{refusal}");
    assert_eq!(seconds(&rules, "a"), Some(5));
    // A restored backup is another history, which begins where it begins.
    let restored = Update { epoch: "second".to_owned(), ..update(2, &["a"], vec![timeout("a", "a", "2s")]) };
    assert_eq!(rules.take(&restored), Ok(Taken::Changed));
    assert_eq!((seconds(&rules, "a"), rules.revision()), (Some(2), 2));
}

/// RG-06: a control plane that lost everything empties nothing.
#[test]
fn rg_06_a_control_plane_without_rules_empties_nothing() {
    let mut rules = Rulebook::default();
    rules.take(&update(5, &["a"], vec![timeout("a", "a", "5s")])).unwrap();
    let empty = Update { is_empty: true, epoch: "second".to_owned(), ..update(0, &["a"], Vec::new()) };
    for _ in 0..2 {
        assert_eq!(rules.take(&empty), Ok(Taken::Unchanged), "however often it says so");
        assert_eq!(seconds(&rules, "a"), Some(5));
    }
    // Its first document begins the new history.
    let mut rules_then = rules.clone();
    let first = Update { epoch: "second".to_owned(), ..update(1, &[], vec![timeout("b", "b", "1s")]) };
    assert_eq!(rules_then.take(&first), Ok(Taken::Changed));
    assert_eq!((seconds(&rules_then, "a"), seconds(&rules_then, "b")), (None, Some(1)));
    // In its own history the last document may well be removed.
    let mut rules = Rulebook::default();
    rules.take(&update(5, &["a"], vec![timeout("a", "a", "5s")])).unwrap();
    let empty = Update { is_empty: true, ..update(6, &["a"], Vec::new()) };
    assert_eq!(rules.take(&empty), Ok(Taken::Changed));
    assert_eq!(seconds(&rules, "a"), None);
}

#[test]
fn a_kind_of_a_later_release_is_passed_over() {
    let mut rules = Rulebook::default();
    let later = Resource { kind: "Mirror".to_owned(), revision: 1, document: json!({"anything": 1}) };
    assert_eq!(rules.take(&update(1, &["a"], vec![later, timeout("a", "a", "1s")])), Ok(Taken::Changed));
    assert_eq!((rules.len(), seconds(&rules, "a")), (1, Some(1)));
}

#[test]
fn another_process_goes_on_with_what_is_held() {
    let mut rules = Rulebook::default();
    rules.take(&update(7, &["a", "*"], vec![timeout("a", "a", "1s"), timeout("every", "*", "9s")])).unwrap();
    let (desk, _orders) = Desk::new(target("own"), "1.0.0");
    desk.adopt(&rules.tell());
    assert_eq!(desk.tell(), rules.tell());
    let limit = |service| desk.policy(&target(service)).and_then(|policy| policy.request_timeout);
    assert_eq!(limit("a").map(|limit| limit.as_secs()), Some(1));
    assert_eq!(limit("z").map(|limit| limit.as_secs()), Some(9));
}

#[tokio::test(flavor = "local")]
async fn another_process_goes_on_with_keys_that_are_about_calls() {
    let (before, mut linked) = (desk(), LinkedKeys::new(own("")));
    let secret = route_key("shop.password", "1");
    let keys = vec![
        route_key("servicecomb.routeRule.any", "1"),
        route_key("servicecomb.routeRule.bad", "'"),
        secret,
    ];
    linked.take(&KeyNews { revision: 1, keys }, &before).await;
    let told = serde_json::to_value(before.tell()).unwrap();
    assert!(!told.to_string().contains("password"), "{told}");
    let (after, _orders) = Desk::new(target("own"), "1.0.0");
    after.adopt(&serde_json::from_value(told).unwrap());
    assert_eq!(after.policy(&target("any")), before.policy(&target("any")));
    assert_eq!(
        after.policy(&target("any")).unwrap().route.as_ref().unwrap().name,
        "servicecomb.routeRule.any"
    );
    assert_eq!(after.tell(), before.tell());
    // Also with the last good value of a key that cannot be used now.
    linked
        .take(&KeyNews { revision: 2, keys: vec![route_key("servicecomb.routeRule.any", "'")] }, &before)
        .await;
    assert_eq!(before.tell().good_keys.keys().collect::<Vec<_>>(), ["servicecomb.routeRule.any"]);
    let (third, _orders) = Desk::new(target("own"), "1.0.0");
    third.adopt(&before.tell());
    assert_eq!(third.policy(&target("any")), before.policy(&target("any")));
    assert!(third.policy(&target("any")).unwrap().route.is_some());
    assert_eq!(third.tell(), before.tell());
}

#[tokio::test]
async fn without_a_link_nobody_waits_for_rules() {
    let (desk, _orders) = Desk::new(target("own"), "1.0.0");
    tokio::time::timeout(std::time::Duration::from_millis(100), desk.know(target("a"))).await.unwrap();
    assert_eq!(desk.begin_link(), (vec![target("a")], 0, String::new()));
    desk.want(target("b"));
    assert_eq!(desk.wishes().await, [target("b")]);
}

/// One message names no more services than the control plane reads, whatever their names.
#[tokio::test]
async fn many_services_are_asked_for_in_pieces() {
    use mesher_model::rule::link::{FORMAT, PROXY_MESSAGE_BYTES_MAX, ProxySays, TARGETS_AT_ONCE_MAX};
    let (desk, _orders) = Desk::new(target("own"), "1.0.0");
    for number in 0..2 * TARGETS_AT_ONCE_MAX + 1 {
        desk.want(Target { application: "x".repeat(253), ..target(&format!("{number:0253}")) });
    }
    let (targets, serving, epoch) = desk.begin_link();
    let row = Box::default();
    let hello =
        ProxySays::Hello { format: FORMAT, row, kinds: Vec::new(), targets, serving, epoch, keys: None };
    assert!(serde_json::to_string(&hello).unwrap().len() < PROXY_MESSAGE_BYTES_MAX);
    assert_eq!(desk.wishes().await.len(), TARGETS_AT_ONCE_MAX);
    assert_eq!(desk.wishes().await.len(), 1);
}

#[tokio::test]
async fn a_first_call_waits_until_the_rules_of_its_service_are_here() {
    let (desk, mut orders) = Desk::new(target("own"), "1.0.0");
    desk.begin_link();
    let fleet = async {
        let order = orders.recv().await.unwrap();
        order.send(2).unwrap();
    };
    let answer = update(1, &["a"], vec![timeout("a", "a", "1s")]);
    let link = async {
        assert_eq!(desk.wishes().await, [target("a")]);
        desk.take(&answer).await.unwrap();
    };
    let call = async {
        desk.know(target("a")).await;
        assert!(desk.policy(&target("a")).is_some());
    };
    tokio::join!(fleet, link, call);
}

fn own(environment: &str) -> Identity {
    Identity {
        domain: "default".to_owned(),
        project: "default".to_owned(),
        app: "shop".to_owned(),
        service: "web".to_owned(),
        version: "2".to_owned(),
        environment: environment.to_owned(),
    }
}

fn key(value: &str, labels: &[(&str, &str)]) -> KeyValue {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    KeyValue {
        key: "servicecomb.request.timeout".to_owned(),
        value: value.to_owned(),
        labels: Some(labels.collect()),
        ..KeyValue::default()
    }
}

/// The timeout that keys set, once an update with them is taken.
async fn timeout_of(
    linked: &mut LinkedKeys,
    desk: &Desk,
    revision: i64,
    keys: Vec<KeyValue>,
) -> Option<u128> {
    let policy = {
        linked.take(&KeyNews { revision, keys }, desk).await;
        desk.policy(&target("any"))
    };
    policy.and_then(|policy| policy.request_timeout).map(|limit| limit.as_millis())
}

/// A desk whose snapshots are published at once.
fn desk() -> Desk {
    let (desk, mut orders) = Desk::new(target("own"), "1.0.0");
    tokio::task::spawn_local(async move {
        while let Some(order) = orders.recv().await {
            let _ = order.send(1);
        }
    });
    desk
}

#[tokio::test(flavor = "local")]
async fn of_keys_the_particular_hold_and_those_of_others_do_not() {
    let (desk, mut linked) = (desk(), LinkedKeys::new(own("")));
    let (app, service, version) = (("app", "shop"), ("service", "web"), ("version", "2"));
    let (none, rules) = (("environment", ""), ("service", "darklaunch"));
    let of_go = [("appId", "shop"), ("serviceName", "web"), version];
    let rising: [&[_]; 11] = [
        &[],
        &[("appId", "shop")],
        &[("appId", "shop"), none],
        &[("appId", "shop"), ("serviceName", "web")],
        &of_go,
        &[app],
        &[app, none],
        &[app, service],
        &[app, rules, none],
        &[app, service, version],
        &[app, service, none, version],
    ];
    let mut keys = Vec::new();
    for (place, labels) in (1..).zip(rising) {
        // The newer of two that are as particular.
        keys.insert(0, KeyValue { update_time: place, ..key(&place.to_string(), labels) });
        let expected = u128::try_from(place).unwrap();
        assert_eq!(timeout_of(&mut linked, &desk, 1, keys.clone()).await, Some(expected), "{keys:?}");
    }
    let of_others = [
        &[("app", "shop"), ("service", "web"), ("version", "1")][..],
        &[("app", "shop"), ("service", "web"), ("environment", "testing")],
        &[("app", "shop"), ("service", "other")],
        &[("app", "other")],
        &[("app", "shop"), ("service", "web"), ("zone", "a")],
    ];
    let disabled = KeyValue { status: Some("disabled".to_owned()), ..key("4", &of_go) };
    let keys = of_others.map(|labels| key("9", labels)).into_iter().chain([disabled]).collect();
    assert_eq!(timeout_of(&mut linked, &desk, 2, keys).await, None);
}

/// A key with a route for the service `any`.
fn route_key(name: &str, version: &str) -> KeyValue {
    let value = format!("- route: [{{weight: 100, tags: {{version: '{version}'}}}}]");
    KeyValue { key: name.to_owned(), ..key(&value, &[("app", "shop"), ("service", "web")]) }
}

#[tokio::test(flavor = "local")]
async fn a_document_with_a_route_holds_before_a_key_with_one_and_leaves_it_the_rest() {
    let (desk, mut linked) = (desk(), LinkedKeys::new(own("")));
    let keys = vec![
        route_key("servicecomb.routeRule.any", "1"),
        route_key("servicecomb.routeRule.other", "1"),
        key("7", &[("app", "shop"), ("service", "web")]),
    ];
    let told = linked.take(&KeyNews { revision: 1, keys: keys.clone() }, &desk).await;
    assert_eq!(told, Some(Vec::new()));
    let words = |service: &str| {
        let policy = desk.policy(&target(service)).unwrap();
        let portion = policy.route.as_ref().unwrap().portions().next().unwrap().to_string();
        (policy.route.as_ref().unwrap().name.clone(), portion, policy.request_timeout.unwrap().as_millis())
    };
    let of_key = ("servicecomb.routeRule.any".to_owned(), "version 1".to_owned(), 7);
    assert_eq!(words("any"), of_key);
    let before = desk.policy(&target("any")).unwrap();
    desk.take(&update(1, &["any"], vec![route("mine", "any", "2")])).await.unwrap();
    assert_eq!(words("any"), ("mine".to_owned(), "version 2".to_owned(), 7));
    let said = desk.policy(&target("any")).unwrap().said.clone();
    let said: Vec<_> = said
        .iter()
        .map(|said| {
            let shadow = said.shadowed_by.as_deref();
            (said.kind.as_str(), said.name.as_str(), said.source.as_str(), said.service.as_str(), shadow)
        })
        .collect();
    let expected = [
        ("Route", "mine", "document", "any", None),
        ("Route", "servicecomb.routeRule.any", "kie", "any", Some("Route mine, a document")),
        ("Timeout", "servicecomb.request.timeout", "kie", "*", None),
    ];
    assert_eq!(said, expected);
    assert_eq!(words("other").0, "servicecomb.routeRule.other");
    desk.take(&update(2, &["*"], vec![route("every", "*", "3")])).await.unwrap();
    assert_eq!(words("other").0, "every", "also one about every service");
    desk.take(&update(3, &["any", "*"], Vec::new())).await.unwrap();
    assert_eq!(words("any"), of_key);
    assert_eq!(before, desk.policy(&target("any")).unwrap());
}

#[tokio::test(flavor = "local")]
async fn what_keys_say_that_cannot_be_used_is_answered_and_changes_nothing() {
    let (desk, mut linked) = (desk(), LinkedKeys::new(own("")));
    let good = route_key("servicecomb.routeRule.any", "1");
    linked.take(&KeyNews { revision: 1, keys: vec![good.clone()] }, &desk).await;
    let before = desk.policy(&target("any"));
    assert!(before.is_some());
    let bad = KeyValue { value: "- route: all".to_owned(), ..good };
    let told = linked.take(&KeyNews { revision: 2, keys: vec![bad] }, &desk).await.unwrap();
    assert!(told[0].starts_with("servicecomb.routeRule.any: line 1, column 10: "), "{told:?}");
    assert_eq!(desk.policy(&target("any")), before);
}

#[test]
fn a_proxy_asks_for_the_labels_that_are_its_own() {
    for (environment, count) in [("", 18), ("production", 9)] {
        let wish = LinkedKeys::new(own(environment)).wish();
        assert_eq!(wish.labels.len(), count, "{:?}", wish.labels);
        assert!(wish.labels.len() <= KEY_LABELS_MAX);
        let named = wish.labels.iter().filter_map(|labels| labels.get("environment"));
        assert_eq!(named.clone().count(), 9);
        assert!(named.clone().all(|named| named == environment), "no other environment's: {:?}", wish.labels);
    }
}

#[tokio::test(flavor = "local")]
async fn a_control_plane_that_lost_its_keys_empties_nothing() {
    let (desk, mut linked) = (desk(), LinkedKeys::new(own("")));
    let keys = || vec![key("2", &[("app", "shop"), ("service", "web")])];
    for (revision, keys, expected, says) in [
        (7, keys(), Some(2), "it has some"),
        (8, Vec::new(), None, "the last is removed"),
        (9, keys(), Some(2), "it comes back"),
        (0, Vec::new(), Some(2), "all is lost"),
        (0, Vec::new(), Some(2), "and still is, after another link"),
        (1, keys(), Some(2), "it knows keys again"),
        (2, Vec::new(), None, "and the last is removed"),
    ] {
        assert_eq!(timeout_of(&mut linked, &desk, revision, keys).await, expected, "{says}");
    }
}
