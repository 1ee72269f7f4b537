//! What a store knows of itself: the format of its rows, its identity, its state.
//! The row of the format must stay readable for ever; all others may change with the format.

use crate::engine::{Fault, Rows, Table, Tables};
use crate::{Epoch, Revision, StoreId, encoding};

/// The format that this version writes, and the newest that it reads. A version that changes the meaning of rows counts
/// it up and says here what it does with older ones.
pub(crate) const FORMAT: u64 = 1;

const FORMAT_ROW: &[u8] = b"format";
const ID_ROW: &[u8] = b"id";
const EPOCH_ROW: &[u8] = b"epoch";
const REVISION_ROW: &[u8] = b"revision";
const COMPACTED_ROW: &[u8] = b"compacted";

/// Which store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: StoreId,
    pub(crate) epoch: Epoch,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) revision: Revision,
    /// The first revision whose history is left.
    pub(crate) compacted: Revision,
}

impl Identity {
    pub(crate) fn random() -> Self {
        Self { id: StoreId::random(), epoch: Epoch::random() }
    }

    pub(crate) fn read(rows: &dyn Rows) -> Result<Self, Fault> {
        let id = rows.row(Table::Meta, ID_ROW)?.and_then(|row| row.try_into().ok());
        let id = StoreId(id.ok_or_else(|| Fault::damaged("the id of the store"))?);
        Ok(Self { id, epoch: Epoch(read_number(rows, EPOCH_ROW)?) })
    }
}

impl State {
    pub(crate) const NEW: Self = Self { revision: Revision::FIRST, compacted: Revision::FIRST };

    pub(crate) fn read(rows: &dyn Rows) -> Result<Self, Fault> {
        let revision = Revision(read_number(rows, REVISION_ROW)?);
        Ok(Self { revision, compacted: Revision(read_number(rows, COMPACTED_ROW)?) })
    }

    pub(crate) fn write(self, tables: &mut dyn Tables) -> Result<(), Fault> {
        tables.put(Table::Meta, REVISION_ROW, &self.revision.0.to_be_bytes())?;
        tables.put(Table::Meta, COMPACTED_ROW, &self.compacted.0.to_be_bytes())
    }
}

/// The first rows of a store.
pub(crate) fn write(tables: &mut dyn Tables, identity: Identity, state: State) -> Result<(), Fault> {
    tables.put(Table::Meta, FORMAT_ROW, &FORMAT.to_be_bytes())?;
    tables.put(Table::Meta, ID_ROW, &identity.id.0)?;
    tables.put(Table::Meta, EPOCH_ROW, &identity.epoch.0.to_be_bytes())?;
    state.write(tables)
}

/// Looked at before anything else is.
pub(crate) fn read_format(rows: &dyn Rows) -> Result<u64, Fault> {
    read_number(rows, FORMAT_ROW)
}

#[cfg(test)]
pub(crate) fn write_format(tables: &mut dyn Tables, format: u64) -> Result<(), Fault> {
    tables.put(Table::Meta, FORMAT_ROW, &format.to_be_bytes())
}

fn read_number(rows: &dyn Rows, name: &[u8]) -> Result<u64, Fault> {
    let number = rows.row(Table::Meta, name)?.and_then(|row| encoding::decode_number(&row));
    number.ok_or_else(|| Fault::Damaged(format!("no {}", String::from_utf8_lossy(name))))
}
