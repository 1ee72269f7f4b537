//! One invocation from start to outcome: the chain top to bottom, the try, the chain bottom to top, one exit.
//! It must not know a protocol, and must record every invocation exactly once.

use std::time::Duration;

use crate::handlers::Next;
use crate::request::failure::Failure;
use crate::request::invocation::{Code, Exchange, Invocation, Outcome};
use crate::request::{finish, limits};
use crate::telemetry::counters::Row;
use crate::worker::Worker;

/// Runs `call` to its end.
pub(crate) async fn invoke<E: Exchange>(worker: &Worker, call: &mut Invocation, exchange: &mut E) -> Outcome {
    let active = Active { worker, row: call.row };
    let outcome = match travel(worker, call, exchange).await {
        Ok(_) if call.is_answered_here() => Box::pin(exchange.answer_itself(call)).await,
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

/// Goes down the chain, tries, and comes up again, until no handler wants another try.
async fn travel<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    let chain = worker.chains.of(call);
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
            reply = match call.pause.take() {
                None => limits::forward(worker, call, exchange).await,
                Some(time) => Box::pin(forward_after(worker, time, call, exchange)).await,
            };
            call.turn();
        }
        loop {
            let Some(above) = depth.checked_sub(1) else { return reply };
            let next = chain.get(above).map(|handler| handler.response(worker, call, &reply));
            if next.is_some_and(|next| next != Next::Pass) && reply.is_ok() {
                exchange.drop_answer();
            }
            match next {
                Some(Next::Again) => {
                    call.turn();
                    break;
                }
                Some(Next::Answer(status)) => reply = Ok(Code::Status(status)),
                _ => {}
            }
            depth = above;
        }
    }
}

async fn forward_after<E: Exchange>(
    worker: &Worker,
    time: Duration,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    limits::pause(time, call, exchange).await?;
    match call.end.take() {
        Some(failure) => Err(*failure),
        None => limits::forward(worker, call, exchange).await,
    }
}
