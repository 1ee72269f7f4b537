//! redb, opened with every check it has, and its panics contained.
//! It must not open a file that redb has not verified page by page.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Builder, Database, TableDefinition, WriteTransaction};

use super::disk::{Backend, Device, Disk};
use crate::engine::Fault;

/// What redb may keep of the file in memory, in bytes. The control plane reads from its own memory; this serves writes.
/// What it does not hold the system's cache has.
const CACHE_BYTES: usize = 16 << 20;

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// In the order of `TABLES`.
pub(super) const DEFINITIONS: [Definition; crate::engine::TABLES.len()] = [
    TableDefinition::new("meta"),
    TableDefinition::new("records"),
    TableDefinition::new("history"),
    TableDefinition::new("leases"),
    TableDefinition::new("attached"),
];

/// Opens what is on the device and verifies the checksum of every page.
pub(super) fn open(device: &dyn Device) -> Result<Database, Fault> {
    let disk = device.open().map_err(storage)?;
    // redb would take an empty file for a wish to have a new database.
    if disk.len().map_err(storage)? == 0 {
        return Err(Fault::damaged("it is empty"));
    }
    build(disk)
}

/// Opens a database, or makes one on an empty disk; its first write makes the tables.
pub(super) fn build(disk: Box<dyn Disk>) -> Result<Database, Fault> {
    contain(|| {
        Builder::new()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create_with_backend(Backend(disk))
            .map_err(fault)
    })
}

/// A write that becomes durable in two steps. With one step, redb takes the last commit for torn when its header does not
/// verify, and goes back to the one before: a flipped bit would undo what was acknowledged without a word.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut transaction = database.begin_write().map_err(fault)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Runs what may panic within redb when a file is damaged in a way that its checks did not see.
pub(super) fn contain<R>(work: impl FnOnce() -> Result<R, Fault>) -> Result<R, Fault> {
    // What the closure borrows is thrown away after a panic: the transaction is gone, the database is opened anew.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Fault::Damaged(format!("redb panicked: {message}")))
    })
}

/// Lets go of a database; a failed one may panic as it goes.
pub(super) fn release(database: Database) {
    let released = contain(|| database.close().map_err(fault));
    if let Err(fault) = released {
        tracing::warn!(
            event = "store_not_closed_cleanly",
            reason = fault.message(),
            "the next start verifies it"
        );
    }
}

pub(super) fn fault(error: impl Into<redb::Error>) -> Fault {
    let error = error.into();
    match &error {
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. } => Fault::Damaged(error.to_string()),
        // Lengths and magic numbers that do not fit come as such errors.
        redb::Error::Io(io) if is_content(io.kind()) => Fault::Damaged(error.to_string()),
        _ => Fault::Storage(error.to_string()),
    }
}

fn is_content(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(kind, InvalidData | InvalidInput | UnexpectedEof)
}

fn storage(error: std::io::Error) -> Fault {
    Fault::Storage(error.to_string())
}
