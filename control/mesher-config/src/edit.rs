//! Every lasting change as a value of a key before and after, for whoever keeps them.
//! It must not hold what does not last: who waits, and who asked when, are gone with the process.

use serde_json::Value;

/// What the keys of kie's records begin with.
pub(crate) const KEYS: &str = "config/";

/// One lasting change. `None` stands for "not there".
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Which record. Its first part says whose it is.
    pub key: String,
    /// The record before.
    pub before: Option<Value>,
    /// The record after.
    pub after: Option<Value>,
}

/// A stored record that cannot be read. Whoever wrote the store is to blame.
#[derive(Debug, thiserror::Error)]
#[error("the record {key} is none of the configuration's: {reason}")]
pub struct RestoreError {
    /// Its key.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl RestoreError {
    pub(crate) fn new(key: &str, reason: impl ToString) -> Self {
        Self { key: key.to_owned(), reason: reason.to_string() }
    }
}
