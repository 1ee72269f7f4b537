//! The answer of a batch look-up, read item by item.
//! It must let one instance that cannot be read cost nothing but itself.

use mesher_model::Instance;
use mesher_model::query::{BatchFindResult, FindFailed, FindResult};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ClientError;

/// What a batch look-up found.
#[derive(Debug, Clone, Default)]
pub struct FoundInstances {
    /// All that could be read.
    pub result: BatchFindResult,
    /// Instances, or whole services, that could not.
    pub unreadable: usize,
}

/// The body of the answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    services: Option<Services>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Services {
    updated: Vec<Item<Updated>>,
    not_modified: Vec<i64>,
    failed: Vec<Item<FindFailed>>,
}

#[derive(Debug, Deserialize)]
struct Updated {
    index: i64,
    #[serde(default)]
    rev: String,
    // Original registries leave an empty set out. Null is no set.
    #[serde(default)]
    instances: Vec<Item<Instance>>,
}

/// An item of a list, whatever it is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Item<T> {
    Good(T),
    Bad(IgnoredAny),
}

impl Answer {
    /// All that can be read. An answer that says nothing of services is none: some were asked for.
    pub(crate) fn read(self) -> Result<FoundInstances, ClientError> {
        let services = self.services.ok_or_else(|| ClientError::Garbage {
            address: String::new(),
            status: 200,
            reason: "it says nothing of the services that were asked for".to_owned(),
        })?;
        let mut unreadable = 0;
        let mut updated = Vec::new();
        for Updated { index, rev, instances } in good(services.updated, &mut unreadable) {
            updated.push(FindResult { index, rev, instances: good(instances, &mut unreadable) });
        }
        let failed = good(services.failed, &mut unreadable);
        let result = BatchFindResult { updated, not_modified: services.not_modified, failed };
        Ok(FoundInstances { result, unreadable })
    }
}

fn good<T>(items: Vec<Item<T>>, unreadable: &mut usize) -> Vec<T> {
    let count = items.len();
    let good: Vec<T> = items
        .into_iter()
        .filter_map(|item| match item {
            Item::Good(item) => Some(item),
            Item::Bad(_) => None,
        })
        .collect();
    *unreadable += count - good.len();
    good
}
