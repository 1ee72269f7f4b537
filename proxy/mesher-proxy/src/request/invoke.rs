//! One invocation from start to outcome: the chain top to bottom, the try, the chain bottom to top, one exit.
//! It must not know a protocol, and must record every invocation exactly once.

use std::time::Duration;

use mesher_traffic::Safety;
use tokio::time::Instant;

use crate::handlers::{Next, chains};
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Exchange, Invocation, Outcome};
use crate::request::{finish, forward};
use crate::telemetry::counters::Row;
use crate::worker::Worker;

/// Runs `call` to its end.
pub(crate) async fn invoke<E: Exchange>(worker: &Worker, call: &mut Invocation, exchange: &mut E) -> Outcome {
    let active = Active { worker, row: call.row };
    let limit = call.cluster().governance.as_ref().and_then(|governance| governance.request_timeout());
    let travelled = match limit {
        None => travel(worker, call, exchange).await,
        Some(limit) => Box::pin(travel_within(limit, worker, call, exchange)).await,
    };
    let outcome = match travelled {
        Ok(_) if call.own_answer().is_some() => Box::pin(exchange.answer_itself(call)).await,
        Ok(_) => exchange.relay(call).await,
        Err(failure) => exchange.refuse(call, failure).await,
    };
    // From here on the handlers count its end.
    std::mem::forget(active);
    finish::finish(worker, call, exchange, &outcome);
    outcome
}

/// Takes an invocation off the active ones where it ends without an outcome.
struct Active<'w> {
    worker: &'w Worker,
    row: Row,
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        if let Ok(mut counters) = self.worker.counters.try_borrow_mut() {
            counters.abandon(self.row);
        }
    }
}

/// As [`travel`], but no longer than a rule allows.
async fn travel_within<E: Exchange>(
    limit: Duration,
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    let deadline = Instant::from_std(call.started) + limit;
    tokio::time::timeout_at(deadline, travel(worker, call, exchange)).await.unwrap_or_else(|_| {
        let detail = format!("no answer within {limit:?}, the limit that a rule of kind Timeout sets");
        Err(Failure::upstream(FailureKind::ResponseTimeout, Safety::Spent, detail))
    })
}

/// Goes down the chain, tries, and comes up again, until no handler wants another try.
async fn travel<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    let chain = chains::of(call.direction);
    let mut depth = 0;
    loop {
        let mut reply = Ok(Code::None);
        while let (Ok(_), Some(handler)) = (&reply, chain.get(depth)) {
            depth += 1;
            reply = handler.request(worker, call, exchange).map(|()| Code::None);
            if call.own_answer().is_some() {
                break;
            }
        }
        if reply.is_ok() && call.own_answer().is_none() {
            reply = forward::forward(call, exchange).await;
        }
        loop {
            let Some(above) = depth.checked_sub(1) else { return reply };
            let next = chain.get(above).map(|handler| handler.response(worker, call, &reply));
            if next == Some(Next::Again) {
                break;
            }
            depth = above;
        }
    }
}
