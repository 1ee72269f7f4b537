//! The engine without a file, for tests and for a mesh that is tried out.
//! It must not be taken for durable: it ends with its process.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock};

use super::{Fault, Rows, Table, Tables, Visit};
use crate::KeyRange;

type Sorted = BTreeMap<Vec<u8>, Vec<u8>>;

/// Tables in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory(RwLock<Maps>);

#[derive(Debug, Default)]
struct Maps([Sorted; super::TABLES.len()]);

impl Memory {
    pub(crate) fn read<R>(&self, work: impl FnOnce(&dyn Rows) -> Result<R, Fault>) -> Result<R, Fault> {
        work(&*self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write<R>(
        &self,
        work: impl FnOnce(&mut dyn Tables) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        // Nothing has to be taken back after a fault: here none comes up but damage, and there is no file to damage.
        work(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rows for Maps {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0[table as usize].get(key).cloned())
    }

    fn scan(&self, table: Table, range: &KeyRange, visit: &mut Visit<'_>) -> Result<(), Fault> {
        if range.is_empty() {
            return Ok(());
        }
        for (key, value) in self.0[table as usize].range::<[u8], _>(range.bounds()) {
            if visit(key, value)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn count(&self, table: Table) -> Result<u64, Fault> {
        Ok(self.0[table as usize].len() as u64)
    }
}

impl Tables for Maps {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.0[table as usize].insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault> {
        self.0[table as usize].remove(key);
        Ok(())
    }
}
