//! The keys of all tenants.
//! It must tell of every lasting change as an edit.

use serde_json::Value;

use crate::edit::{Edit, RestoreError};

/// Keys and values under labels.
#[derive(Debug, Default)]
pub struct Keys {
    edits: Vec<Edit>,
}

impl Keys {
    pub(crate) fn restore(&mut self, key: &str, _record: Option<Value>) -> Result<(), RestoreError> {
        Err(RestoreError::new(key, "no such kind of record"))
    }

    pub(crate) fn take_edits(&mut self) -> Vec<Edit> {
        std::mem::take(&mut self.edits)
    }
}
