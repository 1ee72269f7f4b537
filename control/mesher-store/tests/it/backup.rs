//! Backups while writes go on, and stores made from them.
//! A backup that is not whole must not become a store.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mesher_store::{KeyRange, Operation, Revision, Store, StoreError, Transaction, WatchError, restore};

use crate::bed::{Bed, Engine, system_settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_17_backup_of_a_busy_store_is_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&system_settings(folder.path().join("data"))).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u32 {
        let (store, is_over) = (store.clone(), is_over.clone());
        writers.spawn(async move {
            let mut number = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                let pair = ["left", "right"]
                    .map(|side| Operation::put(format!("{writer}/{side}"), number.to_string().repeat(500)));
                store.commit(Transaction::of(pair)).await.unwrap();
            }
        });
    }
    let mut watch = store.watch(KeyRange::all(), Revision::FIRST);
    for number in 0..4 {
        while watch.next().await.unwrap().revision.0 % 100 != 0 {}
        let file = folder.path().join(format!("backup-{number}"));
        let summary = store.backup(&file).await.unwrap();
        check_restored(folder.path(), &file, number, summary.revision).await;
    }
    is_over.store(true, Ordering::Relaxed);
    writers.join_all().await;
}

async fn check_restored(folder: &std::path::Path, file: &std::path::Path, number: u32, revision: Revision) {
    let directory = folder.join(format!("restored-{number}"));
    restore(file, &directory).unwrap();
    let restored = Store::open(&system_settings(directory)).unwrap();
    let reading = restored.range(KeyRange::all(), None).await.unwrap();
    assert_eq!(reading.revision, revision);
    for pair in reading.records.chunks(2) {
        assert_eq!(
            (&pair[0].value, pair[0].modified),
            (&pair[1].value, pair[1].modified),
            "half a transaction"
        );
    }
    let newest = reading.records.iter().map(|record| record.modified).max();
    assert_eq!(newest, Some(revision), "all up to its revision");
    restored.close().await;
}

#[tokio::test]
async fn st_17_restored_store_goes_on_in_a_new_epoch() {
    for engine in [Engine::Memory, Engine::Embedded] {
        let folder = tempfile::tempdir().unwrap();
        let bed = Bed::new(engine);
        let lease = bed.grant(10).await;
        bed.put_leased("leased", "1", lease).await;
        let last = bed.put("plain", "2").await;
        let (summary, bytes) = bed.store.write_backup(Vec::new()).await.unwrap();
        let file = folder.path().join("backup");
        fs::write(&file, bytes).unwrap();
        let before = bed.store.range(KeyRange::all(), None).await.unwrap();
        let status = bed.store.status();
        assert_eq!((summary.epoch, summary.revision), (status.epoch, last));

        let directory = folder.path().join("data");
        let restored = restore(&file, &directory).unwrap();
        let store = Store::open(&system_settings(directory.clone())).unwrap();
        assert_eq!(store.range(KeyRange::all(), None).await.unwrap(), before);
        assert_eq!(store.status().id, status.id);
        assert_eq!(store.status().epoch, restored.epoch);
        assert_ne!(store.status().epoch, status.epoch, "whoever kept the old one sees it");
        let mut watch = store.watch(KeyRange::all(), last);
        assert_eq!(watch.next().await, Err(WatchError::Compacted { compacted: last.next() }));
        let mut watch = store.watch(KeyRange::all(), last.next());
        assert_eq!(store.revoke(lease.id).await.unwrap().revision, last.next());
        assert_eq!(watch.next().await.unwrap().revision, last.next());
        store.close().await;
        assert!(matches!(restore(&file, &directory), Err(StoreError::NotEmpty(_))));
    }
}

#[tokio::test]
async fn st_17_damaged_backup_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::new(Engine::Memory);
    for number in 0..20 {
        bed.put(&format!("key/{number}"), &"x".repeat(number * 10)).await;
    }
    let (_, whole) = bed.store.write_backup(Vec::new()).await.unwrap();
    let (file, directory) = (folder.path().join("backup"), folder.path().join("data"));
    let refuse = |bytes: &[u8], what: &str| {
        fs::write(&file, bytes).unwrap();
        let refused = restore(&file, &directory).unwrap_err();
        let is_right = matches!(refused, StoreError::BadSnapshot { .. } | StoreError::NewerFormat { .. });
        assert!(is_right, "{what}: {refused}");
        assert!(!directory.exists(), "{what}");
    };
    for cut in 0..whole.len() {
        refuse(&whole[..cut], &format!("cut at {cut}"));
    }
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        refuse(&bytes, &format!("byte {place}"));
    }
    refuse(&[&whole[..], b"x"].concat(), "more at its end");
    fs::write(&file, &whole).unwrap();
    restore(&file, &directory).unwrap();
}

#[tokio::test]
async fn backup_replaces_no_file_and_leaves_none_behind() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::new(Engine::Memory);
    let file = folder.path().join("backup");
    bed.store.backup(&file).await.unwrap();
    assert!(bed.store.backup(&file).await.is_err());
    assert!(bed.store.backup(&folder.path().join("missing/backup")).await.is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let sink = bed.store.write_backup(FullSink).await;
    assert!(sink.is_err());
}

#[derive(Debug)]
struct FullSink;

impl std::io::Write for FullSink {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
