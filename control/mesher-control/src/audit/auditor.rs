//! Takes the records of changes, and writes each to the file, or to the log where there is no file.
//! It must not lose a record without saying so, and must not end the service because a disk is full.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tracing::{error, info};

use super::file::AuditFile;
use super::{Origin, Record};
use crate::keep::Edit;
use crate::{Clock, ControlError};

/// Where records go.
#[derive(Debug)]
pub(crate) struct Auditor {
    file: Option<Mutex<AuditFile>>,
    clock: Clock,
}

impl Auditor {
    /// Writes to `audit.jsonl` in `folder`, or to the log without one.
    ///
    /// # Errors
    /// [`ControlError::Audit`] where the file cannot be written: whoever chose the folder is to blame.
    pub(crate) fn open(folder: Option<&Path>, clock: Clock) -> Result<Self, ControlError> {
        let file = folder.map(|folder| {
            AuditFile::open(folder)
                .map_err(|source| ControlError::Audit { folder: folder.to_owned(), source })
        });
        Ok(Self { file: file.transpose()?.map(Mutex::new), clock })
    }

    /// Writes down what was edited, and by whom.
    pub(crate) fn tell(&self, edits: &[Edit], origin: &Origin) {
        for edit in edits.iter().filter(|edit| edit.is_asked_for()) {
            self.take(&Record::of(edit, origin.clone()));
        }
    }

    /// Writes a record down, before the request that caused it is answered.
    pub(crate) fn take(&self, record: &Record) {
        let line = record.to_line(self.clock.now().unix);
        let Some(file) = &self.file else {
            info!(record = line, "audit");
            return;
        };
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).append(&line);
        if let Err(error) = written {
            error!(%error, record = line, "the audit file cannot be written; the record stands here only");
        }
    }
}
