//! Whose directory it is, and who is kept out.
//! A refusal must name its remedy.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use mesher_store::{Operation, Store, StoreError, Transaction};

use crate::bed::system_settings;

async fn make(directory: &Path) {
    let store = Store::open(&system_settings(directory.to_owned())).unwrap();
    store.commit(Transaction::of([Operation::put("a", "1")])).await.unwrap();
    store.close().await;
}

fn open(directory: &Path) -> Result<Store, StoreError> {
    Store::open(&system_settings(directory.to_owned()))
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o777
}

#[tokio::test]
async fn directory_and_files_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    make(&directory).await;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[tokio::test]
async fn st_11_second_opening_is_refused_and_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let store = open(&directory).unwrap();
    let refused = open(&directory).unwrap_err();
    assert!(matches!(&refused, StoreError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    store.close().await;
    open(&directory).unwrap();
}

#[tokio::test]
async fn st_11_what_others_could_change_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    make(&directory).await;
    let database = directory.join("store.redb");

    fs::set_permissions(&directory, Permissions::from_mode(0o770)).unwrap();
    let refused = open(&directory).unwrap_err();
    assert!(refused.to_string().contains("chmod go-w"), "{refused}");
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();

    fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
    let refused = open(&directory).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    fs::set_permissions(&database, Permissions::from_mode(0o600)).unwrap();

    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&database, &elsewhere).unwrap();
    symlink(&elsewhere, &database).unwrap();
    let refused = open(&directory).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unsafe { .. }) && refused.to_string().contains("link"),
        "{refused}"
    );
    fs::remove_file(&database).unwrap();
    symlink(folder.path().join("nowhere"), &database).unwrap();
    assert!(matches!(open(&directory), Err(StoreError::Unsafe { .. })), "a link that leads nowhere");
    fs::remove_file(&database).unwrap();
    fs::rename(&elsewhere, &database).unwrap();

    let lock = directory.join("lock");
    fs::remove_file(&lock).unwrap();
    symlink(folder.path().join("nowhere"), &lock).unwrap();
    assert!(open(&directory).is_err(), "a lock that is a link");
    fs::remove_file(&lock).unwrap();
    open(&directory).unwrap();
}

#[test]
fn place_that_is_no_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(open(&file), Err(StoreError::Unsafe { .. })));
    let missing = folder.path().join("missing/data");
    let refused = open(&missing).unwrap_err();
    assert!(refused.to_string().contains("missing/data"), "{refused}");
}

#[tokio::test]
async fn damaged_file_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    make(&directory).await;
    let database = directory.join("store.redb");
    let whole = fs::read(&database).unwrap();
    for cut in [0, 1, 100, whole.len() / 2] {
        fs::write(&database, &whole[..cut]).unwrap();
        let refused = open(&directory).unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, StoreError::Damaged { .. }), "{text}");
        assert!(text.contains("store.redb") && text.contains("restore from backup"), "{text}");
        assert_eq!(fs::read(&database).unwrap(), &whole[..cut], "it is left as it was");
    }
    fs::write(&database, &whole).unwrap();
    open(&directory).unwrap();
}

#[tokio::test]
async fn unfinished_database_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    fs::write(directory.join("store.redb.new"), "half").unwrap();
    make(&directory).await;
    assert!(!directory.join("store.redb.new").exists());
}
