//! The way of changes into the store, and back out of memory where the store fails.
//! It must look at the registry as requests do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mesher_config::{ConfigError, Draft};
use mesher_model::{Instance, Microservice};
use mesher_registry::{Moment, Registry, RegistryError, Tenant};
use mesher_store::{Operation, Store, Transaction};

use super::chain::{CHAIN, ROOT};
use super::load::services_first;
use super::{Keep, NotKept, load, run};
use crate::control::{Beginning, Control};
use crate::{Clock, Settings};

const LISTEN: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 30_100);

fn control(store: &Store) -> Arc<Control> {
    let (keep, steps) = Keep::new(store.clone(), 0);
    let registry = Registry::new(1, mesher_registry::Limits::default());
    let (access, configuration) = (Vec::new(), mesher_config::Configuration::default());
    let (rules, epoch) = (mesher_rules::Book::default(), String::new());
    let beginning = Beginning { registry, access, configuration, rules, epoch, keep: Some(Arc::new(keep)) };
    let control = Arc::new(Control::new(&Settings::default(), LISTEN, beginning).unwrap());
    tokio::spawn(run(Arc::downgrade(&control), store.clone(), steps, 0));
    control
}

fn service(name: &str) -> Microservice {
    Microservice {
        app_id: "shop".to_owned(),
        service_name: name.to_owned(),
        version: "1.0.0".to_owned(),
        ..Microservice::default()
    }
}

async fn create(control: &Control, name: &str) -> Result<Result<String, RegistryError>, NotKept> {
    control.with_registry(|registry, now| registry.create_service(Tenant::DEFAULT, service(name), now)).await
}

fn count(control: &Control) -> usize {
    control.look(|registry, _| registry.services(Tenant::DEFAULT, false).count())
}

#[tokio::test]
async fn what_is_answered_is_in_the_store() {
    let store = Store::in_memory(mesher_store::Clock::system()).unwrap();
    let control = control(&store);
    for name in ["one", "two", "three"] {
        create(&control, name).await.unwrap().unwrap();
    }
    let mut registry = Registry::new(2, mesher_registry::Limits::default());
    let loaded = load(&store, &mut registry, Moment::default()).await.unwrap();
    assert_eq!(loaded.last_link, 3);
    assert_eq!(registry.services(Tenant::DEFAULT, false).count(), 3);
}

#[tokio::test]
async fn a_store_that_fails_leaves_no_trace_in_memory() {
    let store = Store::in_memory(mesher_store::Clock::system()).unwrap();
    let control = control(&store);
    create(&control, "one").await.unwrap().unwrap();
    store.close().await;
    let futures = ["two", "three", "four"].map(|name| create(&control, name));
    let [two, three, four] = futures;
    let outcomes = tokio::join!(two, three, four);
    for outcome in [outcomes.0, outcomes.1, outcomes.2] {
        assert!(matches!(outcome, Err(NotKept::TakenBack(_))), "{outcome:?}");
    }
    assert_eq!(count(&control), 1, "only what was kept is there");
}

#[tokio::test]
async fn nothing_is_written_after_a_change_that_was_not() {
    let store = Store::in_memory(mesher_store::Clock::system()).unwrap();
    let control = control(&store);
    create(&control, "one").await.unwrap().unwrap();
    // Somebody else wrote: the next link does not fit, and nothing built on it may.
    let foreign = Transaction::of([Operation::put(CHAIN, "77")]);
    store.commit(foreign).await.unwrap();
    let outcomes = tokio::join!(create(&control, "two"), create(&control, "three"));
    assert!(outcomes.0.is_err() && outcomes.1.is_err(), "{outcomes:?}");
    assert_eq!(count(&control), 1);
    // Once the store is as it was left, changes go on.
    store.commit(Transaction::of([Operation::put(CHAIN, "1")])).await.unwrap();
    create(&control, "four").await.unwrap().unwrap();
    assert_eq!(count(&control), 2);
}

async fn set(control: &Control, key: &str) -> Result<Result<String, ConfigError>, NotKept> {
    let draft = Draft { key: key.to_owned(), value: "v".to_owned(), ..Draft::default() };
    let set = control.with_config(|configuration, now| {
        configuration.keys_mut().create(mesher_config::Tenant::DEFAULT, draft, now)
    });
    set.await.map(|made| made.map(|record| record.id.clone()))
}

#[tokio::test]
async fn a_key_that_was_not_kept_is_gone_and_the_store_heals() {
    let store = Store::in_memory(mesher_store::Clock::system()).unwrap();
    let control = control(&store);
    set(&control, "one").await.unwrap().unwrap();
    let revision = || control.look_at_config(|configuration| configuration.keys().revision("default"));
    store.commit(Transaction::of([Operation::put(CHAIN, "77")])).await.unwrap();
    let outcomes = tokio::join!(set(&control, "two"), create(&control, "service"), set(&control, "three"));
    assert!(outcomes.0.is_err() && outcomes.1.is_err() && outcomes.2.is_err(), "{outcomes:?}");
    let known = control.look_at_config(|configuration| configuration.keys().count("default"));
    assert_eq!((known, count(&control)), (1, 0), "all of it is taken back");
    let told = revision();
    assert!(told > 3, "numbers that were told are used: {told}");
    store.commit(Transaction::of([Operation::put(CHAIN, "1")])).await.unwrap();
    set(&control, "two").await.unwrap().unwrap();
    assert!(revision() > told);

    let mut registry = Registry::new(2, mesher_registry::Limits::default());
    let loaded = load(&store, &mut registry, Moment::default()).await.unwrap();
    assert_eq!(loaded.configuration.keys().count("default"), 2);
    assert!(loaded.configuration.keys().revision("default") > revision());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_the_start() {
    for (key, value) in [
        (CHAIN, "no number"),
        ("/mesher/registry/services/default/default/x", "{"),
        ("/mesher/registry/nonsense/x", "{}"),
        ("/mesher/config/nonsense/x", "{}"),
        ("/mesher/config/revision/default", "\"x\""),
        ("/mesher/future/x", "{}"),
    ] {
        let store = Store::in_memory(mesher_store::Clock::system()).unwrap();
        store.commit(Transaction::of([Operation::put(key, value)])).await.unwrap();
        let mut registry = Registry::new(1, mesher_registry::Limits::default());
        let error = load(&store, &mut registry, Clock::system().now()).await.unwrap_err().to_string();
        assert!(error.contains("cannot be read") && error.contains("backup"), "{key}: {error}");
    }
}

/// A store whose writer stands still while the disk is busy.
fn slow_store() -> (Store, Arc<AtomicBool>) {
    let is_busy = Arc::new(AtomicBool::new(false));
    let disk = Arc::clone(&is_busy);
    let clock = mesher_store::Clock::from_fn(move || {
        // The writer reads the clock before each write.
        while std::thread::current().name() == Some("store-writer") && disk.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Duration::ZERO
    });
    (Store::in_memory(clock).unwrap(), is_busy)
}

/// ST-07: a disk that takes its time holds up changes, and neither heartbeats nor look-ups.
#[tokio::test]
async fn st_07_a_slow_disk_holds_up_changes_alone_and_their_outcome_is_unknown() {
    let (store, is_busy) = slow_store();
    let control = control(&store);
    let one = create(&control, "one").await.unwrap().unwrap();
    let instance = Instance { host_name: "h1".to_owned(), ..Instance::default() };
    let registered = control.with_registry(|registry, now| {
        registry.register_instance(Tenant::DEFAULT, &one, instance, || "i1".to_owned(), now).map(drop)
    });
    registered.await.unwrap().unwrap();

    is_busy.store(true, Ordering::SeqCst);
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let waiting = tokio::spawn({
        let control = Arc::clone(&control);
        async move { create(&control, "two").await }
    });
    tokio::task::yield_now().await;
    for _ in 0..100 {
        control.renew(|registry, now| registry.heartbeat(Tenant::DEFAULT, &one, "i1", now)).unwrap();
        assert!(control.look(|registry, _| registry.instance(Tenant::DEFAULT, &one, "i1", "").is_ok()));
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "none of them waited");
    assert!(!waiting.is_finished(), "what is not kept is not answered");

    let outcome = waiting.await.unwrap();
    assert_eq!(outcome, Err(NotKept::Unknown));
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(NotKept::Unknown.to_string().contains("may still be kept"));

    // The disk comes back: the change was kept after all, and so is what follows.
    tokio::time::resume();
    is_busy.store(false, Ordering::SeqCst);
    create(&control, "three").await.unwrap().unwrap();
    let mut registry = Registry::new(2, mesher_registry::Limits::default());
    load(&store, &mut registry, Moment::default()).await.unwrap();
    assert_eq!(registry.services(Tenant::DEFAULT, false).count(), 3);
}

#[test]
fn the_ranges_hold_every_key_once_and_services_first() {
    let ranges = services_first();
    let keys = [
        "access/accounts/a",
        "chain",
        "registry/dependencies/a",
        "registry/instances/a",
        "registry/schemas/a",
        "registry/tags/a",
        "strange",
    ];
    for key in keys {
        let key = format!("{ROOT}{key}");
        let places: Vec<_> = (0..3).filter(|place| ranges[*place].contains(key.as_bytes())).collect();
        assert!(matches!(places[..], [1 | 2]), "{key} is in {places:?}");
    }
    let key = format!("{ROOT}registry/services/a");
    assert!(ranges[0].contains(key.as_bytes()) && !ranges[1].contains(key.as_bytes()));
    assert!(!ranges[2].contains(key.as_bytes()));
}
