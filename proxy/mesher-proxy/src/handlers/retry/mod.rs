//! `retry`: lets a failed call be tried again on another instance where that is safe.
//! It must never let a call that may have been acted on happen twice unless its method allows that.

use mesher_traffic::RetryPolicy;

use crate::handlers::{Handler, Next};
use crate::request::failure::Failure;
use crate::request::invocation::{Code, Invocation};
use crate::worker::Worker;

pub(crate) struct Retry;

impl Handler for Retry {
    fn name(&self) -> &'static str {
        "retry"
    }

    fn response(&self, worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        let Err(failure) = reply else { return Next::Pass };
        if call.tries == 0
            || !RetryPolicy::default().may_try_again(call.tries, failure.safety, call.is_idempotent)
        {
            return Next::Pass;
        }
        worker.counters.borrow_mut().retried(call.row, failure.kind);
        Next::Again
    }
}
