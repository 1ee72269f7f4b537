//! HTTP/1.1's side of a call: sends it, brings the answer back, or says why there is none.
//! It must never pair an answer with another call: a connection that is not read to a clean end is closed.

use std::borrow::Cow;
use std::future::{Future as _, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mesher_codec::field::FieldKind;
use mesher_codec::response::Downstream;
use mesher_codec::{Conversation, Framing, HeadLimits, Heard, RequestHead, ResponseHead};
use mesher_net::{Deadline, Socket};
use mesher_traffic::{FieldEdits, HeadView, Message, Safety};

use crate::request::converse::Answered;
use crate::request::failure::{Advice, Failure, FailureKind, Side};
use crate::request::invocation::{Code, Direction, Exchange, Invocation, Operation, Outcome};
use crate::request::pump::Pump;
use crate::request::tunnel::{self, Half};
use crate::request::upstream::Upstream;
use crate::request::vigil::Vigil;
use crate::request::{edits, faults, mirror, own_answer, reply, respond, spent};
use crate::telemetry::counters::{Counters, DropReason};
use crate::worker::Worker;

/// What a connection needs while it is busy. Idle connections own none of it.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) request: RequestHead,
    /// Bytes that came after the head: of the body, or of the next request.
    pub(crate) input: Vec<u8>,
    /// Bytes of an answer's head that is not whole, or that came after it.
    pub(crate) upstream_input: Vec<u8>,
}

impl Buffers {
    pub(crate) fn new(limits: HeadLimits) -> Self {
        Self { request: RequestHead::limited_to(limits), input: Vec::new(), upstream_input: Vec::new() }
    }

    /// Forgets the content. Heads keep their usual room, bodies' bytes do not.
    pub(crate) fn clear(&mut self) {
        self.request.shrink();
        self.input = Vec::new();
        self.upstream_input = Vec::new();
    }
}

/// One HTTP/1.1 call on a caller's connection.
#[derive(Debug)]
pub(crate) struct HttpExchange<'c> {
    pub(crate) worker: &'c Worker,
    pub(crate) socket: &'c mut Socket,
    pub(crate) buffers: &'c mut Buffers,
    pub(crate) deadline: &'c Deadline,
    pub(crate) vigil: Vigil<'c>,
    /// The value of `x-cse-context` that the callee gets; empty to leave the caller's.
    pub(crate) context: Cow<'c, str>,
    pub(crate) conversation: Conversation,
    /// Bytes of the input that are a whole body which was sent; they stay until there is an answer.
    pub(crate) held: usize,
    /// Towards the callee.
    pub(crate) up: Pump,
    /// Towards the caller.
    pub(crate) down: Pump,
    upstream: Option<Upstream<'c>>,
    heard: Option<Heard>,
    /// Of the last head that came from the callee: its status, and how long the callee says that it keeps the connection.
    pub(crate) status: u16,
    pub(crate) keeps_for: Option<Duration>,
    /// An answer's head is out, so no other answer can be given.
    has_answered: bool,
}

impl<'c> HttpExchange<'c> {
    pub(crate) fn new(
        worker: &'c Worker,
        socket: &'c mut Socket,
        buffers: &'c mut Buffers,
        deadline: &'c Deadline,
        context: Cow<'c, str>,
    ) -> Self {
        Self {
            worker,
            socket,
            buffers,
            deadline,
            vigil: Vigil::new(deadline, &worker.deadlines, worker.limits()),
            context,
            conversation: Conversation::default(),
            held: 0,
            up: Pump::default(),
            down: Pump::default(),
            upstream: None,
            heard: None,
            status: 0,
            keeps_for: None,
            has_answered: false,
        }
    }

    /// Whether part of the body was sent that is not here any more, so that it cannot be sent again.
    fn is_body_gone(&self) -> bool {
        self.conversation.request.has_taken() && self.held == 0
    }

    /// Whether the caller's connection ends with an answer of ours: what is left of the request's body, or follows a wish for
    /// another protocol, is not read.
    fn must_close(&self) -> bool {
        let request = &self.buffers.request;
        request.is_last()
            || self.worker.ends_connections()
            || request.upgrade().is_some()
            || !matches!(request.framing(), Framing::Empty | Framing::Length(0))
    }

    /// How far a failed try had come. A body that was begun cannot be sent again from its beginning.
    fn safety_of(&self, failure: &Failure) -> Safety {
        // Nothing left, nothing waits to leave: the body's bytes are still where they were.
        if self.up.moved == 0 && self.up.is_drained() && failure.side == Side::Upstream {
            return Safety::NothingSent;
        }
        let is_spent = self.is_body_gone() || self.conversation.has_heard_interim();
        if is_spent { Safety::Spent } else { failure.safety }
    }

    /// The failure of the peer's application, where the peer's proxy answers in its place.
    fn failure_of_peer(&self, call: &Invocation) -> Option<Failure> {
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

    /// What a proxy behind says about an answer that tells of a failure.
    fn words_of_callee(&self) -> Option<String> {
        if self.status < 500 {
            return None;
        }
        let response = self.worker.response.borrow();
        let status = response.value(FieldKind::ProxyStatus)?.escape_ascii().to_string();
        Some(format!("it says: {status}"))
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

    /// Brings the answer to the caller. Returns whether the caller's connection can carry a further call.
    async fn answer(
        &mut self,
        call: &Invocation,
        mut upstream: Upstream<'c>,
        downstream: Downstream,
    ) -> Answered {
        call.slow_body.into_iter().for_each(|rate| self.down.slow_down(rate));
        let error = self.stream(call, &mut upstream, downstream).await.err();
        self.vigil.end();
        let is_drained = error.is_none() && self.up.is_drained();
        if is_drained && self.conversation.keeps_upstream(!self.buffers.upstream_input.is_empty()) {
            upstream.keep(self.keeps_for);
        } else if error.is_some() || !self.conversation.is_over() {
            // What the callee still works on is wanted by nobody, or can be trusted by nobody.
            upstream.socket.reset_on_close();
        }
        let keeps_connection = is_drained && self.conversation.keeps_downstream();
        match &error {
            // Whoever is told the end of a body by the end of the connection must not take this for one.
            Some(_) if self.conversation.response.ends_by_close() => {
                self.socket.reset_on_close();
            }
            None if !keeps_connection && self.caller_may_be_sending() => {
                Box::pin(respond::linger(self.worker, self.socket)).await;
            }
            _ => {}
        }
        Answered { broken: error.as_ref().map(faults::stream_failure), keeps_connection }
    }

    /// Whether closing the connection could reset it under the answer. A caller that asked for the end and sent all of its
    /// request sends nothing more.
    fn caller_may_be_sending(&self) -> bool {
        let Buffers { request, input, .. } = &*self.buffers;
        !request.is_last() || !self.conversation.is_over() || !input.is_empty()
    }

    /// Passes bytes both ways after both sides have agreed on another protocol.
    async fn switch(&mut self, call: &Invocation, mut upstream: Upstream<'c>) -> Answered {
        let _counted = self.worker.count_while(call.row, Counters::upgraded);
        let mut halves = [
            Half::of(std::mem::take(&mut self.conversation.request), std::mem::take(&mut self.up)),
            Half::of(std::mem::take(&mut self.conversation.response), std::mem::take(&mut self.down)),
        ];
        let Buffers { input, upstream_input, .. } = &mut *self.buffers;
        let head = |output: &mut Vec<u8>| {
            let response = self.worker.response.borrow();
            edits::write_response(call, &response, Downstream::default(), false, output);
        };
        let ends = (&mut *self.socket, &mut upstream.socket);
        let inputs = (input, upstream_input);
        let begun = tunnel::begin(self.worker, &mut halves, ends, inputs, head).await;
        let ends = (&mut *self.socket, &mut upstream.socket);
        let result = match begun {
            Ok(()) => tunnel::run(self.worker, &mut halves, ends, Some(&mut self.vigil)).await,
            Err(error) => Err(error),
        };
        self.vigil.end();
        let [up, down] = halves;
        (self.conversation.request, self.conversation.response) = (up.transfer, down.transfer);
        Answered { broken: result.as_ref().err().map(faults::tunnel_failure), keeps_connection: false }
    }
}

impl Exchange for HttpExchange<'_> {
    async fn send(&mut self, call: &Invocation) -> Result<Code, Failure> {
        if call.tries == 1 {
            mirror::copy(self, call);
        }
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

    fn after_answer(&self) -> (Safety, bool) {
        let response = self.worker.response.borrow();
        let is_spent_below = spent::is_told(&response);
        if self.is_body_gone() || self.conversation.has_heard_interim() {
            return (Safety::Spent, is_spent_below);
        }
        let says = |word: &str| peer_says(&response, word);
        // What the peer's proxy refused has reached no application.
        let is_refused = says("error=destination_unavailable") || says("error=http_request_denied");
        (if is_refused { Safety::NothingSent } else { Safety::MayHaveActed }, is_spent_below)
    }

    /// The connection goes on only where all of the answer lies here already, as it does for most answers of a few words.
    fn drop_answer(&mut self) {
        self.heard = None;
        let Some(upstream) = self.upstream.take() else { return };
        let input = &mut self.buffers.upstream_input;
        let used = self
            .worker
            .scratch
            .with_output(|output| self.conversation.response.encode(input, output).unwrap_or_default());
        input.drain(..used);
        self.vigil.end();
        if self.up.is_drained() && self.conversation.keeps_upstream(!input.is_empty()) {
            upstream.keep(self.keeps_for);
        } else {
            upstream.socket.reset_on_close();
        }
    }

    fn give_up(&mut self, mut failure: Failure) -> Failure {
        // The next try gets its whole time.
        self.vigil.end();
        failure.safety = Safety::MayHaveActed;
        failure.safety = self.safety_of(&failure);
        failure
    }

    async fn relay(&mut self, call: &Invocation) -> Outcome {
        // Nobody sends the body again.
        self.buffers.input.drain(..std::mem::take(&mut self.held));
        let (upstream, heard) = (self.upstream.take(), self.heard.take());
        self.has_answered = true;
        let said = self.words_of_callee();
        let Answered { broken, keeps_connection } = match (upstream, heard) {
            (Some(upstream), Some(Heard::Final(downstream))) => self.answer(call, upstream, downstream).await,
            (Some(upstream), Some(Heard::Switch)) => Box::pin(self.switch(call, upstream)).await,
            _ => {
                self.has_answered = false;
                let failure = Failure::local(FailureKind::Internal, "there is no connection to answer from");
                return self.refuse(call, failure).await;
            }
        };
        let dropped = self.conversation.request.dropped_trailer_count();
        self.worker.counters.borrow_mut().dropped(call.direction, DropReason::Trailer, dropped);
        // The answer was on its way already: what was wrong with the request is said in metrics and log only.
        let refusal = self.conversation.request.refusal();
        let of_request =
            refusal.map(|refusal| (Side::Downstream, FailureKind::BadRequest(refusal), refusal.to_string()));
        let (failure, detail) = match of_request.or(broken) {
            Some((side, kind, detail)) => (Some((side, kind)), Some(detail)),
            None => (None, said),
        };
        Outcome {
            code: Code::Status(self.status),
            failure,
            detail,
            keeps_connection,
            request_bytes: self.conversation.request.bytes(),
            response_bytes: self.conversation.response.bytes(),
        }
    }

    async fn refuse(&mut self, call: &Invocation, failure: Failure) -> Outcome {
        let answer = respond::Answer {
            failure: &failure,
            signature: self.worker.shared.signature(call.direction),
            service: host_of(&self.buffers.request),
            invocation: Some(call.id),
            is_head: self.buffers.request.is("HEAD"),
            version: self.buffers.request.version(),
            must_close: self.must_close(),
        };
        let can_answer = !self.has_answered
            && self.down.is_drained()
            && !matches!(
                (failure.side, failure.kind),
                (Side::Downstream, FailureKind::Terminated) | (_, FailureKind::InjectedReset)
            );
        if failure.kind == FailureKind::InjectedReset {
            self.socket.reset_on_close();
        }
        self.deadline.set(&self.worker.deadlines, respond::WRITE_TIME_MAX);
        let sent = match can_answer {
            true => Box::pin(respond::write(self.worker, self.socket, self.deadline, &answer)).await,
            false => Err(()),
        };
        self.vigil.end();
        Outcome {
            code: if sent.is_ok() { Code::Status(answer.status()) } else { Code::None },
            failure: Some((failure.side, failure.kind)),
            detail: Some(failure.detail.to_string()),
            keeps_connection: sent.is_ok() && !answer.closes(),
            request_bytes: self.conversation.request.bytes(),
            response_bytes: 0,
        }
    }

    async fn answer_itself(&mut self, call: &Invocation) -> Outcome {
        let (nothing, fallback) = (FieldEdits::default(), call.fallback_answer());
        let of_route = call.actions().and_then(|actions| Some((&actions.response, actions.answer.as_ref()?)));
        let Some((edits, answer)) = fallback.map(|(answer, ..)| (&nothing, answer)).or(of_route) else {
            let failure = Failure::local(FailureKind::Internal, "no rule answers this call");
            return self.refuse(call, failure).await;
        };
        let (status, closes) = (answer.status(), self.must_close());
        let signature = self.worker.shared.signature(call.direction);
        let answer = own_answer::prepare(call, &self.buffers.request, (edits, answer), signature, closes);
        self.deadline.set(&self.worker.deadlines, respond::WRITE_TIME_MAX);
        let sent = match self.down.is_drained() {
            true => respond::send(self.worker, self.socket, self.deadline, &answer.bytes, closes).await,
            // Part of an interim answer is out.
            false => Err(()),
        };
        self.vigil.end();
        let (failure, detail) = match (sent, fallback) {
            (Err(()), _) => {
                let detail = "the caller ended before its answer".to_owned();
                (Some((Side::Downstream, FailureKind::Terminated)), Some(detail))
            }
            (Ok(()), Some((_, rule, failure))) => {
                let detail = format!("{rule} answers in place of: {}", failure.detail);
                (Some((failure.side, failure.kind)), Some(detail))
            }
            (Ok(()), None) => (None, None),
        };
        Outcome {
            code: if sent.is_ok() { Code::Status(status) } else { Code::None },
            failure,
            keeps_connection: sent.is_ok() && !closes,
            response_bytes: if sent.is_ok() { answer.body_bytes } else { 0 },
            detail,
            request_bytes: self.conversation.request.bytes(),
        }
    }

    async fn pause(&mut self, time: Duration) -> Result<(), Failure> {
        let mut over = pin!(tokio::time::sleep(time));
        let mut has_ended = false;
        poll_fn(|context| match over.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => {
                let input = &mut self.buffers.input;
                reply::watch_caller(context, self.socket, input, &mut has_ended, self.worker).map(Err)
            }
        })
        .await
    }

    fn operation(&self) -> Operation<'_> {
        operation_of(&self.buffers.request)
    }
}

impl HeadView for HttpExchange<'_> {
    fn message(&self) -> Option<Message<'_>> {
        Some(message_of(&self.buffers.request))
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        any_field(&self.buffers.request, name, holds)
    }

    fn each_name(&self, see: &mut dyn FnMut(&[u8])) {
        self.buffers.request.names().for_each(see);
    }

    fn address(&self) -> Option<IpAddr> {
        Some(self.socket.peer().ip())
    }
}

/// Whether the proxy beside the callee answers in its place, with this word.
fn peer_says(response: &ResponseHead, word: &str) -> bool {
    let status = response.value(FieldKind::ProxyStatus).and_then(|value| std::str::from_utf8(value).ok());
    status.is_some_and(|status| {
        status.starts_with("mesher/") && status.contains("/inbound;") && status.contains(word)
    })
}

/// The first line of a request, as rules see it.
pub(crate) fn message_of(request: &RequestHead) -> Message<'_> {
    Message { method: request.method_bytes(), path_and_query: request.path_bytes() }
}

/// Whether `holds` says yes to a value of a request's field, as rules see it.
pub(crate) fn any_field(request: &RequestHead, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    match name {
        // The next hop is told the host that counted here, whatever the field said (RFC 9112 §3.2.2).
        "host" => request.authority().is_some_and(|authority| holds(authority.host.as_bytes())),
        _ => request.named(name).any(holds),
    }
}

/// What a request asks for.
pub(crate) fn operation_of(request: &RequestHead) -> Operation<'_> {
    let port = request.authority().and_then(|authority| authority.port);
    Operation { method: request.method(), path: request.path_and_query(), host: host_of(request), port }
}

/// The host that a request names; empty where it names none.
fn host_of(request: &RequestHead) -> &str {
    request.authority().map_or("", |authority| authority.host)
}
