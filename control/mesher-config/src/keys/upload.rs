//! Many records at once, with one word for what happens where a record is there already.
//! It must tell for each record what became of it.

use std::sync::Arc;
use std::time::Duration;

use super::draft::{Draft, Patch};
use super::record::Record;
use super::store::Keys;
use super::write::id_of;
use crate::{ConfigError, Tenant};

/// What happens where a record is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// It gets the new value, and the new status where there is one.
    Force,
    /// It stays, and nothing that follows is taken.
    Abort,
    /// It stays.
    Skip,
}

impl Override {
    /// The word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "force" => Some(Self::Force),
            "abort" => Some(Self::Abort),
            "skip" => Some(Self::Skip),
            _ => None,
        }
    }
}

/// A record that was not taken, and why.
#[derive(Debug)]
pub struct NotUploaded {
    /// The record as it was sent.
    pub draft: Draft,
    /// Why.
    pub error: ConfigError,
}

/// What became of an upload.
#[derive(Debug, Default)]
pub struct Uploaded {
    /// Those that were taken.
    pub success: Vec<Arc<Record>>,
    /// Those that were not.
    pub failure: Vec<NotUploaded>,
}

impl Keys {
    /// Takes each of `drafts` for itself.
    pub fn upload(
        &mut self,
        tenant: Tenant<'_>,
        drafts: Vec<Draft>,
        choice: Override,
        now: Duration,
    ) -> Uploaded {
        let (mut uploaded, mut is_stopped) = (Uploaded::default(), false);
        for draft in drafts {
            let outcome = if is_stopped {
                Err(ConfigError::Stopped)
            } else {
                self.upload_one(tenant, draft.clone(), choice, now)
            };
            match outcome {
                Ok(record) => uploaded.success.push(record),
                Err(error) => {
                    is_stopped |= error == ConfigError::Stopped;
                    uploaded.failure.push(NotUploaded { draft, error });
                }
            }
        }
        uploaded
    }

    fn upload_one(
        &mut self,
        tenant: Tenant<'_>,
        draft: Draft,
        choice: Override,
        now: Duration,
    ) -> Result<Arc<Record>, ConfigError> {
        let patch = Patch { value: draft.value.clone(), status: draft.status.clone() };
        let checked = draft.check()?;
        let id = id_of(tenant, &checked.key, &checked.labels);
        match (self.record(tenant, &id).is_some(), choice) {
            (false, _) => self.make(tenant, checked, now),
            (true, Override::Force) => self.update(tenant, &id, patch, now),
            (true, Override::Abort) => Err(ConfigError::Stopped),
            (true, Override::Skip) => Err(ConfigError::Skipped),
        }
    }
}
