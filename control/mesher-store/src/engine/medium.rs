//! One of the engines.
//! It must not hold a rule that one of them does not keep.

use super::embedded::Embedded;
use super::memory::Memory;
use super::{Fault, Rows, Tables};

/// Where a store's rows are.
#[derive(Debug)]
pub(crate) enum Medium {
    Memory(Memory),
    Embedded(Embedded),
}

impl Medium {
    /// Blocks: reads one consistent state, while writes go on.
    pub(crate) fn read<R>(&self, work: impl FnOnce(&dyn Rows) -> Result<R, Fault>) -> Result<R, Fault> {
        match self {
            Self::Memory(memory) => memory.read(work),
            Self::Embedded(embedded) => embedded.read(work),
        }
    }

    /// Blocks until what `work` wrote is durable. After a fault none of it is visible. One writer at a time.
    pub(crate) fn write<R>(
        &self,
        work: impl FnOnce(&mut dyn Tables) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        match self {
            Self::Memory(memory) => memory.write(work),
            Self::Embedded(embedded) => embedded.write(work),
        }
    }

    /// Blocks: lets go of the file. Reads and writes fail from then on.
    pub(crate) fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Embedded(embedded) => embedded.close(),
        }
    }

    /// Whether it can be read. After a failure it may not.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::Embedded(embedded) => embedded.is_open(),
        }
    }

    /// Blocks, where it has reason to: gives back space that is not used.
    pub(crate) fn tidy(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Embedded(embedded) => embedded.tidy(),
        }
    }

    /// Blocks: tries to come back after a failure.
    pub(crate) fn heal(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Embedded(embedded) => embedded.heal(),
        }
    }

    /// The bytes of its file; 0 where there is none.
    pub(crate) fn file_bytes(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::Embedded(embedded) => embedded.file_bytes(),
        }
    }
}
