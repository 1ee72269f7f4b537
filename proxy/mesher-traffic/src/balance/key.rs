//! The value of a call that decides which endpoint takes it.
//! It must give the same number to the same value in every release and every proxy.

use crate::matching::call::CallView;
use crate::sticky::{StickyValue, place_of};
use mesher_model::rule::Sticky;

/// What of a call is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashKey(Source);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Value(StickyValue),
    Address,
}

impl HashKey {
    /// A header field, a cookie or a parameter of the query.
    #[must_use]
    pub fn of_value(value: &Sticky) -> Self {
        Self(Source::Value(StickyValue::compile(value)))
    }

    /// The address that the caller's connection comes from.
    #[must_use]
    pub const fn of_address() -> Self {
        Self(Source::Address)
    }

    /// The number of a call; `None` where it has no such value.
    #[must_use]
    pub fn number(&self, call: &CallView<'_>) -> Option<u64> {
        match &self.0 {
            Source::Value(value) => value.whole_place(call),
            Source::Address => {
                let address = call.head.address()?.to_canonical();
                Some(place_of(address.to_string().as_bytes()))
            }
        }
    }
}
