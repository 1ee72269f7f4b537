//! Backups: one state of a store in one file, and a new store from it.
//! It must not begin to restore before the whole file is verified.
//!
//! Numbers are big-endian. A head of 64 bytes: magic (16), format of the rows (8), store (16), epoch (8), revision (8), count
//! of rows (8). The rows: number of the table (1), length of the key (4), length of the value (4), key, value. At the end the
//! SHA-1 of all before it (20): it finds damage, it does not prove who wrote the file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;

use sha1::{Digest, Sha1};

use crate::engine::{Fault, Medium, Rows, TABLES, Table, embedded};
use crate::meta::{self, Identity, State};
use crate::{Epoch, KeyRange, Revision, StoreError, StoreId};

const MAGIC: &[u8; 16] = b"mesher backup\r\n\0";
const CHECKSUM: usize = 20;
/// What is kept of a store besides what its head says. Not the history: a restored store is a new epoch.
const KEPT: [Table; 3] = [Table::Records, Table::Leases, Table::Attached];
/// The longest key or value that is read back, in bytes: no backup has longer ones.
const LENGTH_LIMIT: u32 = 8 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The store that was backed up.
    pub id: StoreId,
    /// Its epoch: of a backup, when it was made; of a restored store, its new one.
    pub epoch: Epoch,
    /// The state.
    pub revision: Revision,
    /// How many rows: records, leases, and what belongs to leases.
    pub rows: u64,
}

/// Writes a backup into a new file.
pub(crate) fn backup(medium: &Medium, path: &Path) -> Result<SnapshotSummary, StoreError> {
    let folder = embedded::folder_of(path);
    let file = tempfile::NamedTempFile::new_in(folder).map_err(StoreError::system("write in", folder))?;
    let mut sink = BufWriter::new(file);
    let summary = write(medium, &mut sink, path)?;
    let file = sink.into_inner().map_err(|error| StoreError::system("write", path)(error.into_error()))?;
    file.as_file().sync_all().map_err(StoreError::system("make durable", path))?;
    file.persist_noclobber(path).map_err(|error| StoreError::system("write", path)(error.error))?;
    embedded::sync_directory(folder)?;
    Ok(summary)
}

/// Writes a backup into a sink, which messages call `name`.
pub(crate) fn write(
    medium: &Medium,
    sink: &mut impl Write,
    name: &Path,
) -> Result<SnapshotSummary, StoreError> {
    // A sink that fails is not the storage's fault: its error is carried around the reading.
    let mut failed = None;
    let written = medium.read(|rows| {
        let summary = summarize(rows)?;
        let mut hashing = Hashing::new(&mut *sink);
        let sent = write_head(&mut hashing, &summary)
            .map_err(SendError::Sink)
            .and_then(|()| write_rows(&mut hashing, rows))
            .and_then(|()| hashing.finish().map_err(SendError::Sink));
        match sent {
            Ok(()) => Ok(summary),
            Err(SendError::Rows(fault)) => Err(fault),
            Err(SendError::Sink(error)) => {
                failed = Some(error);
                Ok(summary)
            }
        }
    })?;
    failed.map_or(Ok(written), |error| Err(StoreError::system("write", name)(error)))
}

/// Makes a store in an empty directory from a backup. It has the records and revisions of the backup, and a new epoch.
/// Blocks.
///
/// # Errors
/// When the backup is not whole or of a newer format, when the directory is not empty or not safe, and when the system
/// refuses. The directory holds no store then.
pub fn restore(backup: &Path, directory: &Path) -> Result<SnapshotSummary, StoreError> {
    let bad = |reason: String| StoreError::BadSnapshot { path: backup.to_owned(), reason };
    let open = || File::open(backup).map(BufReader::new).map_err(StoreError::system("read", backup));
    let (format, found) = verify(&mut open()?).map_err(|error| bad(explain(&error)))?;
    if format != meta::FORMAT {
        return Err(StoreError::NewerFormat { path: backup.to_owned(), found: format, known: meta::FORMAT });
    }
    let identity = Identity { id: found.id, epoch: Epoch::random() };
    // What led to the state is not there, so a watch may begin after it only.
    let state = State { revision: found.revision, compacted: found.revision.next() };
    let mut source = Hashing::new(open()?);
    embedded::restore(directory, |tables| {
        let unreadable = |error: io::Error| Fault::Storage(format!("the backup: {}", explain(&error)));
        let (_, summary) = read_head(&mut source).map_err(unreadable)?;
        for _ in 0..summary.rows {
            let (table, key, value) = read_row(&mut source).map_err(unreadable)?;
            tables.put(table, &key, &value)?;
        }
        // Once more: the file may have changed since it was verified.
        source.check_end().map_err(unreadable)?;
        meta::write(tables, identity, state)
    })?;
    Ok(SnapshotSummary { epoch: identity.epoch, ..found })
}

enum SendError {
    Rows(Fault),
    Sink(io::Error),
}

fn summarize(rows: &dyn Rows) -> Result<SnapshotSummary, Fault> {
    let Identity { id, epoch } = Identity::read(rows)?;
    let mut count = 0;
    for table in KEPT {
        count += rows.count(table)?;
    }
    Ok(SnapshotSummary { id, epoch, revision: State::read(rows)?.revision, rows: count })
}

fn write_head(sink: &mut impl Write, summary: &SnapshotSummary) -> io::Result<()> {
    sink.write_all(MAGIC)?;
    sink.write_all(&meta::FORMAT.to_be_bytes())?;
    sink.write_all(&summary.id.0)?;
    for number in [summary.epoch.0, summary.revision.0, summary.rows] {
        sink.write_all(&number.to_be_bytes())?;
    }
    Ok(())
}

fn write_rows(sink: &mut impl Write, rows: &dyn Rows) -> Result<(), SendError> {
    for table in KEPT {
        let mut failed = None;
        rows.scan(table, &KeyRange::all(), &mut |key, value| match write_row(sink, table, key, value) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => {
                failed = Some(error);
                Ok(ControlFlow::Break(()))
            }
        })
        .map_err(SendError::Rows)?;
        if let Some(error) = failed {
            return Err(SendError::Sink(error));
        }
    }
    Ok(())
}

fn write_row(sink: &mut impl Write, table: Table, key: &[u8], value: &[u8]) -> io::Result<()> {
    sink.write_all(&[table as u8])?;
    for bytes in [key, value] {
        let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a row is too long"))?;
        sink.write_all(&length.to_be_bytes())?;
    }
    sink.write_all(key)?;
    sink.write_all(value)
}

/// Reads all of a backup, and takes nothing of it but the head.
fn verify(source: &mut impl Read) -> io::Result<(u64, SnapshotSummary)> {
    let mut source = Hashing::new(source);
    let (format, summary) = read_head(&mut source)?;
    // Rows of another format may be written otherwise; the number is the message then.
    if format == meta::FORMAT {
        for _ in 0..summary.rows {
            read_row(&mut source)?;
        }
        source.check_end()?;
    }
    Ok((format, summary))
}

fn read_head(source: &mut impl Read) -> io::Result<(u64, SnapshotSummary)> {
    if read_array(source)? != *MAGIC {
        return Err(invalid("it does not begin as a backup does"));
    }
    let format = read_number(source)?;
    let id = StoreId(read_array(source)?);
    let (epoch, revision) = (Epoch(read_number(source)?), Revision(read_number(source)?));
    Ok((format, SnapshotSummary { id, epoch, revision, rows: read_number(source)? }))
}

fn read_row(source: &mut impl Read) -> io::Result<(Table, Vec<u8>, Vec<u8>)> {
    let [number] = read_array(source)?;
    let table = TABLES.get(usize::from(number)).filter(|table| KEPT.contains(table));
    let table = *table.ok_or_else(|| invalid("a row belongs to no table"))?;
    let lengths = [u32::from_be_bytes(read_array(source)?), u32::from_be_bytes(read_array(source)?)];
    if lengths.iter().any(|length| *length > LENGTH_LIMIT) {
        return Err(invalid("a row is longer than any"));
    }
    let [key, value] = lengths.map(|length| vec![0; length as usize]);
    let (mut key, mut value) = (key, value);
    source.read_exact(&mut key)?;
    source.read_exact(&mut value)?;
    Ok((table, key, value))
}

fn read_number(source: &mut impl Read) -> io::Result<u64> {
    read_array(source).map(u64::from_be_bytes)
}

fn read_array<const LENGTH: usize>(source: &mut impl Read) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
        _ => error.to_string(),
    }
}

/// Counts all that passes into a checksum.
struct Hashing<T> {
    inner: T,
    hash: Sha1,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha1::new() }
    }
}

impl<W: Write> Hashing<W> {
    fn finish(mut self) -> io::Result<()> {
        let checksum: [u8; CHECKSUM] = self.hash.finalize().into();
        self.inner.write_all(&checksum)?;
        self.inner.flush()
    }
}

impl<R: Read> Hashing<R> {
    fn check_end(mut self) -> io::Result<()> {
        let stated: [u8; CHECKSUM] = read_array(&mut self.inner)?;
        let counted: [u8; CHECKSUM] = self.hash.finalize().into();
        if stated != counted {
            return Err(invalid("its checksum does not fit"));
        }
        match self.inner.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(invalid("more follows its end")),
        }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hash.update(&bytes[..read]);
        Ok(read)
    }
}
