//! A store under test, with a clock that goes when it is told to.
//! It must not favour an engine: a case that runs on one runs on all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mesher_store::{
    Clock, EmbeddedSettings, Event, KeyRange, Lease, Operation, Revision, Store, StoreError, Transaction,
};
use tempfile::TempDir;

/// What a suite runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Memory,
    Embedded,
}

pub(crate) struct Bed {
    pub(crate) store: Store,
    seconds: Arc<AtomicU64>,
    folder: Option<TempDir>,
}

impl Bed {
    pub(crate) fn new(engine: Engine) -> Self {
        let seconds = Arc::new(AtomicU64::new(1000));
        match engine {
            Engine::Memory => {
                Self { store: Store::in_memory(clock(&seconds)).unwrap(), seconds, folder: None }
            }
            Engine::Embedded => {
                let folder = tempfile::tempdir().unwrap();
                let store = Store::open(&settings_in(&folder, &seconds)).unwrap();
                Self { store, seconds, folder: Some(folder) }
            }
        }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Closes the store and opens it again; in memory there is nothing to open again, and all stays.
    pub(crate) async fn restart(&mut self) {
        if let Some(folder) = &self.folder {
            self.store.close().await;
            self.store = Store::open(&settings_in(folder, &self.seconds)).unwrap();
        }
    }

    pub(crate) const fn is_durable(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Revision {
        self.try_put(Operation::put(key.to_owned(), value.to_owned())).await.unwrap()
    }

    pub(crate) async fn put_leased(&self, key: &str, value: &str, lease: Lease) -> Revision {
        self.try_put(Operation::put_leased(key.to_owned(), value.to_owned(), lease.id)).await.unwrap()
    }

    pub(crate) async fn delete(&self, key: &str) -> Revision {
        self.try_put(Operation::delete(key.to_owned())).await.unwrap()
    }

    pub(crate) async fn grant(&self, seconds: u64) -> Lease {
        let lease = Lease::lasting(Duration::from_secs(seconds));
        self.store.grant(lease).await.unwrap();
        lease
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        let reading = self.store.range(KeyRange::all(), None).await.unwrap();
        reading.records.iter().map(|record| text(&record.key)).collect()
    }

    pub(crate) async fn value(&self, key: &str) -> Option<String> {
        self.store.get(key.to_owned()).await.unwrap().map(|record| text(&record.value))
    }

    /// All events of a range from a revision on, as text.
    pub(crate) fn events(&self, range: KeyRange, from: Revision) -> Vec<String> {
        let mut watch = self.store.watch(range, from);
        let mut events = Vec::new();
        while let Some(changes) = watch.take().unwrap() {
            events.extend(changes.events.iter().map(|event| describe(changes.revision, event)));
        }
        events
    }

    async fn try_put(&self, operation: Operation) -> Result<Revision, StoreError> {
        Ok(self.store.commit(Transaction::of([operation])).await?.revision)
    }
}

pub(crate) fn describe(revision: Revision, event: &Event) -> String {
    match event {
        Event::Put(record) => format!("{revision} put {}={}", text(&record.key), text(&record.value)),
        Event::Delete { key } => format!("{revision} delete {}", text(key)),
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn system_settings(directory: std::path::PathBuf) -> EmbeddedSettings {
    EmbeddedSettings { directory, clock: Clock::system() }
}

fn settings_in(folder: &TempDir, seconds: &Arc<AtomicU64>) -> EmbeddedSettings {
    EmbeddedSettings { directory: folder.path().join("data"), clock: clock(seconds) }
}

fn clock(seconds: &Arc<AtomicU64>) -> Clock {
    let seconds = seconds.clone();
    Clock::from_fn(move || Duration::from_secs(seconds.load(Ordering::Relaxed)))
}
