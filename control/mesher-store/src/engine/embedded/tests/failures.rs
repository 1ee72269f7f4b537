//! One failure of the disk at a time, and what callers, readers and watchers see of it.
//! They must not see anything of what failed, nor miss anything that was acknowledged.

use std::sync::Arc;

use super::platter::{Platter, SyncFault, TestClock};
use crate::engine::embedded::{Embedded, open::explain};
use crate::engine::{Medium, Table};
use crate::{KeyRange, Operation, Revision, Store, StoreError, Transaction, meta};

async fn put(store: &Store, key: &str, value: &str) -> Result<Revision, StoreError> {
    let operation = Operation::put(key.as_bytes().to_vec(), value.as_bytes().to_vec());
    store.commit(Transaction::of([operation])).await.map(|committed| committed.revision)
}

async fn value(store: &Store, key: &str) -> Option<String> {
    let record = store.get(key.as_bytes().to_vec()).await.unwrap()?;
    Some(String::from_utf8(record.value.to_vec()).unwrap())
}

/// A sync that fails, at each of the syncs of a commit, with the bytes lost or written.
#[tokio::test]
async fn st_06_failed_sync_takes_the_batch_back_and_the_store_goes_on() {
    for fault in [SyncFault::Lost, SyncFault::Written] {
        for syncs_before in 0..2 {
            let (platter, clock) = (Platter::with_store(), TestClock::default());
            let store = platter.open_store(&clock).unwrap();
            put(&store, "kept", "1").await.unwrap();
            let before = put(&store, "changed", "old").await.unwrap();
            let mut watch = store.watch(KeyRange::all(), before.next());

            platter.state().syncs_before = syncs_before;
            platter.state().sync_fault = Some(fault);
            let failed = store
                .commit(Transaction::of([
                    Operation::put("changed", "new"),
                    Operation::put("new", "1"),
                    Operation::delete("kept"),
                ]))
                .await;
            assert!(
                matches!(failed, Err(StoreError::Unavailable(_))),
                "{fault:?} {syncs_before}: {failed:?}"
            );
            assert!(platter.state().sync_fault.is_none(), "the fault came up");

            assert_eq!(value(&store, "changed").await.as_deref(), Some("old"), "{fault:?} {syncs_before}");
            assert_eq!(value(&store, "kept").await.as_deref(), Some("1"));
            assert_eq!(value(&store, "new").await, None);
            assert_eq!(store.status().revision, before);
            assert_eq!(watch.take(), Ok(None));
            assert!(put(&store, "too-soon", "1").await.is_err(), "it pauses");

            clock.advance(2);
            assert_eq!(put(&store, "after", "1").await.unwrap(), before.next());
            assert_eq!(watch.take().unwrap().unwrap().events.len(), 1);
            store.close().await;

            let store = platter.after_power_cut(&mut fastrand::Rng::with_seed(1)).open_store(&clock).unwrap();
            assert_eq!(value(&store, "changed").await.as_deref(), Some("old"));
            assert_eq!(value(&store, "after").await.as_deref(), Some("1"));
            assert_eq!(value(&store, "new").await, None);
        }
    }
}

#[tokio::test]
async fn st_05_full_disk_refuses_writes_keeps_reads_and_heals() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let store = platter.open_store(&clock).unwrap();
    let length = platter.image().len();
    platter.state().capacity = Some(length + (1 << 20));
    let filler = "x".repeat(20_000);
    let mut written = Vec::new();
    let error = loop {
        let key = format!("key-{:04}", written.len());
        match put(&store, &key, &filler).await {
            Ok(_) => written.push(key),
            Err(error) => break error,
        }
        assert!(written.len() < 1000, "the disk has a bound");
    };
    assert!(error.to_string().contains("space"), "{error}");
    assert!(!written.is_empty());

    for _ in 0..5 {
        clock.advance(2);
        assert!(matches!(put(&store, "refused", &filler.repeat(10)).await, Err(StoreError::Unavailable(_))));
        let reading = store.range(KeyRange::all(), None).await.unwrap();
        assert_eq!(reading.records.len(), written.len(), "reads go on");
    }

    platter.state().capacity = None;
    clock.advance(2);
    put(&store, "after", &filler).await.unwrap();
    let reading = store.range(KeyRange::prefix("key-"), None).await.unwrap();
    let keys: Vec<_> = reading.records.iter().map(|record| record.key.to_vec()).collect();
    assert_eq!(keys, written.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>());
    assert_eq!(value(&store, "refused").await, None);
}

#[tokio::test]
async fn st_06_storage_that_is_away_is_tried_again_without_a_caller() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let store = platter.open_store(&clock).unwrap();
    let before = put(&store, "kept", "1").await.unwrap();
    platter.state().refuses_to_open = true;
    platter.state().sync_fault = Some(SyncFault::Written);
    assert!(put(&store, "lost", "1").await.is_err());
    assert!(!store.status().is_open);
    assert!(matches!(store.get("kept").await, Err(StoreError::Unavailable(_))));
    clock.advance(2);
    assert!(put(&store, "lost", "2").await.is_err());

    platter.state().refuses_to_open = false;
    clock.advance(2);
    store.expire().await.unwrap();
    assert!(store.status().is_open);
    assert_eq!(value(&store, "kept").await.as_deref(), Some("1"));
    assert_eq!(value(&store, "lost").await, None, "it was written, and its caller was told that it failed");
    assert_eq!(put(&store, "after", "1").await.unwrap(), before.next());
}

#[tokio::test]
async fn lease_outlives_a_failure_of_its_end() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let store = platter.open_store(&clock).unwrap();
    let lease = crate::Lease::lasting(std::time::Duration::from_secs(10));
    store.grant(lease).await.unwrap();
    store.commit(Transaction::of([Operation::put_leased("key", "1", lease.id)])).await.unwrap();
    clock.advance(11);
    platter.state().sync_fault = Some(SyncFault::Lost);
    assert!(store.expire().await.is_err());
    assert_eq!(value(&store, "key").await.as_deref(), Some("1"));
    store.keep_alive(lease.id).await.unwrap();
    clock.advance(11);
    store.expire().await.unwrap();
    assert_eq!(value(&store, "key").await, None);
    assert!(matches!(store.keep_alive(lease.id).await, Err(StoreError::LeaseNotFound(_))));
}

#[tokio::test]
async fn file_is_made_shorter_when_most_of_it_is_gone() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let store = platter.open_store(&clock).unwrap();
    let filler = "x".repeat(40_000);
    for number in 0..100 {
        put(&store, &format!("many/{number:03}"), &filler).await.unwrap();
    }
    put(&store, "kept", "1").await.unwrap();
    let long = platter.image().len();
    store.commit(Transaction::of([Operation::Delete(KeyRange::prefix("many/"))])).await.unwrap();
    store.compact(store.status().revision).await.unwrap();
    // What was written since it was last looked at has to outweigh what is there.
    for number in 0..10 {
        put(&store, "churn", &number.to_string().repeat(50_000)).await.unwrap();
    }
    // Its answer comes after the look at the file that the last write led to.
    store.expire().await.unwrap();
    let short = platter.image().len();
    assert!(short * 2 < long, "{long} -> {short}");
    assert_eq!(value(&store, "kept").await.as_deref(), Some("1"));
    store.close().await;
    let store = platter.open_store(&clock).unwrap();
    assert_eq!(value(&store, "kept").await.as_deref(), Some("1"));
    assert_eq!(store.range(KeyRange::all(), None).await.unwrap().records.len(), 2);
}

/// What an older version does with the store of a newer one.
#[tokio::test]
async fn st_12_newer_format_is_refused_with_both_numbers() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let embedded = Embedded::open_device(Arc::new(platter.clone()), clock.clock(), None).unwrap();
    embedded.write(|tables| meta::write_format(tables, 7)).unwrap();
    embedded.close();
    let error = platter.open_store(&clock).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 7, known: meta::FORMAT, .. }), "{error}");
    assert!(error.to_string().contains("format 7") && error.to_string().contains("format 1"), "{error}");
}

/// An older file under a running store: its writes are missing, and nothing is acknowledged on top of that.
#[tokio::test]
async fn st_11_acknowledged_write_that_is_gone_is_never_passed_over() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let old = platter.image();
    let embedded = Embedded::open_device(Arc::new(platter.clone()), clock.clock(), None).unwrap();
    for number in 0..3_u8 {
        embedded.write(|tables| tables.put(Table::Records, &[number], &[0; 32])).unwrap();
    }
    platter.state().sync_fault = Some(SyncFault::Lost);
    platter.put_back(old);
    let failed = embedded.write(|tables| tables.put(Table::Records, b"key", &[0; 32]));
    assert!(failed.is_err());
    clock.advance(2);
    let fault = embedded.write(|tables| tables.put(Table::Records, b"key", &[0; 32])).unwrap_err();
    assert!(matches!(explain(fault, "x".as_ref()), StoreError::Damaged { .. }));
    drop(Medium::Embedded(embedded));
}
