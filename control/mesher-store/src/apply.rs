//! What transactions and leases mean, in rows: the same on every engine.
//! It must not be seen by anybody before the rows are durable.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::encoding::{decode_number, decode_record, encode_changes, encode_record};
use crate::engine::{Fault, Rows, Table, Tables};
use crate::meta::State;
use crate::{
    Changes, Committed, Compare, Condition, Event, KeyRange, LeaseId, Operation, Record, Revision,
    StoreError, Transaction,
};

/// What became of one request: an answer for its caller, or a fault that ends the whole write.
pub(crate) type Outcome = Result<Result<Committed, StoreError>, Fault>;

/// One write: requests one after the other, each seeing what came before.
pub(crate) struct Step<'t> {
    tables: &'t mut dyn Tables,
    pub(crate) state: State,
    pub(crate) changes: Vec<Arc<Changes>>,
}

impl<'t> Step<'t> {
    pub(crate) fn new(tables: &'t mut dyn Tables, state: State) -> Self {
        Self { tables, state, changes: Vec::new() }
    }

    pub(crate) fn commit(&mut self, transaction: &Transaction) -> Outcome {
        let succeeded = self.all_hold(&transaction.compare)?;
        let branch = if succeeded { &transaction.then } else { &transaction.otherwise };
        if let Some(missing) = self.find_missing_lease(branch)? {
            return Ok(Err(StoreError::LeaseNotFound(missing)));
        }
        let revision = self.state.revision.next();
        let mut events = Vec::new();
        for operation in branch {
            match operation {
                Operation::Put { key, value, lease } => {
                    events.push(self.put(revision, key, value, *lease)?);
                }
                Operation::Delete(range) => {
                    for key in self.rows().keys(Table::Records, range)? {
                        events.push(self.delete(&key)?);
                    }
                }
            }
        }
        Ok(Ok(Committed { revision: self.record(revision, events)?, succeeded }))
    }

    pub(crate) fn grant(&mut self, id: LeaseId, seconds: u64) -> Outcome {
        let row = id.0.to_be_bytes();
        if self.tables.row(Table::Leases, &row)?.is_some() {
            return Ok(Err(StoreError::LeaseExists(id)));
        }
        self.tables.put(Table::Leases, &row, &seconds.to_be_bytes())?;
        Ok(Ok(Committed { revision: self.state.revision, succeeded: true }))
    }

    /// Ends a lease and deletes what belongs to it, in one revision.
    pub(crate) fn revoke(&mut self, id: LeaseId) -> Outcome {
        let row = id.0.to_be_bytes();
        if self.tables.row(Table::Leases, &row)?.is_none() {
            return Ok(Err(StoreError::LeaseNotFound(id)));
        }
        self.tables.delete(Table::Leases, &row)?;
        let attached = self.rows().keys(Table::Attached, &KeyRange::prefix(row.to_vec()))?;
        let revision = self.state.revision.next();
        let mut events = Vec::new();
        for entry in attached {
            events.push(self.delete(&entry[row.len()..])?);
        }
        Ok(Ok(Committed { revision: self.record(revision, events)?, succeeded: true }))
    }

    /// Lets go of the history before a revision, as a caller wishes.
    pub(crate) fn compact(&mut self, before: Revision) -> Outcome {
        if before > self.state.revision {
            return Ok(Err(StoreError::FutureRevision { asked: before, current: self.state.revision }));
        }
        if before <= self.state.compacted {
            return Ok(Err(StoreError::Compacted { compacted: self.state.compacted }));
        }
        self.forget(before)?;
        Ok(Ok(Committed { revision: self.state.revision, succeeded: true }))
    }

    /// Lets go of the history before a revision.
    pub(crate) fn forget(&mut self, before: Revision) -> Result<(), Fault> {
        if before <= self.state.compacted {
            return Ok(());
        }
        let range = KeyRange { start: Bytes::new(), end: Some(before.0.to_be_bytes().to_vec().into()) };
        for key in self.rows().keys(Table::History, &range)? {
            self.tables.delete(Table::History, &key)?;
        }
        self.state.compacted = before;
        Ok(())
    }

    /// Writes the state that all requests lead to.
    pub(crate) fn finish(self) -> Result<(State, Vec<Arc<Changes>>), Fault> {
        self.state.write(self.tables)?;
        Ok((self.state, self.changes))
    }

    fn all_hold(&self, compare: &[Compare]) -> Result<bool, Fault> {
        for Compare { key, condition } in compare {
            let record = read_record(self.rows(), key)?;
            let holds = match condition {
                Condition::Absent => record.is_none(),
                Condition::Present => record.is_some(),
                Condition::ModifiedIn(revision) => record.is_some_and(|record| record.modified == *revision),
                Condition::Value(value) => record.is_some_and(|record| record.value == *value),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn find_missing_lease(&self, operations: &[Operation]) -> Result<Option<LeaseId>, Fault> {
        for operation in operations {
            if let Operation::Put { lease: Some(lease), .. } = operation
                && self.tables.row(Table::Leases, &lease.0.to_be_bytes())?.is_none()
            {
                return Ok(Some(*lease));
            }
        }
        Ok(None)
    }

    fn put(
        &mut self,
        revision: Revision,
        key: &Bytes,
        value: &Bytes,
        lease: Option<LeaseId>,
    ) -> Result<Event, Fault> {
        let former = read_record(self.rows(), key)?;
        let former_lease = former.as_ref().and_then(|former| former.lease);
        if former_lease != lease {
            self.detach(former_lease, key)?;
            if let Some(lease) = lease {
                self.tables.put(Table::Attached, &attachment(lease, key), &[])?;
            }
        }
        let (created, version) = former.map_or((revision, 1), |former| (former.created, former.version + 1));
        let (key, value) = (key.clone(), value.clone());
        let record = Record { key, value, created, modified: revision, version, lease };
        self.tables.put(Table::Records, &record.key, &encode_record(&record))?;
        Ok(Event::Put(record))
    }

    fn delete(&mut self, key: &[u8]) -> Result<Event, Fault> {
        let lease = read_record(self.rows(), key)?.and_then(|record| record.lease);
        self.detach(lease, key)?;
        self.tables.delete(Table::Records, key)?;
        Ok(Event::Delete { key: Bytes::copy_from_slice(key) })
    }

    fn detach(&mut self, lease: Option<LeaseId>, key: &[u8]) -> Result<(), Fault> {
        match lease {
            Some(lease) => self.tables.delete(Table::Attached, &attachment(lease, key)),
            None => Ok(()),
        }
    }

    /// Notes what happened in `revision`. Where nothing did, there is no such revision.
    fn record(&mut self, revision: Revision, events: Vec<Event>) -> Result<Revision, Fault> {
        if events.is_empty() {
            return Ok(self.state.revision);
        }
        let changes = Changes { revision, events };
        self.tables.put(Table::History, &revision.0.to_be_bytes(), &encode_changes(&changes))?;
        self.changes.push(Arc::new(changes));
        self.state.revision = revision;
        Ok(revision)
    }

    fn rows(&self) -> &dyn Rows {
        self.tables
    }
}

fn attachment(lease: LeaseId, key: &[u8]) -> Vec<u8> {
    [&lease.0.to_be_bytes(), key].concat()
}

pub(crate) fn read_record(rows: &dyn Rows, key: &[u8]) -> Result<Option<Record>, Fault> {
    let Some(row) = rows.row(Table::Records, key)? else { return Ok(None) };
    decode_record(key, &row).map(Some).ok_or_else(|| Fault::damaged("a record"))
}

/// The records of a range, at most `limit`.
pub(crate) fn read_records(rows: &dyn Rows, range: &KeyRange, limit: usize) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    rows.scan(Table::Records, range, &mut |key, row| {
        if records.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        records.push(decode_record(key, row).ok_or_else(|| Fault::damaged("a record"))?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(records)
}

/// The history that is left, oldest first.
pub(crate) fn read_history(rows: &dyn Rows) -> Result<Vec<Changes>, Fault> {
    let mut history = Vec::new();
    rows.scan(Table::History, &KeyRange::all(), &mut |key, row| {
        let changes =
            decode_number(key).and_then(|number| crate::encoding::decode_changes(Revision(number), row));
        history.push(changes.ok_or_else(|| Fault::damaged("the history"))?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(history)
}

/// All leases, with their periods in seconds.
pub(crate) fn read_leases(rows: &dyn Rows) -> Result<Vec<(LeaseId, u64)>, Fault> {
    let mut leases = Vec::new();
    rows.scan(Table::Leases, &KeyRange::all(), &mut |key, row| {
        let lease = decode_number(key).map(LeaseId).zip(decode_number(row));
        leases.push(lease.ok_or_else(|| Fault::damaged("a lease"))?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(leases)
}
