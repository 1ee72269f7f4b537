//! The record of every change that came through the API: who, when, from where, what, before and after.
//! It must not hold logic.
//!
//! | file | holds |
//! |---|---|
//! | `origin` | who caused what is going on, for the length of a request |
//! | `record` | one record as a line that nobody can forge |
//! | `auditor` | takes records, and writes them to the file or to the log |
//! | `file` | the file: appended to, rotated by size, bounded in number |

mod auditor;
mod file;
mod origin;
mod record;

pub(crate) use auditor::Auditor;
pub(crate) use origin::{Origin, attribute};
pub(crate) use record::Record;

#[cfg(test)]
mod tests;
