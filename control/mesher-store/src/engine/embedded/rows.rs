//! redb's transactions as tables of rows.
//! It must not write without noting what was there: that is the way back.

use std::ops::ControlFlow;

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::database::{DEFINITIONS, fault};
use crate::KeyRange;
use crate::engine::{Fault, Rows, TABLES, Table, Tables, Visit};

type Open<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

/// A row as it was before a write.
#[derive(Debug)]
pub(super) struct Former {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// What a write did to the rows.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// In the order of the changes.
    pub(super) formers: Vec<Former>,
    /// The bytes of keys and values that were put.
    pub(super) written: u64,
    /// The bytes of those that were replaced or deleted.
    pub(super) freed: u64,
}

impl Journal {
    fn note(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        if let Some(value) = &value {
            self.freed += (key.len() + value.len()) as u64;
        }
        self.formers.push(Former { table, key: key.to_vec(), value });
    }
}

/// The tables of a write.
pub(super) struct Writing<'t> {
    tables: [Open<'t>; TABLES.len()],
    pub(super) journal: &'t mut Journal,
}

impl<'t> Writing<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, journal: &'t mut Journal) -> Result<Self, Fault> {
        let open = |place: usize| transaction.open_table(DEFINITIONS[place]).map_err(fault);
        Ok(Self { tables: [open(0)?, open(1)?, open(2)?, open(3)?, open(4)?], journal })
    }
}

impl Rows for Writing<'_> {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        row(&self.tables[table as usize], key)
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), Fault> {
        scan(&self.tables[table as usize], range, visit)
    }

    fn count(&self, table: Table) -> Result<u64, Fault> {
        self.tables[table as usize].len().map_err(fault)
    }
}

impl Tables for Writing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let former = self.tables[table as usize].insert(key, value).map_err(fault)?;
        self.journal.note(table, key, former.map(|former| former.value().to_vec()));
        self.journal.written += (key.len() + value.len()) as u64;
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault> {
        let former = self.tables[table as usize].remove(key).map_err(fault)?;
        self.journal.note(table, key, former.map(|former| former.value().to_vec()));
        Ok(())
    }
}

/// One state, for as long as it is held.
pub(super) struct Seen(pub(super) ReadTransaction);

impl Rows for Seen {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        row(&self.0.open_table(DEFINITIONS[table as usize]).map_err(fault)?, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), Fault> {
        scan(&self.0.open_table(DEFINITIONS[table as usize]).map_err(fault)?, range, visit)
    }

    fn count(&self, table: Table) -> Result<u64, Fault> {
        self.0.open_table(DEFINITIONS[table as usize]).map_err(fault)?.len().map_err(fault)
    }
}

fn row(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, Fault> {
    Ok(table.get(key).map_err(fault)?.map(|value| value.value().to_vec()))
}

fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: &KeyRange,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    // redb takes an empty range for a mistake.
    if range.is_empty() {
        return Ok(());
    }
    for entry in table.range::<&[u8]>(range.bounds()).map_err(fault)? {
        let (key, value) = entry.map_err(fault)?;
        if visit(key.value(), value.value())? == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}
