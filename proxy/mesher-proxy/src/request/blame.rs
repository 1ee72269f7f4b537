//! What a reply says of the callee: whether it failed, worked, or neither can be said.
//! It must not blame a callee for its caller, or for what this proxy refused.

use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::Code;
use crate::request::respond::verdict;

/// Whether the callee failed; `None` where the reply says nothing of it: the caller left, a rule or a limit of ours refused
/// the call, or nobody was there to take it.
pub(crate) fn has_callee_failed(
    reply: &Result<Code, Failure>,
    is_failure: impl Fn(u16) -> bool,
) -> Option<bool> {
    match reply {
        Ok(Code::Status(status)) => Some(is_failure(*status)),
        Ok(Code::Connected) => Some(false),
        Ok(Code::None) => None,
        Err(failure) => match (failure.side, failure.kind) {
            // The bound is ours, and says how much is asked of the callee, not how it answers.
            (_, FailureKind::PoolFull) => None,
            (Side::Upstream, FailureKind::BadStatus(status)) => Some(is_failure(status)),
            (Side::Upstream, kind @ FailureKind::Overloaded) => Some(is_failure(verdict(kind).status)),
            (Side::Upstream, _) => Some(true),
            (Side::Downstream | Side::Local, _) => None,
        },
    }
}
