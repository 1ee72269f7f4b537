//! Ties each change to the one before it: where one was not written, none of those after it is.
//! It must not be told of a change that the store is not handed.

use std::collections::HashSet;

use bytes::Bytes;
use mesher_store::{Condition, KeyRange, Operation, Transaction};

use super::edit::Edit;

/// Before every key of the control plane.
pub(super) const ROOT: &str = "/mesher/";
/// Holds the number of the last link.
pub(super) const CHAIN: &str = "/mesher/chain";

/// Where the chain of changes stands.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The number of the last change that was handed over; 0 for none.
    last: u64,
    /// A change failed and those after it are being taken back: nothing new may be handed over.
    pub(super) is_broken: bool,
}

impl Chain {
    /// A chain that goes on after this link.
    pub(super) const fn after(last: u64) -> Self {
        Self { last, is_broken: false }
    }

    /// The transaction of the next link.
    pub(super) fn link(&mut self, edits: &[Edit]) -> Transaction {
        let before = match self.last {
            0 => Condition::Absent,
            last => Condition::Value(number(last)),
        };
        self.last += 1;
        let mut operations = vec![Operation::put(CHAIN, number(self.last))];
        let mut seen = HashSet::new();
        // The last edit of a record says what is kept of it.
        for edit in edits.iter().rev() {
            let key = format!("{ROOT}{}", edit.key());
            if seen.insert(key.clone()) {
                operations.push(match edit.after() {
                    Some(value) => Operation::put(key, value),
                    None => Operation::Delete(KeyRange::one(key)),
                });
            }
        }
        Transaction::of(operations).when(CHAIN, before)
    }
}

fn number(number: u64) -> Bytes {
    Bytes::from(number.to_string())
}
