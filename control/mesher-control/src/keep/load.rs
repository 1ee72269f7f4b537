//! Brings back what a store has kept.
//! It must not pass over a record that it cannot read: a registry that forgets is worse than one that does not start.

use mesher_config::Configuration;
use mesher_registry::{Key, Moment, Registry, Stored};
use mesher_rules::Book;
use mesher_store::{KeyRange, Record, Store};
use serde_json::Value;
use tracing::{info, warn};

use super::chain::{CHAIN, ROOT};
use super::edit::REGISTRY;
use crate::ControlError;

/// Records that are read at once.
const PAGE: usize = 1000;

/// What a store had beside the registry's records.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The records of access control.
    pub(crate) access: Vec<(String, Value)>,
    pub(crate) configuration: Configuration,
    pub(crate) rules: Book,
    /// Number of the last change.
    pub(crate) last_link: u64,
}

/// Fills the registry from the store, each instance under one full lease. Page by page: all records at once, as they are
/// in the store, would need as much memory again, and the process would keep it.
pub(crate) async fn load(
    store: &Store,
    registry: &mut Registry,
    now: Moment,
) -> Result<Loaded, ControlError> {
    let (mut loaded, mut count) = (Loaded::default(), 0);
    for mut rest in services_first() {
        loop {
            let page = store.range(rest.clone(), Some(PAGE)).await?.records;
            let Some(last) = page.last() else { break };
            rest.start = [&last.key[..], &[0]].concat().into();
            for record in &page {
                take(record, &mut loaded, (registry, now))?;
            }
            count += page.len();
        }
    }
    loaded.configuration.begin_life();
    info!(records = count, instances = registry.instance_count(), "the registry is loaded");
    Ok(loaded)
}

/// Everything that is kept, in three ranges: a service has to be there before what hangs on it.
pub(super) fn services_first() -> [KeyRange; 3] {
    let all = KeyRange::prefix(ROOT);
    let services = KeyRange::prefix(format!("{ROOT}{REGISTRY}services/"));
    let before = KeyRange { start: all.start, end: Some(services.start.clone()) };
    // A prefix of text always has an end.
    let after = KeyRange { start: services.end.clone().unwrap_or_default(), end: all.end };
    [services, before, after]
}

fn take(
    record: &Record,
    loaded: &mut Loaded,
    (registry, now): (&mut Registry, Moment),
) -> Result<(), ControlError> {
    let key = String::from_utf8_lossy(&record.key);
    let path = key.strip_prefix(ROOT).unwrap_or_default();
    let json = || serde_json::from_slice(&record.value).map_err(|error| bad(&key, &error.to_string()));
    if key == CHAIN {
        let number = std::str::from_utf8(&record.value).ok().and_then(|text| text.parse().ok());
        loaded.last_link = number.ok_or_else(|| bad(&key, "it is no number"))?;
    } else if let Some(path) = path.strip_prefix(REGISTRY) {
        let (key, value) = parse(path, &record.value)?;
        if !registry.restore(&key, Some(value), now) {
            warn!(key = key.to_path(), "a record without its service; it stays in the store");
        }
    } else if path.starts_with("access/") {
        loaded.access.push((path.to_owned(), json()?));
    } else if path.starts_with("config/") {
        let restored = loaded.configuration.restore(path, Some(json()?));
        restored.map_err(|error| bad(&key, &error.reason))?;
    } else if path.starts_with("rules/") {
        match loaded.rules.restore(path, Some(json()?)) {
            Ok(true) => {}
            Ok(false) => return Err(bad(&key, "its key is none of the rules'")),
            Err(error) => return Err(bad(&key, &error.to_string())),
        }
    } else {
        return Err(bad(&key, "this release knows no such kind of record"));
    }
    Ok(())
}

fn parse(path: &str, value: &[u8]) -> Result<(Key, Stored), ControlError> {
    let key = Key::parse(path).ok_or_else(|| bad(path, "its key is none of the registry's"))?;
    let value = Stored::parse(&key, value).map_err(|error| bad(path, &error.to_string()))?;
    Ok((key, value))
}

fn bad(key: &str, reason: &str) -> ControlError {
    ControlError::BadRecord { key: key.to_owned(), reason: reason.to_owned() }
}
