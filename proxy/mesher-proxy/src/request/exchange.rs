//! HTTP/1.1's side of a call: sends it, brings the answer back, or says why there is none.
//! It must never pair an answer with another call: a connection that is not read to a clean end is closed.

use std::borrow::Cow;
use std::future::{Future as _, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mesher_codec::{Conversation, Framing, HeadLimits, Heard, RequestHead};
use mesher_net::{Deadline, Socket};
use mesher_traffic::{FieldEdits, HeadView, Message, Safety};

use crate::request::attempt::{self, Beside, Came, peer_says};
use crate::request::converse::Answered;
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::{Code, Exchange, Invocation, Operation, Outcome};
use crate::request::pump::Pump;
use crate::request::upstream::Upstream;
use crate::request::vigil::Vigil;
use crate::request::{mirror, own_answer, reply, respond, spent};
use crate::telemetry::counters::DropReason;
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
    pub(super) upstream: Option<Upstream<'c>>,
    pub(super) heard: Option<Heard>,
    /// A try that goes on beside another one.
    pub(super) beside: Beside<'c>,
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
            beside: Beside::default(),
            status: 0,
            keeps_for: None,
            has_answered: false,
        }
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
}

impl Exchange for HttpExchange<'_> {
    async fn send(&mut self, call: &Invocation) -> Result<Code, Failure> {
        if call.tries == 1 {
            mirror::copy(self, call);
        }
        self.attempt(call, None, None).await.map(attempt::code)
    }

    async fn send_until(&mut self, call: &Invocation, delay: Duration) -> Result<Option<Code>, Failure> {
        if call.tries == 1 {
            mirror::copy(self, call);
        }
        let late = pin!(tokio::time::sleep(delay));
        self.attempt(call, Some(late), None).await.map(Came::code)
    }

    async fn send_beside(&mut self, call: &Invocation) -> Result<Option<Code>, Failure> {
        self.attempt(call, None, None).await.map(Came::code)
    }

    async fn go_on(&mut self, call: &Invocation) -> Result<Code, Failure> {
        match self.beside.first.take() {
            Some(first) => self.attempt(call, None, Some(first)).await.map(attempt::code),
            None => Err(Failure::local(FailureKind::Internal, "no try was set aside")),
        }
    }

    fn is_set_aside(&self) -> bool {
        self.beside.first.is_some()
    }

    fn end_aside(&mut self) -> Option<Failure> {
        self.beside.end()
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
        self.beside.end();
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
        self.beside.end();
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
        self.beside.end();
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
