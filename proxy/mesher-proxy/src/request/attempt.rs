//! One try of a call on its connection: what comes of it, and whether it may be repeated on a fresh one.
//! It must let go of a try that failed by closing its connection.

use mesher_codec::field::FieldKind;
use mesher_codec::{Heard, ResponseHead};
use mesher_traffic::Safety;

use crate::request::exchange::HttpExchange;
use crate::request::failure::{Advice, Failure, FailureKind, Side};
use crate::request::invocation::{Code, Direction, Invocation};
use crate::request::upstream::Upstream;
use crate::request::{reply, respond};

impl HttpExchange<'_> {
    /// One try at the current endpoint.
    pub(super) async fn attempt(&mut self, call: &Invocation) -> Result<Code, Failure> {
        // A connection that has asked for another protocol is nobody else's before or after.
        let mut must_be_new = self.buffers.request.upgrade().is_some();
        loop {
            let mut upstream = self.acquire(call, must_be_new).await?;
            let result = self.converse(call, &mut upstream).await;
            if self.is_stale(&upstream, &result) {
                // The peer may close an idle connection in the moment in which we use it; a fresh one settles whether
                // it is alive. Only what may happen twice is sent twice.
                let safety = match &result {
                    Ok(_) => Safety::MayHaveActed,
                    Err(failure) => self.safety_of(failure),
                };
                let may_repeat = safety == Safety::NothingSent
                    || (safety == Safety::MayHaveActed && call.is_idempotent && !self.is_body_gone());
                self.worker.counters.borrow_mut().met_stale(call.row, may_repeat);
                if may_repeat {
                    must_be_new = true;
                    continue;
                }
            }
            return match result {
                Ok(heard) => match self.failure_of_peer(call) {
                    Some(mut failure) => {
                        failure.safety = self.safety_of(&failure);
                        Err(failure)
                    }
                    None => {
                        (self.upstream, self.heard) = (Some(upstream), Some(heard));
                        Ok(Code::Status(self.status))
                    }
                },
                Err(mut failure) => {
                    failure.safety = self.safety_of(&failure);
                    upstream.socket.reset_on_close();
                    Err(failure)
                }
            };
        }
    }

    /// Whether part of the body was sent that is not here any more, so that it cannot be sent again.
    pub(super) fn is_body_gone(&self) -> bool {
        self.conversation.request.has_taken() && self.held == 0
    }

    /// How far a failed try had come. A body that was begun cannot be sent again from its beginning.
    pub(super) fn safety_of(&self, failure: &Failure) -> Safety {
        // Nothing left, nothing waits to leave: the body's bytes are still where they were.
        if self.up.moved == 0 && self.up.is_drained() && failure.side == Side::Upstream {
            return Safety::NothingSent;
        }
        let is_spent = self.is_body_gone() || self.conversation.has_heard_interim();
        if is_spent { Safety::Spent } else { failure.safety }
    }

    /// The failure of the peer's application, where the peer's proxy answers in its place.
    pub(super) fn failure_of_peer(&self, call: &Invocation) -> Option<Failure> {
        if call.direction != Direction::Outbound || !matches!(self.status, 502 | 503) {
            return None;
        }
        let response = self.worker.response.borrow();
        let says = |error: &str| peer_says(&response, error);
        if says(respond::SAYS_OVERLOADED) {
            let detail = "the peer's proxy has too much to do, and passed nothing on";
            let failure = Failure::upstream(FailureKind::Overloaded, Safety::NothingSent, detail);
            let retry_after = reply::retry_after(&response);
            return Some(failure.advising(Advice { retry_after, ..Advice::default() }));
        }
        if self.status != 502 {
            return None;
        }
        if says("error=connection_refused") {
            let detail = "the application behind the peer's proxy refused the connection";
            return Some(Failure::upstream(FailureKind::ConnectRefused, Safety::NothingSent, detail));
        }
        says("error=connection_terminated").then(|| {
            let detail = "the application behind the peer's proxy closed the connection before its answer";
            Failure::upstream(FailureKind::Terminated, Safety::MayHaveActed, detail)
        })
    }

    /// Whether a kept connection turned out to be one that its peer was closing: it broke, or it brought the complaint
    /// that no request came, which was meant for the silence before ours.
    fn is_stale(&self, upstream: &Upstream<'_>, result: &Result<Heard, Failure>) -> bool {
        upstream.is_reused
            && match result {
                Ok(_) => self.status == 408 && self.worker.response.borrow().is_last(),
                Err(failure) => failure.side == Side::Upstream && failure.kind == FailureKind::Terminated,
            }
    }
}

/// Whether the proxy beside the callee answers in its place, with this word.
pub(super) fn peer_says(response: &ResponseHead, word: &str) -> bool {
    let status = response.value(FieldKind::ProxyStatus).and_then(|value| std::str::from_utf8(value).ok());
    status.is_some_and(|status| {
        status.starts_with("mesher/") && status.contains("/inbound;") && status.contains(word)
    })
}
