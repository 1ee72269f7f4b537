//! The right to try again belongs to one proxy on the way: the one beside whoever the failing service is called by. It tells
//! those before it, so that a failure far down is not multiplied. It must mark no answer that went well.
//!
//! A proxy sees the calls that its application takes and those that it makes, but not which of these belong together. An
//! answer that tells of a failure is marked where any call of the application was given up while it was being made: it may
//! be another one's, and then one further try is left out, which costs less than tries upon tries.

use std::sync::LazyLock;

use mesher_codec::{FieldEdits, ResponseHead};

use crate::request::invocation::{Direction, Invocation};
use crate::worker::Worker;

/// The field that says so.
const NAME: &str = "x-mesher-retries";
/// Its value.
const VALUE: &str = "spent";

/// The field as a line that is added.
static MARK: LazyLock<[(Box<str>, Box<str>); 1]> = LazyLock::new(|| [(NAME.into(), VALUE.into())]);
/// The field in place of one that the application may have passed on.
static OWN: LazyLock<[Box<str>; 1]> = LazyLock::new(|| [NAME.into()]);

/// Whether the answer of the application, with this status, tells of a failure that was tried again further down.
pub(crate) fn is_to_be_told(worker: &Worker, call: &Invocation, status: u16) -> bool {
    status >= 500
        && call.direction == Direction::Inbound
        && worker.shared.has_spent_retries_since(call.started)
}

/// Whether whoever answered has told so.
pub(crate) fn is_told(response: &ResponseHead) -> bool {
    let mut fields = response.fields();
    fields.any(|(name, value)| name.eq_ignore_ascii_case(NAME) && value == VALUE.as_bytes())
}

/// What is changed of a head to say so.
pub(crate) fn mark() -> FieldEdits<'static> {
    FieldEdits { left_out: OWN.as_slice(), added: MARK.as_slice() }
}
