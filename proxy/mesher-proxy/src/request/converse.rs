//! The two halves of an exchange on its connections: the call up to the head of its answer, and the answer's body.
//! It must read the answer while the call is still being sent, and must wait for nobody longer than allowed.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use mesher_codec::field::FieldKind;
use mesher_codec::request::SetField;
use mesher_codec::response::Downstream;
use mesher_codec::{Conversation, Heard};
use tokio::time::Sleep;

use crate::request::exchange::{Buffers, HttpExchange};
use crate::request::failure::Failure;
use crate::request::faults::Fault;
use crate::request::invocation::{Direction, Invocation};
use crate::request::pump::{Ends, Pump, PumpError};
use crate::request::upstream::Upstream;
use crate::request::vigil::Wait;
use crate::request::{deadline, edits, faults, reply, spent};
use crate::telemetry::context;
use crate::worker::Worker;

/// How an answer ended.
#[derive(Debug)]
pub(crate) struct Answered {
    /// What went wrong with it, if anything did.
    pub(crate) broken: Option<Fault>,
    /// Whether the caller's connection can carry a further call.
    pub(crate) keeps_connection: bool,
}

impl<'c> HttpExchange<'c> {
    /// Forgets what was of another try.
    pub(super) fn begin(&mut self) {
        let limits = self.worker.limits();
        self.conversation =
            Conversation::begin(&self.buffers.request, limits.body_bytes_max.unwrap_or(u64::MAX));
        self.up = Pump::default();
        self.held = 0;
        self.buffers.upstream_input.clear();
    }

    /// Sends the call over `upstream` and waits for the head of the final answer, or until it is `late`.
    pub(super) async fn converse(
        &mut self,
        call: &Invocation,
        upstream: &mut Upstream<'_>,
        sending: &mut Sending,
        mut late: Option<&mut Pin<&mut Sleep>>,
    ) -> Result<Turn, Failure> {
        poll_fn(|context| {
            if let Poll::Ready(result) = self.poll_converse(context, call, upstream, sending) {
                return Poll::Ready(result.map(Turn::Heard));
            }
            if let Some(late) = &mut late
                && self.may_be_set_aside(sending)
                && late.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(Ok(Turn::Late));
            }
            self.poll_first(context).map(|()| Ok(Turn::FirstHeard))
        })
        .await
    }

    /// A connection to the current endpoint; `None` where the try that was set aside is heard before. A caller that leaves while
    /// its call waits for one is not called for.
    pub(crate) async fn acquire(
        &mut self,
        call: &Invocation,
        must_be_new: bool,
    ) -> Result<Option<Upstream<'c>>, Failure> {
        let mut acquiring = pin!(Upstream::acquire(self.worker, call, must_be_new));
        let mut has_ended = false;
        poll_fn(|context| {
            if let Poll::Ready(result) = acquiring.as_mut().poll(context) {
                return Poll::Ready(result.map(Some));
            }
            if self.poll_first(context).is_ready() {
                return Poll::Ready(Ok(None));
            }
            let input = &mut self.buffers.input;
            reply::watch_caller(context, self.socket, input, &mut has_ended, self.worker).map(Err)
        })
        .await
    }

    fn poll_converse(
        &mut self,
        context: &mut Context<'_>,
        call: &Invocation,
        upstream: &mut Upstream<'_>,
        sending: &mut Sending,
    ) -> Poll<Result<Heard, Failure>> {
        if !sending.has_broken
            && let Err(error) = self.poll_send(context, call, upstream, sending)
        {
            let PumpError::Sink(_) = error else { return Poll::Ready(Err(faults::source_failure(&error))) };
            // An upstream that stopped reading may have answered before: the answer is read all the same.
            sending.has_broken = true;
        }
        // The answer first: where it is there, nobody has to ask whether the caller still waits for it.
        if let Poll::Ready(result) = self.poll_answer(context, upstream) {
            return Poll::Ready(result);
        }
        if self.conversation.request.is_encoded() && self.up.is_drained() {
            let (input, ended) = (&mut self.buffers.input, &mut sending.caller_has_ended);
            let left = reply::watch_caller(context, self.socket, input, ended, self.worker);
            if let Poll::Ready(failure) = left {
                return Poll::Ready(Err(failure));
            }
        }
        self.poll_patience(context).map(Err)
    }

    /// Sends the head with what is there of the body, then the rest as it comes.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        call: &Invocation,
        upstream: &mut Upstream<'_>,
        sending: &mut Sending,
    ) -> Result<(), PumpError> {
        let Buffers { request, input, .. } = &mut *self.buffers;
        let scratch = &self.worker.scratch;
        let transfer = &mut self.conversation.request;
        if !std::mem::replace(&mut sending.has_begun, true) {
            let own = own_fields(self.worker, call.direction, &self.context);
            let left = deadline::Left::of(call);
            let timed;
            let mut set = own.as_slice();
            if let Some(left) = &left {
                let [via, context, source] = own;
                timed = [via, left.field(), context, source];
                set = timed.as_slice();
            }
            if self.context.is_empty() {
                set = set.get(..set.len() - 2).unwrap_or_default();
            }
            let ends = Ends { source: self.socket, input, sink: &mut upstream.socket, scratch };
            let head = |output: &mut Vec<u8>| edits::write_request(call, request, set, output);
            let used = self.up.start(context, transfer, head, ends)?;
            if transfer.is_encoded() {
                // The whole body lies here: until there is an answer it can be sent again.
                self.held = used;
            } else {
                input.drain(..used);
            }
        }
        if transfer.is_encoded() && self.up.is_drained() {
            return Ok(());
        }
        let ends = Ends { source: self.socket, input, sink: &mut upstream.socket, scratch };
        self.up.push(context, transfer, ends)
    }

    /// Reads heads up to the final one. Interim ones are passed on, where the caller knows such a thing.
    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        upstream: &mut Upstream<'_>,
    ) -> Poll<Result<Heard, Failure>> {
        let answers_head = self.buffers.request.is("HEAD");
        loop {
            let Buffers { request, upstream_input, .. } = &mut *self.buffers;
            let socket = &mut upstream.socket;
            let response = &mut *self.worker.response.borrow_mut();
            let head = reply::read_head(context, self.worker, socket, response, upstream_input, answers_head);
            std::task::ready!(head)?;
            (self.status, self.keeps_for) = (response.status(), response.keep_alive_limit());
            let is_closing = self.worker.ends_connections();
            let heard = self.conversation.hear(request, response, is_closing).map_err(reply::bad_response)?;
            let Heard::Interim { passes } = heard else { return Poll::Ready(Ok(heard)) };
            if passes {
                let written = self.worker.scratch.with_output(|output| {
                    response.write(Downstream::default(), output);
                    self.down.write(context, output, self.socket)
                });
                written.map_err(|error| faults::source_failure(&error))?;
            }
        }
    }

    /// Ready when whoever has to act now takes too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<Failure> {
        if let Poll::Ready(Err(error)) = self.down.poll_flush(context, self.socket) {
            return Poll::Ready(faults::source_failure(&error));
        }
        let request = &self.conversation.request;
        let waits_for_permission =
            !request.has_taken() && self.buffers.request.value(FieldKind::Expect).is_some();
        let wait = match request.is_read() || !self.up.is_drained() || waits_for_permission {
            true => Wait::Answer,
            false => Wait::Sender,
        };
        let passed = self.vigil.poll(context, wait, self.up.moved);
        passed.map(|()| faults::silence(wait, self.worker.limits()))
    }

    /// Streams the answer to the caller, and what is left of the request to the callee.
    pub(crate) async fn stream(
        &mut self,
        call: &Invocation,
        upstream: &mut Upstream<'_>,
        downstream: Downstream,
    ) -> Result<(), PumpError> {
        let mut has_begun = false;
        poll_fn(|context| {
            let Buffers { input, upstream_input, .. } = &mut *self.buffers;
            let scratch = &self.worker.scratch;
            let transfer = &mut self.conversation.response;
            if !std::mem::replace(&mut has_begun, true) {
                let ends =
                    Ends { source: &mut upstream.socket, input: upstream_input, sink: self.socket, scratch };
                let response = self.worker.response.borrow();
                debug_assert_eq!(response.status(), self.status, "nothing waits between reading and writing");
                let is_spent = spent::is_to_be_told(self.worker, call, self.status);
                let head = |output: &mut Vec<u8>| {
                    edits::write_response(call, &response, downstream, is_spent, output);
                };
                let used = self.down.start(context, transfer, head, ends)?;
                upstream_input.drain(..used);
            }
            if !self.conversation.request.is_encoded() || !self.up.is_drained() {
                // Its end is of no matter to the answer; an unfinished request ends the connection afterwards.
                let ends = Ends { source: self.socket, input, sink: &mut upstream.socket, scratch };
                let _ = self.up.push(context, &mut self.conversation.request, ends);
                // What is no request gets no further answer either; the callee learns that it was none.
                if self.conversation.request.refusal().is_some() {
                    return Poll::Ready(Err(PumpError::Source(None)));
                }
            }
            let ends =
                Ends { source: &mut upstream.socket, input: upstream_input, sink: self.socket, scratch };
            match self.down.poll(context, transfer, ends) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => {
                    let (wait, moved) = match self.down.is_drained() || self.down.is_held_up() {
                        true => (Wait::Upstream, self.down.moved + self.up.moved),
                        false => (Wait::Reader, self.down.moved),
                    };
                    self.vigil.poll(context, wait, moved).map(|()| Err(faults::stalled(wait)))
                }
            }
        })
        .await
    }
}

/// What ends a wait for the head of an answer.
pub(super) enum Turn {
    /// It is there.
    Heard(Heard),
    /// It did not come for so long.
    Late,
    /// The try that was set aside is heard.
    FirstHeard,
}

/// How far the sending of a call has come.
#[derive(Debug, Default)]
pub(super) struct Sending {
    has_begun: bool,
    /// The callee takes no more of it.
    pub(super) has_broken: bool,
    /// The caller sends nothing more; its answer is still wanted.
    caller_has_ended: bool,
}

impl Sending {
    /// All of it is sent.
    pub(super) fn done() -> Self {
        Self { has_begun: true, ..Self::default() }
    }
}

/// The fields that the proxy writes itself: its signature, and the context, beside which nothing else says who calls.
/// Calls are signed on the way out; the signature ends at the callee's proxy, whose application has no use for it.
pub(crate) fn own_fields<'a>(
    worker: &'a Worker,
    direction: Direction,
    context: &'a str,
) -> [SetField<'a>; 3] {
    let via = match direction {
        Direction::Outbound => (FieldKind::Other, worker.shared.via.as_bytes()),
        Direction::Inbound => (FieldKind::MesherVia, &b""[..]),
    };
    [
        SetField { kind: via.0, name: "Via", value: via.1 },
        SetField { kind: FieldKind::CseContext, name: "x-cse-context", value: context.as_bytes() },
        SetField { kind: FieldKind::CseSource, name: context::SOURCE_KEY, value: b"" },
    ]
}
