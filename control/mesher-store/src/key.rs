//! Ranges of keys.
//! It must not give keys a meaning: they are bytes in their order.

use std::ops::Bound;

use bytes::Bytes;

/// The keys from `start` on, up to but without `end`; without an end, all that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Bytes,
    /// The first key that no longer belongs to it.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub const fn all() -> Self {
        Self { start: Bytes::new(), end: None }
    }

    /// One key.
    #[must_use]
    pub fn one(key: impl Into<Bytes>) -> Self {
        let start = key.into();
        let end = Some([&start[..], &[0]].concat().into());
        Self { start, end }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        let end = end_of_prefix(&start);
        Self { start, end }
    }

    /// Whether `key` belongs to it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= &self.start[..] && self.end.as_ref().is_none_or(|end| key < &end[..])
    }

    /// Whether no key can belong to it.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let end = self.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        (Bound::Included(&self.start[..]), end)
    }
}

/// The first key after all that begin with `prefix`: the last byte that can grow is made one larger.
fn end_of_prefix(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|&byte| byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end.into())
}
