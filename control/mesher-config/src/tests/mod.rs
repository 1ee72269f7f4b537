//! Keys and values as their callers meet them, without HTTP.
//! They must give the time, and keep what a store would.

mod dimensions;
mod journal;
mod limits;
mod queries;
mod records;
mod revisions;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Configuration, Draft, Limits, Record, Tenant};

/// Seconds since 1970 at which every test happens.
const NOW: Duration = Duration::from_secs(1_700_000_000);

/// A draft of a key with a value, under labels written as `app=shop,service=pay`.
fn draft(key: &str, value: &str, labels: &str) -> Draft {
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    Draft {
        key: key.to_owned(),
        value: value.to_owned(),
        labels: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        status: "enabled".to_owned(),
        ..Draft::default()
    }
}

/// Makes a record of the default tenant.
fn create(configuration: &mut Configuration, key: &str, value: &str, labels: &str) -> Arc<Record> {
    configuration.keys_mut().create(Tenant::DEFAULT, draft(key, value, labels), NOW).unwrap()
}

/// A configuration with small limits.
fn small() -> Configuration {
    Configuration::new(Limits {
        records_of_project: 3,
        records: 4,
        bytes: 100,
        older_bytes: 40,
        older_of_record: 3,
        older_bytes_of_record: 20,
        domains: 2,
    })
}

/// What a store holds: the last value of each key.
#[derive(Default)]
struct Journal(std::collections::BTreeMap<String, Value>);

impl Journal {
    fn take(&mut self, configuration: &mut Configuration) {
        for edit in configuration.take_edits() {
            // A counter goes on beyond what is kept of it.
            if !edit.key.starts_with("config/revision/") {
                assert_eq!(self.0.get(&edit.key), edit.before.as_ref(), "{}", edit.key);
            }
            match edit.after {
                Some(value) => self.0.insert(edit.key, value),
                None => self.0.remove(&edit.key),
            };
        }
    }

    fn restored(&self) -> Configuration {
        let mut configuration = Configuration::default();
        for (key, value) in &self.0 {
            configuration.restore(key, Some(value.clone())).unwrap();
        }
        configuration.begin_life();
        configuration
    }
}

/// A record as a store holds it.
fn stored(key: &str) -> Value {
    json!({
        "key": key, "labels": {}, "value": "v", "value_type": "text", "status": "enabled", "priority": 0,
        "check": "", "create_revision": 1, "update_revision": 1, "create_time": 1, "update_time": 1,
    })
}
