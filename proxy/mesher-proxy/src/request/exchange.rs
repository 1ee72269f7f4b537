//! HTTP/1.1's side of a try: sends the head, streams the body, reads the answer, brings it back.
//! It must never pair an answer with another call: a connection that is not read to a clean end is closed.

use std::borrow::Cow;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use mesher_codec::field::FieldKind;
use mesher_codec::request::SetField;
use mesher_codec::response::Downstream;
use mesher_codec::{Framing, RequestHead, ResponseHead};
use mesher_net::{Deadline, Socket};
use mesher_traffic::Safety;

use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::{Code, Direction, Exchange, Invocation, Operation, Outcome};
use crate::request::pump::{Pump, PumpError};
use crate::request::{faults, reply, respond};
use crate::snapshot::EndpointId;
use crate::telemetry::context;
use crate::telemetry::counters::DropReason;
use crate::worker::{InUse, Worker};

/// How long a connection may take to come about.
pub(crate) const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an upstream may be silent before its answer, or in the middle of it.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(300);

/// What a connection needs while it is busy. Idle connections own none of it.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) request: RequestHead,
    /// Bytes that came after the head: of the body, or of the next request.
    pub(crate) input: Vec<u8>,
    response: ResponseHead,
    /// Bytes that came with or after the answer's head.
    upstream_input: Vec<u8>,
}

impl Buffers {
    /// Forgets the content. Heads keep their room, bodies' bytes do not.
    pub(crate) fn clear(&mut self) {
        self.input = Vec::new();
        self.upstream_input = Vec::new();
    }
}

/// An upstream connection in use.
#[derive(Debug)]
struct Upstream<'w> {
    socket: Socket,
    _in_use: InUse<'w>,
    endpoint: EndpointId,
    idle_limit: Duration,
    is_reused: bool,
}

/// One HTTP/1.1 call on a caller's connection.
#[derive(Debug)]
pub(crate) struct HttpExchange<'c> {
    pub(crate) socket: &'c mut Socket,
    pub(crate) buffers: &'c mut Buffers,
    pub(crate) deadline: &'c Deadline,
    /// The value of `x-cse-context` that the callee gets; empty to leave the caller's.
    pub(crate) context: Cow<'c, str>,
    /// The worker that owns the connection; the same that handles the call.
    owner: &'c Worker,
    upstream: Option<Upstream<'c>>,
    request_pump: Pump,
    interim_count: u32,
    /// An answer's head is out, so no other answer can be given.
    has_answered: bool,
}

impl<'c> HttpExchange<'c> {
    pub(crate) fn new(
        owner: &'c Worker,
        socket: &'c mut Socket,
        buffers: &'c mut Buffers,
        deadline: &'c Deadline,
        context: Cow<'c, str>,
    ) -> Self {
        Self {
            socket,
            buffers,
            deadline,
            context,
            owner,
            upstream: None,
            request_pump: Pump::default(),
            interim_count: 0,
            has_answered: false,
        }
    }

    /// A connection to the current endpoint: one that is idle, or a new one.
    async fn connect(&self, call: &Invocation, may_reuse: bool) -> Result<Upstream<'c>, Failure> {
        let worker = self.owner;
        let Some(endpoint) = call.current_endpoint() else {
            return Err(Failure::local(FailureKind::NoEndpoint, "the endpoint is gone"));
        };
        let (id, address, idle_limit) = (endpoint.id, endpoint.address, endpoint.idle_limit);
        let idle = if may_reuse { worker.pool.borrow_mut().take(&id, call.started) } else { None };
        let is_reused = idle.is_some();
        let socket = match idle {
            Some(socket) => socket,
            None => {
                let result = Socket::connect(address, CONNECT_TIME_MAX).await;
                worker.counters.borrow_mut().connected(call.cluster(), &result);
                result.map_err(|error| faults::connect_failure(&error))?
            }
        };
        let in_use = worker.use_connection(call.row);
        Ok(Upstream { socket, _in_use: in_use, endpoint: id, idle_limit, is_reused })
    }

    /// Sends the call over `upstream` and waits for the head of the final answer.
    async fn converse(
        &mut self,
        worker: &Worker,
        direction: Direction,
        upstream: &mut Upstream<'_>,
    ) -> Result<(), Failure> {
        let answers_head = self.buffers.request.method() == "HEAD";
        let own = own_fields(worker, direction, &self.context);
        let set = if self.context.is_empty() { &own[..1] } else { &own[..] };
        self.request_pump = Pump::new(self.buffers.request.framing(), self.buffers.request.framing());
        self.buffers.upstream_input.clear();
        self.deadline.set(&worker.deadlines, SILENCE_MAX);
        let (mut has_begun, mut has_ended) = (false, false);
        let mut request_error = None;
        poll_fn(|context| {
            let Buffers { request, input, response, upstream_input } = &mut *self.buffers;
            if !has_begun {
                has_begun = true;
                let head = |output: &mut Vec<u8>| request.write(set, output);
                let begun =
                    self.request_pump.start(context, head, input, &mut upstream.socket, &worker.scratch);
                request_error = begun.err();
            }
            let sent_before = self.request_pump.bytes;
            if request_error.is_none() && !self.request_pump.is_done() {
                let pump = &mut self.request_pump;
                request_error =
                    pump.push(context, self.socket, input, &mut upstream.socket, &worker.scratch).err();
            }
            if self.request_pump.bytes != sent_before {
                self.deadline.set(&worker.deadlines, SILENCE_MAX);
            }
            if let Some(error @ (PumpError::Source(_) | PumpError::Refused(_))) = &request_error {
                return Poll::Ready(Err(faults::source_failure(error)));
            }
            if self.request_pump.is_done()
                && let Poll::Ready(failure) =
                    reply::watch_caller(context, self.socket, input, &mut has_ended, worker)
            {
                return Poll::Ready(Err(failure));
            }
            // An upstream that stopped reading may have answered before: the answer is read all the same.
            let read = reply::read_head(
                context,
                worker,
                &mut upstream.socket,
                response,
                upstream_input,
                answers_head,
            );
            match read {
                Poll::Ready(Ok(())) if response.is_interim() => {
                    self.interim_count += 1;
                    let passed = reply::take_interim(
                        context,
                        self.socket,
                        (request, response),
                        self.interim_count,
                        worker,
                    );
                    context.waker().wake_by_ref();
                    passed.map_or_else(|failure| Poll::Ready(Err(failure)), |()| Poll::Pending)
                }
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending if self.deadline.poll_passed(context).is_ready() => {
                    Poll::Ready(Err(faults::silence(self.request_pump.is_read())))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// How far a failed try had come. A body that was begun cannot be sent again from its beginning.
    fn safety_of(&self, failure: &Failure) -> Safety {
        if self.request_pump.has_taken() || self.interim_count > 0 { Safety::Spent } else { failure.safety }
    }

    /// The failure of the peer's application, where the peer's proxy answers in its place.
    fn failure_of_peer(&self, call: &Invocation) -> Option<Failure> {
        if call.direction != Direction::Outbound || self.buffers.response.status() != 502 {
            return None;
        }
        let status = std::str::from_utf8(self.buffers.response.value(FieldKind::ProxyStatus)?).ok()?;
        let is_peer = status.starts_with("mesher/") && status.contains("/inbound;");
        let says = |error: &str| is_peer && status.contains(error);
        if says("error=connection_refused") {
            let detail = "the application behind the peer's proxy refused the connection";
            return Some(Failure::upstream(FailureKind::ConnectRefused, Safety::NothingSent, detail));
        }
        says("error=connection_terminated").then(|| {
            let detail = "the application behind the peer's proxy closed the connection before its answer";
            Failure::upstream(FailureKind::Terminated, Safety::MayHaveActed, detail)
        })
    }

    /// Streams the answer to the caller, and what is left of the request to the callee.
    async fn stream(
        &mut self,
        worker: &Worker,
        upstream: &mut Upstream<'_>,
        downstream: Downstream,
    ) -> (Pump, Option<PumpError>) {
        let response = &self.buffers.response;
        let mut pump = Pump::new(response.framing(), response.framing_for(downstream.version));
        let mut has_begun = false;
        let result = poll_fn(|context| {
            let Buffers { request: _, input, response, upstream_input } = &mut *self.buffers;
            if !has_begun {
                has_begun = true;
                let head = |output: &mut Vec<u8>| response.write(downstream, output);
                pump.start(context, head, upstream_input, self.socket, &worker.scratch)?;
            }
            let before = (pump.bytes, self.request_pump.bytes);
            if !self.request_pump.is_done() {
                // Its end is of no matter to the answer; an unfinished request ends the connection afterwards.
                let pump = &mut self.request_pump;
                let _ = pump.push(context, self.socket, input, &mut upstream.socket, &worker.scratch);
                // What is no request gets no further answer either; the callee learns that it was none.
                if pump.refusal().is_some() {
                    return Poll::Ready(Err(PumpError::Source(None)));
                }
            }
            let polled =
                pump.poll(context, &mut upstream.socket, upstream_input, self.socket, &worker.scratch);
            if (pump.bytes, self.request_pump.bytes) != before {
                self.deadline.set(&worker.deadlines, SILENCE_MAX);
            }
            match polled {
                Poll::Pending if self.deadline.poll_passed(context).is_ready() => {
                    Poll::Ready(Err(PumpError::Source(Some(std::io::ErrorKind::TimedOut.into()))))
                }
                other => other,
            }
        })
        .await;
        (pump, result.err())
    }
}

impl Exchange for HttpExchange<'_> {
    async fn send(&mut self, worker: &Worker, call: &Invocation) -> Result<Code, Failure> {
        let mut may_reuse = true;
        loop {
            let mut upstream = self.connect(call, may_reuse).await?;
            match self.converse(worker, call.direction, &mut upstream).await {
                Ok(()) => {
                    if let Some(mut failure) = self.failure_of_peer(call) {
                        failure.safety = self.safety_of(&failure);
                        return Err(failure);
                    }
                    self.upstream = Some(upstream);
                    return Ok(Code::Status(self.buffers.response.status()));
                }
                Err(mut failure) => {
                    failure.safety = self.safety_of(&failure);
                    if failure.side == Side::Downstream {
                        upstream.socket.abort();
                        return Err(failure);
                    }
                    // The peer may close an idle connection in the moment in which we use it; a fresh one settles
                    // whether it is alive. Only what may happen twice is sent twice.
                    let is_stale =
                        upstream.is_reused && failure.safety == Safety::MayHaveActed && call.is_idempotent;
                    if !is_stale || !may_reuse {
                        return Err(failure);
                    }
                    may_reuse = false;
                }
            }
        }
    }

    async fn relay(&mut self, worker: &Worker, call: &Invocation) -> Outcome {
        let Some(mut upstream) = self.upstream.take() else {
            let failure = Failure::local(FailureKind::Internal, "there is no connection to answer from");
            return self.refuse(worker, call, failure).await;
        };
        let version = self.buffers.request.version();
        let is_last_request = self.buffers.request.is_last() || worker.is_draining();
        let ends_by_close = self.buffers.response.framing_for(version) == Framing::UntilClose;
        let is_last = is_last_request || ends_by_close || !self.request_pump.is_read();
        self.has_answered = true;
        let (pump, error) = self.stream(worker, &mut upstream, Downstream { version, is_last }).await;
        self.deadline.clear();
        let is_whole = error.is_none() && self.request_pump.is_done();
        let is_clean = is_whole && self.buffers.upstream_input.is_empty() && !self.buffers.response.is_last();
        if is_clean {
            let (key, limit) = (upstream.endpoint, upstream.idle_limit);
            worker.pool.borrow_mut().put(key, upstream.socket, Instant::now(), limit);
        }
        let dropped = self.request_pump.dropped_trailer_count();
        worker.counters.borrow_mut().dropped(call.direction, DropReason::Trailer, dropped);
        let of_answer = error.map(|error| faults::stream_failure(&error));
        // The answer was on its way already: what was wrong with the request is said in metrics and log only.
        let of_request = self
            .request_pump
            .refusal()
            .map(|refusal| (Side::Downstream, FailureKind::BadRequest(refusal), refusal.to_string()));
        let (failure, detail) = match of_request.or(of_answer) {
            Some((side, kind, detail)) => (Some((side, kind)), Some(detail)),
            None => (None, None),
        };
        Outcome {
            code: Code::Status(self.buffers.response.status()),
            failure,
            detail,
            keeps_connection: is_whole && !is_last,
            request_bytes: self.request_pump.bytes,
            response_bytes: pump.bytes,
        }
    }

    async fn refuse(&mut self, worker: &Worker, call: &Invocation, failure: Failure) -> Outcome {
        let answer = respond::Answer {
            failure: &failure,
            signature: worker.shared.signature(call.direction),
            service: host_of(&self.buffers.request),
            invocation: Some(call.id),
            is_head: self.buffers.request.method() == "HEAD",
            version: self.buffers.request.version(),
            // What is left of the request's body is not read.
            must_close: self.buffers.request.is_last()
                || worker.is_draining()
                || !matches!(self.buffers.request.framing(), Framing::Empty | Framing::Length(0)),
        };
        let can_answer = !self.has_answered
            && !matches!((failure.side, failure.kind), (Side::Downstream, FailureKind::Terminated));
        self.deadline.set(&worker.deadlines, respond::WRITE_TIME_MAX);
        let sent =
            if can_answer { respond::write(self.socket, self.deadline, &answer).await } else { Err(()) };
        self.deadline.clear();
        Outcome {
            code: if sent.is_ok() { Code::Status(answer.status()) } else { Code::None },
            failure: Some((failure.side, failure.kind)),
            detail: Some(failure.detail.to_string()),
            keeps_connection: sent.is_ok() && !answer.closes(),
            request_bytes: self.request_pump.bytes,
            response_bytes: 0,
        }
    }

    fn operation(&self) -> Operation<'_> {
        let request = &self.buffers.request;
        Operation { method: request.method(), path: request.path_and_query(), host: host_of(request) }
    }
}

/// The fields that the proxy writes itself: its signature, and the context, with which nobody else says who calls. Calls are signed on the way out; the
/// signature ends at the callee's proxy, whose application has no use for it.
fn own_fields<'a>(worker: &'a Worker, direction: Direction, context: &'a str) -> [SetField<'a>; 3] {
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

fn host_of(request: &RequestHead) -> &str {
    request.authority().map_or("", |authority| authority.host)
}
