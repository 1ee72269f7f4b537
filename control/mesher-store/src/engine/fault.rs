//! Why rows cannot be read or written.
//! It must not be a caller's mistake; those are answered before rows are touched.

use crate::StoreError;

/// A failure of the storage. Nothing of the write in which it came up stays visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The system did not read or write: a full disk, a broken one.
    Storage(String),
    /// What was read is not what was written.
    Damaged(String),
}

impl Fault {
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Storage(message) | Self::Damaged(message) => message,
        }
    }

    pub(crate) fn damaged(what: &str) -> Self {
        Self::Damaged(what.to_owned())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Storage(message) => Self::Unavailable(message),
            Fault::Damaged(message) => Self::Unavailable(format!("its file is damaged: {message}")),
        }
    }
}
