//! The last step of the chain: one try at the endpoint that the chain chose.
//! It must not choose an endpoint and must not decide about a further try.

use crate::clock;
use crate::handlers::{fallback, retry};
use crate::request::failure::{Failure, FailureKind};
use crate::request::hedge;
use crate::request::invocation::{Code, Exchange, Invocation};
use crate::worker::Worker;

/// Tries the current endpoint once.
pub(crate) async fn forward<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    if call.endpoint.is_none() {
        return Err(Failure::local(FailureKind::NoEndpoint, "no handler chose an endpoint"));
    }
    call.tries += 1;
    call.hedge.pass();
    // Looking at the clock costs; only what judges instances, or hedges, asks how long a try took.
    let is_judged = call.governance().is_some_and(|governance| governance.guards.judges_instances());
    if is_judged || call.hedge.is_wanted {
        call.sent_at = clock::now();
    }
    let reply = match call.hedge.is_wanted {
        false => exchange.send(call).await,
        true => Box::pin(hedge::forward(worker, call, exchange)).await,
    };
    match &reply {
        Err(failure) => call.mark_tried(failure),
        // To look at an answer for more than its code costs; few are failures.
        Ok(code) if retry::is_bad(call, *code) || fallback::is_bad(call, *code) => {
            (call.retry.answer_safety, call.retry.is_spent_below) = exchange.after_answer();
        }
        Ok(_) => {}
    }
    reply
}
