//! The database in use: reads beside writes, and what happens after a failure.
//! After a failure it must not write before the file was opened anew, verified, and cleared of what failed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use redb::{Database, ReadableDatabase};

use super::database::{self, begin, contain, fault};
use super::directory::Directory;
use super::disk::Device;
use super::rows::{Former, Seen, Writing};
use crate::engine::{Fault, Rows, Table, Tables};
use crate::{Clock, encoding};

/// How long nothing is tried after a failure: opening and verifying cost as much as the file is long.
const PAUSE: Duration = Duration::from_secs(1);
/// Where the number of the last write stands.
const SERIAL: &[u8] = b"serial";

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

/// What is known of writes. Only the writer takes it.
#[derive(Debug)]
struct Writes {
    /// The number of the last write that was acknowledged.
    serial: u64,
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
        let serial = contain(|| read_serial(&Seen(database.begin_read().map_err(fault)?)))?;
        let writes = Writes { serial, failed: Vec::new(), pause_until: None, is_closed: false };
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
        let serial = writes.serial + 1;
        let mut formers = Vec::new();
        let written = contain(|| {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            write_once(database.as_ref().ok_or_else(not_open)?, serial, &mut formers, work)
        });
        match &written {
            Ok(_) => writes.serial = serial,
            Err(fault) => {
                let path = self.device.path().display();
                tracing::error!(event = "store_write_failed", %path, reason = fault.message(), "nothing of it stays");
                writes.failed = formers;
                self.release();
                // At once, so that reads go on. Where it fails, the next write tries again.
                let _ = self.reopen(&mut writes);
                writes.pause_until = Some(self.clock.now() + PAUSE);
            }
        }
        written
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
        std::fs::metadata(self.device.path()).map_or(0, |metadata| metadata.len())
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

fn write_once<R>(
    database: &Database,
    serial: u64,
    formers: &mut Vec<Former>,
    work: impl FnOnce(&mut dyn Tables) -> Result<R, Fault>,
) -> Result<R, Fault> {
    let transaction = begin(database)?;
    let result = {
        let mut tables = Writing::open(&transaction, formers)?;
        tables.put(Table::Meta, SERIAL, &serial.to_be_bytes())?;
        work(&mut tables)?
    };
    transaction.commit().map_err(fault)?;
    Ok(result)
}

/// Puts back the rows that the failed write changed, last first. Its callers were told that it failed, so it must not
/// come to light, whether or not its commit got through.
fn take_back(database: &Database, writes: &Writes) -> Result<(), Fault> {
    let found = read_serial(&Seen(database.begin_read().map_err(fault)?))?;
    if found == writes.serial {
        return Ok(());
    }
    if found != writes.serial + 1 || writes.failed.is_empty() {
        let message = format!("write {} was acknowledged, and write {found} is the last one", writes.serial);
        return Err(Fault::Damaged(message));
    }
    let transaction = begin(database)?;
    {
        let mut notes = Vec::new();
        let mut tables = Writing::open(&transaction, &mut notes)?;
        for former in writes.failed.iter().rev() {
            match &former.value {
                Some(value) => tables.put(former.table, &former.key, value)?,
                None => tables.delete(former.table, &former.key)?,
            }
        }
    }
    transaction.commit().map_err(fault)
}

fn read_serial(rows: &dyn Rows) -> Result<u64, Fault> {
    let Some(row) = rows.row(Table::Meta, SERIAL)? else { return Ok(0) };
    encoding::decode_number(&row).ok_or_else(|| Fault::damaged("the number of the last write"))
}

fn not_open() -> Fault {
    Fault::Storage("its file is not open".to_owned())
}
