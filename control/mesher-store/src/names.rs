//! The numbers that name a store, its states and its leases.
//! They must not be mixed up: each is a type of its own.

use std::fmt;

/// A state of the store. The empty store has revision 1; every transaction that changes something makes the next one.
/// As in etcd, all changes of one transaction have the same revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of a store to which nothing was ever written.
    pub const FIRST: Self = Self(1);

    /// The one that comes after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Names a lease. Never 0; at most `i64::MAX`, as etcd has no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// Names a store for as long as it lives, backups and restores included. Random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

/// Names one line of a store's history. Random; a restored store has a new one, as its revisions do not continue those that
/// others have seen. Who keeps revisions keeps the epoch with them, and starts anew when it differs or the revision is
/// smaller than one already seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl StoreId {
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }
}

impl Epoch {
    pub(crate) fn random() -> Self {
        Self(random_number())
    }
}

impl LeaseId {
    pub(crate) fn random() -> Self {
        // One of 2^62: a collision is refused as a lease that exists, not shared.
        Self((random_number() >> 2) | 1)
    }
}

/// 64 bits of a random identifier; its upper half has a few fixed bits, which are folded away.
fn random_number() -> u64 {
    let (upper, lower) = uuid::Uuid::new_v4().as_u64_pair();
    upper.rotate_left(17) ^ lower
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).fmt(formatter)
    }
}
