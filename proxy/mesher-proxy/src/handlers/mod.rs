//! The handlers: each a folder, each asking a question and acting on the answer.
//! No handler may know a protocol's name or write to a socket.

pub(crate) mod balance;
pub(crate) mod breaker;
pub(crate) mod bulkhead;
pub(crate) mod chains;
pub(crate) mod fallback;
pub(crate) mod fault;
pub(crate) mod metrics;
pub(crate) mod own;
pub(crate) mod rate_limit;
pub(crate) mod retry;
pub(crate) mod route;

use std::time::Duration;

use mesher_model::explain::Explanation;
use mesher_traffic::HeadView;

use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Invocation, Outcome};
use crate::worker::Worker;

/// What happens after a handler has seen a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The reply goes on up the chain.
    Pass,
    /// The call goes down again from below this handler.
    Again,
    /// The caller gets an answer of a rule's own in place of the reply, with this status.
    Answer(u16),
}

/// One step of a chain. Handlers hold no state: what they remember is the worker's.
pub(crate) trait Handler {
    /// Its name: in the chain, in configuration, in metrics, in documentation.
    fn name(&self) -> &'static str;

    /// Sees the call on its way down, with what its protocol knows of it; an error turns it around.
    fn request(&self, _worker: &Worker, _call: &mut Invocation, _head: &dyn HeadView) -> Result<(), Failure> {
        Ok(())
    }

    /// Sees the reply on its way up.
    fn response(&self, _worker: &Worker, _call: &mut Invocation, _reply: &Result<Code, Failure>) -> Next {
        Next::Pass
    }

    /// Tells what it makes of a call that nobody makes, or what it made of one that has ended; an error is why it would
    /// turn around. Must leave everything as it is but `call` itself.
    fn explain(
        &self,
        _worker: &Worker,
        _call: &mut Invocation,
        _head: &dyn HeadView,
        _told: &mut Explanation,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// Sees how it ended, once.
    fn finish(&self, _worker: &Worker, _call: &Invocation, _outcome: &Outcome, _elapsed: Duration) {}
}

/// Whether a handler refuses the call that is told of: one that has ended, if it ended so, and one that nobody makes, if it
/// would now.
fn refuses(told: &Explanation, would_refuse: bool, kind: FailureKind) -> bool {
    let Some(call) = &told.call else { return would_refuse };
    call.failure.as_ref().is_some_and(|failure| failure.kind == kind.as_str())
}
