//! Keeps the calls of one user on one side, whoever of the proxies they pass through.
//! It must give the same place to the same value in every release: users would change sides with an update.

use mesher_model::rule::Sticky;
use sha2::{Digest, Sha256};

use crate::matching::call::CallView;
use crate::matching::condition::Request;
use crate::matching::field::{any_cookie, any_parameter, decode};

/// What of a call decides who takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StickyValue {
    /// A header field; its name is in lower case.
    Header(Box<str>),
    Cookie(Box<str>),
    Parameter(Box<str>),
}

impl StickyValue {
    pub(crate) fn compile(sticky: &Sticky) -> Self {
        match sticky {
            Sticky::Header(name) => Self::Header(name.to_ascii_lowercase().into()),
            Sticky::Cookie(name) => Self::Cookie(name.as_str().into()),
            Sticky::QueryParam(name) => Self::Parameter(name.as_str().into()),
        }
    }

    /// The place of a call among `total`, below which are all places of the shares; `None` for a call without the value.
    ///
    /// A value has a place between 0 and 1 for good, and a share has those of its weight, in the order of the backends. Of
    /// two backends, raising the weight of one moves the border between them, and so users towards it only.
    pub(crate) fn place(&self, call: &CallView<'_>, total: u32) -> Option<u64> {
        let scaled = u128::from(self.whole_place(call)?) * u128::from(total);
        u64::try_from(scaled >> u64::BITS).ok()
    }

    /// The place of a call between 0 and 1, in units of 2⁻⁶⁴; `None` for a call without the value.
    pub(crate) fn whole_place(&self, call: &CallView<'_>) -> Option<u64> {
        let mut place = None;
        let mut take = |value: &[u8]| {
            place = (!value.is_empty()).then(|| place_of(value));
            place.is_some()
        };
        match self {
            Self::Header(name) => call.head.any_field(name, &mut take),
            Self::Cookie(name) => any_cookie(name, call.head, take),
            Self::Parameter(name) => {
                let request = Request::of(call.head.message()?);
                any_parameter(name, request.query, |value| take(&decode(value)))
            }
        };
        place
    }
}

/// The place of a value between 0 and 1, in units of 2⁻⁶⁴: the first eight bytes of its SHA-256. Anybody can count it:
/// `printf %s VALUE | sha256sum`.
pub(crate) fn place_of(value: &[u8]) -> u64 {
    let digest = Sha256::digest(value);
    digest.iter().take(size_of::<u64>()).fold(0, |place, byte| place << u8::BITS | u64::from(*byte))
}
