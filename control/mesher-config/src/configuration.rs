//! The configuration of all tenants, each kind of record in its own part.
//! It must collect every lasting change, and must not know what a record means: its part does.

use serde_json::Value;

use crate::edit::{self, Edit, RestoreError};
use crate::keys::{Keys, Limits};

/// All configuration.
#[derive(Debug, Default)]
pub struct Configuration {
    keys: Keys,
}

impl Configuration {
    /// Nothing yet, and room for so much.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { keys: Keys::new(limits) }
    }

    /// Takes a record as it was stored, or takes one away. Also undoes an [`Edit`]: with its key and what was before.
    /// Collects no edit.
    ///
    /// # Errors
    /// [`RestoreError`] where the key or the record is none of the configuration's.
    pub fn restore(&mut self, key: &str, record: Option<Value>) -> Result<(), RestoreError> {
        match key.strip_prefix(edit::KEYS) {
            Some(path) => self.keys.restore(path, record).map_err(|reason| RestoreError::new(key, reason)),
            None => Err(RestoreError::new(key, "no such kind of record")),
        }
    }

    /// To be called once after all that was stored is restored, before the first call: what an earlier process told and
    /// did not keep must not be told again with another meaning.
    pub fn begin_life(&mut self) {
        self.keys.begin_life();
    }

    /// The lasting changes since the last call, in their order.
    #[must_use]
    pub fn take_edits(&mut self) -> Vec<Edit> {
        self.keys.take_edits()
    }

    /// Keys and values under labels.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Keys and values under labels, to be changed.
    pub const fn keys_mut(&mut self) -> &mut Keys {
        &mut self.keys
    }
}
