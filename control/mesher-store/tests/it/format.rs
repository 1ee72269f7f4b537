//! Files that an earlier release wrote: a store and a backup of each format, as they lie in `tests/fixtures`.
//! They must never be written anew for a format that was released: what they hold is what users have.

use std::path::{Path, PathBuf};

use mesher_store::{Epoch, KeyRange, Revision, Store, restore};

use crate::bed::{system_settings, text};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What every fixture holds: see `examples/fixture.rs`, which wrote them.
async fn check(store: &Store, epoch: Option<Epoch>) {
    let reading = store.range(KeyRange::all(), None).await.unwrap();
    assert_eq!(reading.revision, Revision(6));
    let records: Vec<_> = reading
        .records
        .iter()
        .map(|record| {
            (text(&record.key), text(&record.value), record.created.0, record.modified.0, record.version)
        })
        .collect();
    let expected = [("changed", "2", 2, 3, 2), ("leased", "1", 4, 4, 1)].map(
        |(key, value, created, modified, version)| {
            (key.to_owned(), value.to_owned(), created, modified, version)
        },
    );
    assert_eq!(records, expected);
    assert!(reading.records[0].lease.is_none());
    let lease = reading.records[1].lease.unwrap();
    assert_eq!(store.time_to_live(lease).await.unwrap().0.as_secs(), 3600);
    assert!(epoch.is_none_or(|epoch| store.status().epoch == epoch));
    // It lives on: the lease takes its record along.
    assert_eq!(store.revoke(lease).await.unwrap().revision, Revision(7));
    assert_eq!(store.range(KeyRange::all(), None).await.unwrap().records.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn st_12_a_backup_of_format_1_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let restored = restore(&fixture("format-1.backup"), &directory).unwrap();
    assert_eq!(restored.revision, Revision(6));
    let store = Store::open(&system_settings(directory)).unwrap();
    check(&store, Some(restored.epoch)).await;
}

#[tokio::test]
async fn st_12_a_store_of_format_1_is_opened() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join("store.redb");
    std::fs::copy(fixture("format-1.redb"), &file).unwrap();
    for (path, mode) in [(&directory, 0o700), (&file, 0o600)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let store = Store::open(&system_settings(directory)).unwrap();
    check(&store, None).await;
}
