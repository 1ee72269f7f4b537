//! The journal of record: one key-value contract with revisions, leases and watches, its engines, and backups.
//! It must not know what the keys and values mean; those who write them do.

mod apply;
mod clock;
mod encoding;
mod engine;
mod error;
mod history;
mod key;
mod lease;
mod meta;
mod names;
mod pending;
mod record;
mod snapshot;
mod store;
mod transaction;
mod watch;
mod writer;

pub use clock::Clock;
pub use engine::embedded::EmbeddedSettings;
pub use error::StoreError;
pub use key::KeyRange;
pub use names::{Epoch, LeaseId, Revision, StoreId};
pub use pending::Pending;
pub use record::{Changes, Event, Record};
pub use snapshot::{SnapshotSummary, restore};
pub use store::{Lease, Reading, Status, Store};
pub use transaction::{Committed, Compare, Condition, Operation, Transaction};
pub use watch::{Watch, WatchError};
