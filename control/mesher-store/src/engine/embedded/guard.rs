//! The database in use: reads beside writes, and what happens after a failure.
//! After a failure it must not write before the file was opened anew, verified, and cleared of what failed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use redb::{CompactionError, Database, ReadableDatabase};

use super::database::{self, begin, contain, fault};
use super::directory::Directory;
use super::disk::Device;
use super::rows::{Former, Journal, Seen, Writing};
use crate::Clock;
use crate::engine::{Fault, Rows, Table, Tables};

/// How long nothing is tried after a failure: opening and verifying cost as much as the file is long.
const PAUSE: Duration = Duration::from_secs(1);
/// How much longer than twice its rows a file may be, in bytes, before it is made shorter.
const SLACK_BYTES: u64 = if cfg!(test) { 64 << 10 } else { 8 << 20 };
/// A file is made shorter again only after this many times its rows were written: that costs about as much as writing it.
const PATIENCE: u64 = 4;
/// Where it stands which write was the last one.
const LAST_WRITE: &[u8] = b"last-write";

/// A database on a device.
#[derive(Debug)]
pub(crate) struct Embedded {
    device: Arc<dyn Device>,
    clock: Clock,
    /// None while it is opened anew, and after it was closed.
    database: RwLock<Option<Database>>,
    writes: Mutex<Writes>,
    /// Held for as long as the database is open. Tests have devices without one.
    directory: Mutex<Option<Directory>>,
}

/// A write, as its own row tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LastWrite {
    /// Counts writes.
    serial: u64,
    /// The bytes of all rows after it.
    bytes: u64,
}

/// What is known of writes. Only the writer takes it.
#[derive(Debug)]
struct Writes {
    /// The last write that was acknowledged.
    last: LastWrite,
    /// The bytes that were written since the file was made shorter.
    since_tidied: u64,
    /// What the failed write had changed, in its order. It may have become durable nevertheless.
    failed: Vec<Former>,
    /// Until when nothing is tried.
    pause_until: Option<Duration>,
    is_closed: bool,
}

impl Embedded {
    /// Opens and verifies what is on the device.
    pub(super) fn open_device(
        device: Arc<dyn Device>,
        clock: Clock,
        directory: Option<Directory>,
    ) -> Result<Self, Fault> {
        let database = database::open(&*device)?;
        let last = contain(|| LastWrite::read(&Seen(database.begin_read().map_err(fault)?)))?;
        // It may be due at once: what was written before is not known.
        let since_tidied = u64::MAX;
        let writes = Writes { last, since_tidied, failed: Vec::new(), pause_until: None, is_closed: false };
        Ok(Self {
            device,
            clock,
            database: RwLock::new(Some(database)),
            writes: Mutex::new(writes),
            directory: Mutex::new(directory),
        })
    }

    pub(crate) fn read<R>(&self, work: impl FnOnce(&dyn Rows) -> Result<R, Fault>) -> Result<R, Fault> {
        contain(|| {
            let seen = {
                let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
                let database = database.as_ref().ok_or_else(not_open)?;
                Seen(database.begin_read().map_err(fault)?)
            };
            work(&seen)
        })
    }

    pub(crate) fn write<R>(
        &self,
        work: impl FnOnce(&mut dyn Tables) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let mut writes = self.writes();
        self.make_ready(&mut writes)?;
        let mut journal = Journal::default();
        let written = contain(|| {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            write_once(database.as_ref().ok_or_else(not_open)?, writes.last, &mut journal, work)
        });
        match written {
            Ok((last, result)) => {
                writes.last = last;
                writes.since_tidied = writes.since_tidied.saturating_add(journal.written);
                Ok(result)
            }
            Err(fault) => {
                self.recover(&mut writes, journal.formers, &fault);
                Err(fault)
            }
        }
    }

    /// Makes the file shorter when it is much longer than what is in it. Reads that begin meanwhile wait.
    pub(crate) fn tidy(&self) {
        let mut writes = self.writes();
        let bytes = writes.last.bytes;
        let is_due = writes.since_tidied > bytes.saturating_mul(PATIENCE);
        if !is_due || self.file_bytes() <= bytes.saturating_mul(2).saturating_add(SLACK_BYTES) {
            return;
        }
        let tidied = contain(|| {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            match database.as_mut().ok_or_else(not_open)?.compact() {
                Ok(_) => Ok(true),
                // A backup is being written, say. It is tried again after the next write.
                Err(CompactionError::TransactionInProgress) => Ok(false),
                Err(error) => Err(fault(error)),
            }
        });
        match tidied {
            Ok(true) => writes.since_tidied = 0,
            Ok(false) => {}
            Err(fault) => self.recover(&mut writes, Vec::new(), &fault),
        }
    }

    pub(crate) fn close(&self) {
        self.writes().is_closed = true;
        self.release();
        // Last: another process may come in from here on.
        drop(self.directory.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.device.path()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.database.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Tries to come back after a failure, unless it was just tried.
    pub(crate) fn heal(&self) {
        // What failed is in the log; it is tried again.
        let _ = self.make_ready(&mut self.writes());
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.device.len().unwrap_or(0)
    }

    /// Throws away the handle that failed, and tries to have a new one at once, so that reads go on. Where that fails, it
    /// is tried again later.
    fn recover(&self, writes: &mut Writes, failed: Vec<Former>, fault: &Fault) {
        let path = self.device.path().display();
        tracing::error!(event = "store_write_failed", %path, reason = fault.message(), "nothing of it stays");
        writes.failed = failed;
        self.release();
        let _ = self.reopen(writes);
        writes.pause_until = Some(self.clock.now() + PAUSE);
    }

    fn make_ready(&self, writes: &mut Writes) -> Result<(), Fault> {
        if writes.is_closed {
            return Err(not_open());
        }
        if writes.pause_until.is_some_and(|until| self.clock.now() < until) {
            return Err(Fault::Storage("it failed a moment ago and pauses".to_owned()));
        }
        writes.pause_until = None;
        if self.is_open() {
            return Ok(());
        }
        self.reopen(writes).inspect_err(|_| writes.pause_until = Some(self.clock.now() + PAUSE))
    }

    /// Opens the file anew, verifies all of it, and takes back what the failed write may have left.
    fn reopen(&self, writes: &mut Writes) -> Result<(), Fault> {
        let reopened = database::open(&*self.device).and_then(|database| {
            contain(|| take_back(&database, writes))?;
            Ok(database)
        });
        let path = self.device.path().display();
        match reopened {
            Ok(database) => {
                writes.failed.clear();
                *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
                tracing::info!(event = "store_reopened", %path, "verified; reads and writes go on");
                Ok(())
            }
            Err(fault) => {
                tracing::error!(event = "store_not_reopened", %path, reason = fault.message(), "tried again later");
                Err(fault)
            }
        }
    }

    fn release(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(database) = database {
            database::release(database);
        }
    }

    fn writes(&self) -> MutexGuard<'_, Writes> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastWrite {
    fn read(rows: &dyn Rows) -> Result<Self, Fault> {
        let Some(row) = rows.row(Table::Meta, LAST_WRITE)? else { return Ok(Self::default()) };
        let numbers =
            row.split_first_chunk().and_then(|(serial, bytes)| Some((*serial, bytes.try_into().ok()?)));
        let (serial, bytes) = numbers.ok_or_else(|| Fault::damaged("the number of the last write"))?;
        Ok(Self { serial: u64::from_be_bytes(serial), bytes: u64::from_be_bytes(bytes) })
    }

    /// Writes the row of the write that follows, once it has written all others.
    fn follow(self, tables: &mut Writing<'_>) -> Result<Self, Fault> {
        let bytes = (self.bytes + tables.journal.written).saturating_sub(tables.journal.freed);
        let next = Self { serial: self.serial + 1, bytes };
        let row = [next.serial.to_be_bytes(), next.bytes.to_be_bytes()].concat();
        tables.put(Table::Meta, LAST_WRITE, &row)?;
        Ok(next)
    }
}

/// The first write of a database.
pub(super) fn write_first(
    database: &Database,
    fill: impl FnOnce(&mut dyn Tables) -> Result<(), Fault>,
) -> Result<(), Fault> {
    write_once(database, LastWrite::default(), &mut Journal::default(), fill).map(|_| ())
}

fn write_once<R>(
    database: &Database,
    last: LastWrite,
    journal: &mut Journal,
    work: impl FnOnce(&mut dyn Tables) -> Result<R, Fault>,
) -> Result<(LastWrite, R), Fault> {
    let transaction = begin(database)?;
    let written = {
        let mut tables = Writing::open(&transaction, journal)?;
        let result = work(&mut tables)?;
        (last.follow(&mut tables)?, result)
    };
    transaction.commit().map_err(fault)?;
    Ok(written)
}

/// Puts back the rows that the failed write changed, last first. Its callers were told that it failed, so it must not
/// come to light, whether or not its commit got through.
fn take_back(database: &Database, writes: &Writes) -> Result<(), Fault> {
    let found = LastWrite::read(&Seen(database.begin_read().map_err(fault)?))?.serial;
    let acknowledged = writes.last.serial;
    if found == acknowledged {
        return Ok(());
    }
    if found != acknowledged + 1 || writes.failed.is_empty() {
        let message = format!("write {acknowledged} was acknowledged, and write {found} is the last one");
        return Err(Fault::Damaged(message));
    }
    let transaction = begin(database)?;
    {
        let mut journal = Journal::default();
        let mut tables = Writing::open(&transaction, &mut journal)?;
        for former in writes.failed.iter().rev() {
            match &former.value {
                Some(value) => tables.put(former.table, &former.key, value)?,
                None => tables.delete(former.table, &former.key)?,
            }
        }
    }
    transaction.commit().map_err(fault)
}

fn not_open() -> Fault {
    Fault::Storage("its file is not open".to_owned())
}
