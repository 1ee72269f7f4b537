//! What the store holds, and what it says of a change.
//! It must not be changed in place: a record is replaced by a newer one.

use bytes::Bytes;

use crate::{LeaseId, Revision};

/// A key with its value, as etcd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
    /// The revision in which the key came to be.
    pub created: Revision,
    /// The revision of the last put.
    pub modified: Revision,
    /// How often it was put since it came to be: 1 for a new one.
    pub version: u64,
    /// The lease with whose end it is deleted.
    pub lease: Option<LeaseId>,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The key was put. It is new where the record's version is 1.
    Put(Record),
    /// The key was deleted, by a transaction or with its lease.
    Delete {
        /// Which key.
        key: Bytes,
    },
}

impl Event {
    /// The key that changed.
    #[must_use]
    pub const fn key(&self) -> &Bytes {
        match self {
            Self::Put(record) => &record.key,
            Self::Delete { key } => key,
        }
    }
}

/// All changes of one transaction, in its order. At most one for each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The state that they lead to.
    pub revision: Revision,
    /// At least one.
    pub events: Vec<Event>,
}
