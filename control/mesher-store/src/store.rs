//! The handle of a store: the whole contract, whatever engine is behind it.
//! It must not block a runtime's worker: reads go to threads that may block, writes to the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::engine::{Fault, Medium, Rows, embedded};
use crate::history::History;
use crate::meta::{self, Identity, State};
use crate::writer::{self, Request, Shared, Task};
use crate::{
    Clock, EmbeddedSettings, Epoch, KeyRange, LeaseId, Pending, Record, Revision, SnapshotSummary,
    StoreError, StoreId, Transaction, Watch, apply, snapshot,
};

/// The most requests that wait for the writer.
const WAITING_LIMIT: usize = 8192;
/// The most bytes that wait for the writer. One request that is larger is taken when nothing else waits.
const WAITING_BYTES: usize = 64 << 20;
/// The longest period of a lease: a year.
const PERIOD_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// A store. Clones are the same store. It ends with its last handle, or by `close`.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: Identity,
    shared: Arc<Shared>,
    writer: SyncSender<Request>,
}

/// Records of one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which state; watching goes on with the next revision.
    pub revision: Revision,
    /// In the order of their keys.
    pub records: Vec<Record>,
}

/// A lease as it is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lasts without being kept alive: one second to a year, in whole seconds (rounded up).
    pub period: Duration,
}

impl Lease {
    /// A lease with an id of its own.
    #[must_use]
    pub fn lasting(period: Duration) -> Self {
        Self { id: LeaseId::random(), period }
    }
}

/// What a store says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Which store it is.
    pub id: StoreId,
    /// Which line of its history.
    pub epoch: Epoch,
    /// Its newest state.
    pub revision: Revision,
    /// The first revision whose history is left.
    pub compacted: Revision,
    /// How many leases there are.
    pub leases: usize,
    /// The bytes of its file; 0 in memory.
    pub file_bytes: u64,
    /// False while the storage is away: reads and writes fail, and it is tried again.
    pub is_open: bool,
}

impl Store {
    /// A store that ends with the process.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn in_memory(clock: Clock) -> Result<Self, StoreError> {
        let medium = Medium::Memory(Default::default());
        medium.write(|tables| meta::write(tables, Identity::random(), State::NEW))?;
        Self::start(medium, clock, Path::new("memory"))
    }

    /// Opens the store of a directory, or makes a new one there. Blocks, for as long as it takes to read and verify the
    /// whole file.
    ///
    /// # Errors
    /// When the directory is in use or not safe, when the file is damaged or newer than this version, and when the
    /// system refuses. Nothing was changed then.
    pub fn open(settings: &EmbeddedSettings) -> Result<Self, StoreError> {
        let medium = embedded::open(settings, |tables| meta::write(tables, Identity::random(), State::NEW))?;
        let path = medium.path().to_owned();
        Self::start(Medium::Embedded(medium), settings.clock.clone(), &path)
    }

    pub(crate) fn start(medium: Medium, clock: Clock, path: &Path) -> Result<Self, StoreError> {
        let found = medium.read(|rows| {
            let format = meta::read_format(rows)?;
            let known = format == meta::FORMAT;
            Ok(if known { Ok(Found::read(rows)?) } else { Err(format) })
        });
        let found = found
            .map_err(|fault| embedded::explain(fault, path))?
            .map_err(|found| StoreError::NewerFormat { path: path.to_owned(), found, known: meta::FORMAT })?;
        let Found { identity, history, leases } = found;
        let shared = Arc::new(Shared::new(medium, history, clock, leases));
        let (writer, receiver) = sync_channel(WAITING_LIMIT);
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&receiver, &of_thread))
            .map_err(StoreError::system("start the writer of", path))?;
        Ok(Self(Arc::new(Inner { identity, shared, writer })))
    }

    /// The record of a key.
    ///
    /// # Errors
    /// While the storage is away.
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<Record>, StoreError> {
        let key = key.into();
        self.read(move |rows| apply::read_record(rows, &key)).await
    }

    /// The records of a range in one state, at most `limit`.
    ///
    /// # Errors
    /// While the storage is away.
    pub async fn range(&self, range: KeyRange, limit: Option<usize>) -> Result<Reading, StoreError> {
        self.read(move |rows| {
            let records = apply::read_records(rows, &range, limit.unwrap_or(usize::MAX))?;
            Ok(Reading { revision: State::read(rows)?.revision, records })
        })
        .await
    }

    /// Hands a transaction to the writer. It is submitted when this returns, and transactions are committed in the order
    /// in which they were submitted, each in a revision of its own. The answer comes when it is durable.
    ///
    /// # Errors
    /// Through the answer. After any error nothing was written; see `StoreError::Unavailable` for what a later process
    /// may find.
    pub fn commit(&self, transaction: Transaction) -> Pending {
        match transaction.check() {
            Ok(()) => self.submit(Task::Commit(transaction)),
            Err(error) => Pending::failed(error),
        }
    }

    /// Grants a lease. Submitted like a transaction, so a transaction that is submitted next may use it already.
    ///
    /// # Errors
    /// Through the answer.
    pub fn grant(&self, lease: Lease) -> Pending {
        let Lease { id, period } = lease;
        if id.0 == 0 || id.0 > i64::MAX.unsigned_abs() {
            return Pending::failed(StoreError::Invalid("a lease has an id from 1 to 2^63 - 1"));
        }
        if period < Duration::from_secs(1) || period > PERIOD_LIMIT {
            return Pending::failed(StoreError::Invalid("a lease lasts from a second to a year"));
        }
        let seconds = period.as_secs() + u64::from(period.subsec_nanos() > 0);
        self.submit(Task::Grant(id, seconds))
    }

    /// Gives a lease another full period, which is returned. Nothing is written.
    ///
    /// # Errors
    /// When there is no such lease, or its end is being written.
    pub async fn keep_alive(&self, id: LeaseId) -> Result<Duration, StoreError> {
        let shared = &self.0.shared;
        shared.leases().keep_alive(id, shared.clock.now()).ok_or(StoreError::LeaseNotFound(id))
    }

    /// The period of a lease, and the time that is left of it.
    ///
    /// # Errors
    /// When there is no such lease.
    pub async fn time_to_live(&self, id: LeaseId) -> Result<(Duration, Duration), StoreError> {
        let shared = &self.0.shared;
        shared.leases().left(id, shared.clock.now()).ok_or(StoreError::LeaseNotFound(id))
    }

    /// Ends a lease and deletes what belongs to it.
    ///
    /// # Errors
    /// Through the answer.
    pub fn revoke(&self, id: LeaseId) -> Pending {
        self.submit(Task::Revoke(id))
    }

    /// Ends the leases whose time has come, without waiting for the writer to look by itself (every half second).
    ///
    /// # Errors
    /// Through the answer.
    pub fn expire(&self) -> Pending {
        self.submit(Task::Expire)
    }

    /// Changes of a range from a revision on.
    #[must_use]
    pub fn watch(&self, range: KeyRange, from: Revision) -> Watch {
        Watch::new(self.0.shared.history.clone(), range, from)
    }

    /// Lets go of the history before a revision. The store does so by itself beyond 10,000 transactions or 8 MiB.
    ///
    /// # Errors
    /// Through the answer.
    pub fn compact(&self, before: Revision) -> Pending {
        self.submit(Task::Compact(before))
    }

    /// What the store says of itself. Does not read the rows.
    #[must_use]
    pub fn status(&self) -> Status {
        let Inner { identity, shared, .. } = &*self.0;
        let State { revision, compacted } = shared.history.state();
        Status {
            id: identity.id,
            epoch: identity.epoch,
            revision,
            compacted,
            leases: shared.leases().count(),
            file_bytes: shared.medium.file_bytes(),
            is_open: shared.medium.is_open(),
        }
    }

    /// Writes a backup of one state into a new file, while everything goes on. The file gets its name when it is whole
    /// and durable.
    ///
    /// # Errors
    /// When the file exists, cannot be written, or the storage is away.
    pub async fn backup(&self, path: &Path) -> Result<SnapshotSummary, StoreError> {
        let (inner, path) = (self.0.clone(), path.to_owned());
        run_blocking(move || snapshot::backup(&inner.shared.medium, &path)).await
    }

    /// Writes a backup of one state into `sink`, and returns it. The last bytes are a checksum of all others: a backup
    /// that was cut off is refused when it is restored.
    ///
    /// # Errors
    /// When the sink fails or the storage is away.
    pub async fn write_backup<W: std::io::Write + Send + 'static>(
        &self,
        mut sink: W,
    ) -> Result<(SnapshotSummary, W), StoreError> {
        let inner = self.0.clone();
        run_blocking(move || {
            let summary = snapshot::write(&inner.shared.medium, &mut sink, Path::new("the sink"))?;
            Ok((summary, sink))
        })
        .await
    }

    /// Ends the store once what was submitted is written, and lets go of its directory. Other handles find it closed.
    pub async fn close(&self) {
        let (reply, closed) = Pending::new();
        let writer = self.0.writer.clone();
        // It may have to wait for a place in the queue. A writer that is gone already has closed the store.
        let sent = spawn_blocking(move || writer.send(Request { task: Task::Close, reply })).await;
        if matches!(sent, Ok(Ok(()))) {
            let _ = closed.await;
        }
    }

    fn submit(&self, task: Task) -> Pending {
        let (reply, pending) = Pending::new();
        let request = Request { task, reply };
        let bytes = request.bytes();
        let waiting = &self.0.shared.waiting;
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        let refused = if before > 0 && before + bytes > WAITING_BYTES {
            Some(StoreError::Overloaded)
        } else {
            self.0.writer.try_send(request).err().map(|refused| match refused {
                TrySendError::Full(_) => StoreError::Overloaded,
                TrySendError::Disconnected(_) => StoreError::Closed,
            })
        };
        let Some(error) = refused else { return pending };
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        Pending::failed(error)
    }

    async fn read<R: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Rows) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, StoreError> {
        let inner = self.0.clone();
        run_blocking(move || Ok(inner.shared.medium.read(work)?)).await
    }
}

/// What a store finds in its rows when it starts.
struct Found {
    identity: Identity,
    history: History,
    leases: Vec<(LeaseId, u64)>,
}

impl Found {
    fn read(rows: &dyn Rows) -> Result<Self, Fault> {
        let state = State::read(rows)?;
        let history = History::new(state, apply::read_history(rows)?);
        Ok(Self { identity: Identity::read(rows)?, history, leases: apply::read_leases(rows)? })
    }
}

async fn run_blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, StoreError> + Send + 'static,
) -> Result<R, StoreError> {
    // It does not come back when the runtime ends, or when it panicked.
    spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}
