//! Every lasting change as a value of a key before and after, for whoever keeps them.
//! It must not hold what does not last: who waits, and who asked when, are gone with the process.

use serde_json::Value;

use crate::{Labels, Tenant};

/// What the keys of all that belongs to keys and values begin with.
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

impl Edit {
    /// Whether it is what somebody asked for; everything else follows from such an edit: counters, and older versions.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        !crate::keys::is_bookkeeping(&self.key)
    }

    /// Whose record it is of, and under which labels that stands; `None` for what nobody asked for.
    #[must_use]
    pub fn subject(&self) -> Option<(Tenant<'_>, Labels)> {
        let tenant = crate::keys::tenant_of_record(&self.key)?;
        let labels = self.after.as_ref().or(self.before.as_ref())?.get("labels").cloned().unwrap_or_default();
        // A record without labels has none of this name.
        Some((tenant, serde_json::from_value(labels).unwrap_or_default()))
    }

    /// About how many bytes it takes beyond a few hundred: values are what can be large.
    #[must_use]
    pub fn weight(&self) -> usize {
        let text = self.after.as_ref().and_then(|record| record.get("value")).and_then(Value::as_str);
        text.map_or(0, str::len)
    }
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
