//! What a caller asks for in one step: conditions, and what is done when all hold or when one does not.
//! It must not look at the store; what can be refused without it is refused here.

use bytes::Bytes;

use crate::{KeyRange, LeaseId, Revision, StoreError};

/// The longest key, in bytes.
const KEY_LIMIT: usize = 4 << 10;
/// The longest value, in bytes. An etcd takes 1.5 MiB for a whole request unless it was started with
/// `--max-request-bytes`.
const VALUE_LIMIT: usize = 4 << 20;
/// The most conditions, and the most operations of either branch: etcd's default for a transaction.
const STEP_LIMIT: usize = 128;

/// What is compared of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is no such key.
    Absent,
    /// There is such a key.
    Present,
    /// Its last put was in this revision.
    ModifiedIn(Revision),
    /// Its value is this.
    Value(Bytes),
}

/// A condition of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// Of which key.
    pub key: Bytes,
    /// What must hold.
    pub condition: Condition,
}

/// A change that a transaction makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Writes a key. Without a lease, it is taken off the one that it had.
    Put {
        /// Which key; 1 byte to 4 KiB.
        key: Bytes,
        /// What it holds from now on; at most 4 MiB.
        value: Bytes,
        /// With whose end it is deleted.
        lease: Option<LeaseId>,
    },
    /// Deletes all keys of a range; none is no failure.
    Delete(KeyRange),
}

impl Operation {
    /// Writes a key that belongs to no lease.
    #[must_use]
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: None }
    }

    /// Writes a key that is deleted with `lease`.
    #[must_use]
    pub fn put_leased(key: impl Into<Bytes>, value: impl Into<Bytes>, lease: LeaseId) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: Some(lease) }
    }

    /// Deletes one key.
    #[must_use]
    pub fn delete(key: impl Into<Bytes>) -> Self {
        Self::Delete(KeyRange::one(key))
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Delete(range) => range.start.len(),
        }
    }
}

/// Changes that happen together or not at all. No key may be touched twice in one branch, as in etcd.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// All must hold for `then`; at most 128.
    pub compare: Vec<Compare>,
    /// Done when all conditions hold; at most 128.
    pub then: Vec<Operation>,
    /// Done when one does not; at most 128.
    pub otherwise: Vec<Operation>,
}

/// What became of a transaction, once that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The state after it. A transaction that changed nothing makes no new one.
    pub revision: Revision,
    /// Whether all conditions held.
    pub succeeded: bool,
}

impl Transaction {
    /// Changes without a condition.
    #[must_use]
    pub fn of(then: impl Into<Vec<Operation>>) -> Self {
        Self { then: then.into(), ..Self::default() }
    }

    /// The same with one more condition.
    #[must_use]
    pub fn when(mut self, key: impl Into<Bytes>, condition: Condition) -> Self {
        self.compare.push(Compare { key: key.into(), condition });
        self
    }

    /// What it weighs in a queue, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.then.iter().chain(&self.otherwise).map(Operation::bytes).sum()
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let steps = self.compare.len().max(self.then.len()).max(self.otherwise.len());
        if steps > STEP_LIMIT {
            return Err(StoreError::Invalid("a transaction has at most 128 conditions and operations"));
        }
        if self.compare.iter().any(|compare| compare.key.is_empty() || compare.key.len() > KEY_LIMIT) {
            return Err(StoreError::Invalid(KEY_MESSAGE));
        }
        check_branch(&self.then)?;
        check_branch(&self.otherwise)
    }
}

const KEY_MESSAGE: &str = "a key has 1 to 4096 bytes";

fn check_branch(operations: &[Operation]) -> Result<(), StoreError> {
    for (place, operation) in operations.iter().enumerate() {
        check_operation(operation)?;
        if operations[..place].iter().any(|earlier| overlap(earlier, operation)) {
            return Err(StoreError::Invalid("a transaction touches a key twice"));
        }
    }
    Ok(())
}

fn check_operation(operation: &Operation) -> Result<(), StoreError> {
    match operation {
        Operation::Put { key, .. } if key.is_empty() || key.len() > KEY_LIMIT => {
            Err(StoreError::Invalid(KEY_MESSAGE))
        }
        Operation::Put { value, .. } if value.len() > VALUE_LIMIT => {
            Err(StoreError::Invalid("a value has at most 4 MiB"))
        }
        Operation::Delete(range) if range.is_empty() => Err(StoreError::Invalid("a range of keys is empty")),
        Operation::Put { .. } | Operation::Delete(_) => Ok(()),
    }
}

/// Two deletions may overlap: the second finds less.
fn overlap(one: &Operation, other: &Operation) -> bool {
    match (one, other) {
        (Operation::Put { key, .. }, Operation::Put { key: other, .. }) => key == other,
        (Operation::Put { key, .. }, Operation::Delete(range))
        | (Operation::Delete(range), Operation::Put { key, .. }) => range.contains(key),
        (Operation::Delete(_), Operation::Delete(_)) => false,
    }
}
