//! One try of a call on its connection, and a second one beside it: what comes of either, and which of the two is heard.
//! It must hear one of them alone, whoever speaks first, and must let go of the other by closing its connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use mesher_codec::field::FieldKind;
use mesher_codec::{Conversation, Heard, ResponseHead};
use mesher_traffic::Safety;
use tokio::time::Sleep;

use crate::request::converse::{Sending, Turn};
use crate::request::exchange::HttpExchange;
use crate::request::failure::{Advice, Failure, FailureKind, Side};
use crate::request::invocation::{Code, Direction, Invocation};
use crate::request::pump::Pump;
use crate::request::upstream::Upstream;
use crate::request::{reply, respond};

/// What came of a try first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// Its answer's head.
    Answered(Code),
    /// Nothing for so long that it was set aside; or, of one beside it, something from the one that was.
    Aside,
}

impl Came {
    pub(super) fn code(self) -> Option<Code> {
        match self {
            Self::Answered(code) => Some(code),
            Self::Aside => None,
        }
    }
}

/// The code of a try beside which there is none.
pub(super) fn code(came: Came) -> Code {
    came.code().unwrap_or(Code::None)
}

/// A first try, all of which is sent and of whose answer nothing came, while another one is made beside it.
#[derive(Debug)]
pub(super) struct First<'c> {
    upstream: Upstream<'c>,
    conversation: Conversation,
    up: Pump,
    held: usize,
    /// What came of its answer once it was heard.
    input: Vec<u8>,
}

/// What is beside the current try.
#[derive(Debug, Default)]
pub(super) struct Beside<'c> {
    pub(super) first: Option<Box<First<'c>>>,
    /// Why it is not there any more.
    failure: Option<Box<Failure>>,
}

impl Beside<'_> {
    /// Lets go of it. Answers its failure, where it had failed.
    pub(super) fn end(&mut self) -> Option<Failure> {
        if let Some(first) = self.first.take() {
            // What the callee still works on is wanted by nobody.
            first.upstream.socket.reset_on_close();
        }
        self.failure.take().map(|failure| *failure)
    }
}

impl<'c> HttpExchange<'c> {
    /// One try at the current endpoint, or the rest of one that was set aside. After `late` it is set aside, as soon as all of it
    /// is sent and while nothing of an answer came.
    pub(super) async fn attempt(
        &mut self,
        call: &Invocation,
        mut late: Option<Pin<&mut Sleep>>,
        mut rest: Option<Box<First<'c>>>,
    ) -> Result<Came, Failure> {
        // A connection that has asked for another protocol is nobody else's before or after.
        let mut must_be_new = self.buffers.request.upgrade().is_some();
        loop {
            let (mut upstream, mut sending) = match rest.take() {
                Some(first) => (self.take_back(*first), Sending::done()),
                None => match self.acquire(call, must_be_new).await? {
                    Some(upstream) => {
                        self.begin();
                        (upstream, Sending::default())
                    }
                    None => return Ok(Came::Aside),
                },
            };
            let turn = self.converse(call, &mut upstream, &mut sending, late.as_mut()).await;
            let result = match turn {
                Ok(Turn::Heard(heard)) => Ok(heard),
                Ok(Turn::Late) => {
                    self.set_aside(upstream);
                    return Ok(Came::Aside);
                }
                Ok(Turn::FirstHeard) => {
                    upstream.socket.reset_on_close();
                    return Ok(Came::Aside);
                }
                Err(failure) => Err(failure),
            };
            if self.is_stale(&upstream, &result) {
                // The peer may close an idle connection in the moment in which we use it; a fresh one settles whether
                // it is alive. Only what may happen twice is sent twice.
                let safety = match &result {
                    Ok(_) => Safety::MayHaveActed,
                    Err(failure) => self.safety_of(failure),
                };
                let may_repeat = safety.may_repeat(call.is_idempotent && !self.is_body_gone());
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
                        Ok(Came::Answered(Code::Status(self.status)))
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

    /// Whether a try may go on beside another one.
    pub(super) fn may_be_set_aside(&self, sending: &Sending) -> bool {
        let is_sent = self.conversation.request.is_encoded() && self.up.is_drained() && !sending.has_broken;
        let is_unheard = self.buffers.upstream_input.is_empty() && !self.conversation.has_heard_interim();
        is_sent && is_unheard && !self.is_body_gone() && self.buffers.request.upgrade().is_none()
    }

    fn set_aside(&mut self, upstream: Upstream<'c>) {
        self.vigil.end();
        let (conversation, up) = (std::mem::take(&mut self.conversation), std::mem::take(&mut self.up));
        let first = First { upstream, conversation, up, held: self.held, input: Vec::new() };
        self.beside.first = Some(Box::new(first));
    }

    fn take_back(&mut self, first: First<'c>) -> Upstream<'c> {
        self.vigil.end();
        let First { upstream, conversation, up, held, input } = first;
        (self.conversation, self.up, self.held) = (conversation, up, held);
        self.buffers.upstream_input = input;
        upstream
    }

    /// Ready once the try that was set aside is heard. One that ends without a word is let go.
    pub(super) fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(first) = &mut self.beside.first else { return Poll::Pending };
        let First { upstream, input, .. } = first.as_mut();
        let read = self.worker.scratch.with_input(|buffer| {
            let read = upstream.socket.poll_read(context, buffer);
            if let Poll::Ready(Ok(read)) = read {
                input.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
            read
        });
        let mut failure = match std::task::ready!(read) {
            Ok(read) if read > 0 => return Poll::Ready(()),
            Ok(_) => reply::terminated(false, None),
            Err(error) => reply::terminated(false, Some(&error)),
        };
        // Its peer may have been closing a kept connection when the call took it, which is nobody's failure.
        if upstream.is_reused {
            failure.side = Side::Local;
        }
        self.beside.end();
        self.beside.failure = Some(Box::new(failure));
        Poll::Pending
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
