//! The last step of the chain: one try at the endpoint that the chain chose.
//! It must not choose an endpoint and must not decide about a further try.

use crate::clock;
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Exchange, Invocation};

/// Tries the current endpoint once.
pub(crate) async fn forward<E: Exchange>(call: &mut Invocation, exchange: &mut E) -> Result<Code, Failure> {
    if call.endpoint.is_none() {
        return Err(Failure::local(FailureKind::NoEndpoint, "no handler chose an endpoint"));
    }
    call.tries += 1;
    // Looking at the clock costs; only what judges instances asks how long a try took.
    if call.governance().is_some_and(|governance| governance.guards.judges_instances()) {
        call.sent_at = clock::now();
    }
    let reply = exchange.send(call).await;
    match &reply {
        Err(failure) => call.mark_tried(failure),
        Ok(_) if call.retry.rule.is_some() || call.fallback.rule.is_some() => {
            (call.retry.answer_safety, call.retry.is_spent_below) = exchange.after_answer();
        }
        Ok(_) => {}
    }
    reply
}
