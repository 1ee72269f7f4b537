//! Why the store cannot do what it was asked.
//! It must not leave a reader without a remedy where there is one.

use std::io;
use std::path::PathBuf;

use crate::{LeaseId, Revision};

/// A failure of a call of the store, or of opening one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The caller asked for what no store would do.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is no such lease, or it is about to end.
    #[error("there is no lease {0}")]
    LeaseNotFound(LeaseId),
    /// The caller chose an id that a lease already has.
    #[error("there is a lease {0} already")]
    LeaseExists(LeaseId),
    /// What the caller asks for was compacted before.
    #[error("the history up to revision {compacted} was compacted")]
    Compacted {
        /// The first revision of which the history is left.
        compacted: Revision,
    },
    /// The store has not come that far.
    #[error("revision {asked} has not come: the store has {current}")]
    FutureRevision {
        /// What was asked for.
        asked: Revision,
        /// The newest one.
        current: Revision,
    },
    /// More is waiting than the store will hold. Nothing was written; it may be tried again later.
    #[error("too much waits to be written")]
    Overloaded,
    /// The storage failed. Nothing was written as far as this process goes: no reader and no watcher will see it. Where
    /// the process ends before the storage is well again, the next one may find it written. Tried again, it may work:
    /// the store opens its file anew and verifies it before it writes.
    #[error("the store cannot write: {0}")]
    Unavailable(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Another process has the directory.
    #[error("{} is in use by process {holder}; a store has one process only", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its process id, as it wrote it down itself.
        holder: String,
    },
    /// The file was written by a newer Mesher.
    #[error(
        "{} has format {found}, and this version reads up to format {known}: use the version that wrote it, or restore a \
         backup of this one", path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that this version knows.
        known: u64,
    },
    /// The file does not hold what was written.
    #[error("{} is damaged ({reason}): move it away and restore from backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// Somebody else could change the store's files, or somebody else's would be used.
    #[error("{} is not safe: {reason}; {remedy}", path.display())]
    Unsafe {
        /// What was looked at.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
        /// What mends it.
        remedy: String,
    },
    /// A backup is restored into an empty directory only.
    #[error("{} is not empty: restore into a new directory, then start with that one", .0.display())]
    NotEmpty(PathBuf),
    /// The backup is not whole, or none at all.
    #[error("{} is no backup that can be restored: {reason}", path.display())]
    BadSnapshot {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    pub(crate) fn system(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { action, path, source }
    }
}
