//! Where rows are kept: in memory, or in a file.
//! An engine must not know what a row means; `apply` gives rows their meaning, the same on every engine.

pub(crate) mod embedded;
mod fault;
mod medium;
mod memory;
mod tables;

pub(crate) use fault::Fault;
pub(crate) use medium::Medium;
pub(crate) use tables::{Rows, TABLES, Table, Tables, Visit};
