//! Tables for the queues of watchers: order, bounds, and that nothing is left behind.
//! They must not open a socket; the suite in `tests/` does.

use std::time::Duration;

use mesher_model::{Instance, Microservice};
use mesher_registry::{FindRequest, Limits, Moment, Registry, Tenant};

use super::hub::Watchers;
use super::places::Full;
use super::queue::TooSlow;

fn now() -> Moment {
    Moment { monotonic: Duration::ZERO, unix: Duration::from_secs(1_700_000_000) }
}

fn service(registry: &mut Registry, name: &str) -> String {
    let service =
        Microservice { app_id: "shop".to_owned(), service_name: name.to_owned(), ..Microservice::default() };
    registry.create_service(Tenant::DEFAULT, service, now()).unwrap()
}

/// A registry in which one service calls another. Answers the ids of both.
fn pair() -> (Registry, String, String) {
    let mut registry = Registry::new(1, Limits::default());
    let consumer = service(&mut registry, "cons");
    let provider = service(&mut registry, "prov");
    let request = FindRequest { consumer: &consumer, app: "shop", service: "prov", ..FindRequest::default() };
    let name = registry.find(Tenant::DEFAULT, request).unwrap().take_unrecorded().unwrap();
    registry.depend(Tenant::DEFAULT, &consumer, [name], now());
    registry.take_changes();
    (registry, consumer, provider)
}

/// Registers an instance and tells the watchers.
fn register(registry: &mut Registry, watchers: &Watchers, provider: &str, host: &str) {
    let instance = Instance { host_name: host.to_owned(), ..Instance::default() };
    registry.register_instance(Tenant::DEFAULT, provider, instance, || host.to_owned(), now()).unwrap();
    let changes = registry.take_changes();
    watchers.publish(registry, &changes);
}

#[tokio::test]
async fn watchers_hear_in_order_and_share_the_text() {
    let (mut registry, consumer, provider) = pair();
    let watchers = Watchers::default();
    let one = watchers.subscribe(Tenant::DEFAULT, &consumer, None).unwrap();
    let two = watchers.subscribe(Tenant::DEFAULT, &consumer, None).unwrap();
    let stranger = watchers.subscribe(Tenant::DEFAULT, &provider, None).unwrap();
    for host in ["h1", "h2"] {
        register(&mut registry, &watchers, &provider, host);
    }
    for host in ["h1", "h2"] {
        let (first, second) = (one.next().await.unwrap(), two.next().await.unwrap());
        assert!(first.as_str().contains(&format!(r#""hostName":"{host}""#)), "{first}");
        assert_eq!(first.as_str().as_ptr(), second.as_str().as_ptr(), "the text is written once");
    }
    assert_eq!(watchers.waiting(), 0);
    let heard = tokio::time::timeout(Duration::from_millis(1), stranger.next()).await;
    assert!(heard.is_err(), "who does not call a provider hears nothing of it");
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_is_cut_off_and_delays_nobody() {
    let (mut registry, consumer, provider) = pair();
    let watchers = Watchers::default();
    let slow = watchers.subscribe(Tenant::DEFAULT, &consumer, None).unwrap();
    let quick = watchers.subscribe(Tenant::DEFAULT, &consumer, None).unwrap();
    for number in 0..4_097 {
        register(&mut registry, &watchers, &provider, &format!("h{number}"));
        quick.next().await.unwrap();
    }
    assert_eq!(slow.next().await, Err(TooSlow));
    assert_eq!(watchers.waiting(), 0, "what it will never read is let go");
    register(&mut registry, &watchers, &provider, "one-more");
    assert!(quick.next().await.is_ok());
}

#[test]
fn places_are_bounded_for_one_service_and_in_all() {
    let watchers = Watchers::default();
    let of_one: Vec<_> =
        (0..5_000).map(|_| watchers.subscribe(Tenant::DEFAULT, "one", None).unwrap()).collect();
    assert_eq!(watchers.subscribe(Tenant::DEFAULT, "one", None).unwrap_err(), Full);
    let mut others: Vec<_> =
        (0..5_000).map(|_| watchers.subscribe(Tenant::DEFAULT, "other", None).unwrap()).collect();
    assert_eq!(watchers.subscribe(Tenant::DEFAULT, "third", None).unwrap_err(), Full);
    assert_eq!(watchers.count(), 10_000);
    others.pop();
    watchers.subscribe(Tenant::DEFAULT, "third", None).unwrap();
    drop((of_one, others));
    assert_eq!(watchers.count(), 0);
}

/// AD-17: many sockets with one token.
#[test]
fn ad_17_one_account_takes_no_more_than_its_share() {
    let watchers = Watchers::default();
    let mut held: Vec<_> = (0..5_000).map(|_| watchers.place(Some("one")).unwrap()).collect();
    assert_eq!(watchers.place(Some("one")).unwrap_err(), Full);
    assert_eq!(watchers.subscribe(Tenant::DEFAULT, "cons", Some("one")).unwrap_err(), Full);
    assert_eq!(watchers.count(), 5_000, "a refusal keeps no place");
    watchers.place(Some("other")).unwrap();
    held.pop();
    watchers.place(Some("one")).unwrap();
}
