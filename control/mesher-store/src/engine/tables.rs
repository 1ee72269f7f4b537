//! The rows that every engine keeps.
//! It must not grow: what an engine has to do is all here.

use std::ops::ControlFlow;

use super::Fault;
use crate::KeyRange;

/// A table of rows in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Format, identity and state of the store.
    Meta,
    /// Key to record.
    Records,
    /// Revision to changes.
    History,
    /// Lease to its time to live in seconds.
    Leases,
    /// Lease and key, without a value.
    Attached,
}

/// All tables; a table's place in it is its number in files.
pub(crate) const TABLES: [Table; 5] =
    [Table::Meta, Table::Records, Table::History, Table::Leases, Table::Attached];

/// Sees rows one after the other until it breaks off.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Fault> + 'a;

/// One consistent state of all tables.
pub(crate) trait Rows {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;
    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), Fault>;
    fn count(&self, table: Table) -> Result<u64, Fault>;
}

/// The same within a write: what was put is seen by what comes after.
pub(crate) trait Tables: Rows {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault>;
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault>;
}

impl dyn Rows + '_ {
    /// The keys of a range.
    pub(crate) fn keys(&self, table: Table, range: &KeyRange) -> Result<Vec<Vec<u8>>, Fault> {
        let mut keys = Vec::new();
        self.scan(table, range, &mut |key, _| {
            keys.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(keys)
    }
}
