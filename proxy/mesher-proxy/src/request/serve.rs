//! The loop of an HTTP/1.1 connection: read a head, make an invocation, run it, go on or close.
//! It must own no buffer while it waits for the next request.

use std::borrow::Cow;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use mesher_codec::field::FieldKind;
use mesher_codec::{Framing, Progress, Refusal, RequestHead, TargetForm};
use mesher_net::{Deadline, Socket};
use mesher_traffic::retry::is_idempotent;

use crate::bootstrap::PortProtocol;
use crate::explain;
use crate::overload::shed;
use crate::request::exchange::{Buffers, HttpExchange};
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Direction, Invocation, Outcome, Protocol, Target};
use crate::request::{deadline, invoke, respond, target};
use crate::snapshot::View;
use crate::telemetry::context;
use crate::telemetry::counters::{DropReason, Row};
use crate::telemetry::names::{PEER_OTHER, PEER_UNKNOWN};
use crate::worker::Worker;

/// How the wait for a head ended.
enum Arrival {
    Head(Box<Buffers>),
    Refused(Refusal),
    TimedOut,
    Closed,
}

/// A connection as its reader sees it.
#[derive(Clone, Copy)]
struct Line<'c> {
    worker: &'c Worker,
    deadline: &'c Deadline,
}

/// How a connection ends whose request never became an invocation.
#[derive(Debug, Clone, Copy)]
struct Farewell {
    direction: Direction,
    is_head: bool,
    /// Whether its caller gets to read the answer whatever it is still sending.
    lingers: bool,
}

impl Farewell {
    const fn of(direction: Direction) -> Self {
        Self { direction, is_head: false, lingers: true }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(worker: &Worker, mut socket: Socket, direction: Direction) {
    let deadline = worker.deadlines.watch();
    let line = Line { worker, deadline: &deadline };
    let mut leftover = Vec::new();
    let mut limit = worker.limits().head_time_max;
    loop {
        match read_head(line, &mut socket, std::mem::take(&mut leftover), limit).await {
            Arrival::Head(mut buffers) => {
                let outcome = exchange(worker, &mut socket, &mut buffers, &deadline, direction).await;
                leftover = std::mem::take(&mut buffers.input);
                worker.give_back(buffers);
                if !outcome {
                    return;
                }
            }
            Arrival::Refused(refusal) => {
                let failure = Failure::downstream(FailureKind::BadRequest(refusal), refusal.to_string());
                return Box::pin(turn_away(worker, &mut socket, &deadline, Farewell::of(direction), failure))
                    .await;
            }
            Arrival::TimedOut => {
                let detail = format!(
                    "the request's head did not come within {} s",
                    worker.limits().head_time_max.as_secs_f64()
                );
                let failure = Failure::downstream(FailureKind::HeadTimeout, detail);
                return Box::pin(turn_away(worker, &mut socket, &deadline, Farewell::of(direction), failure))
                    .await;
            }
            Arrival::Closed => return,
        }
        limit = worker.limits().idle_time_max;
    }
}

/// Waits for the next head. `input` holds what came with the last request already.
async fn read_head(line: Line<'_>, socket: &mut Socket, mut input: Vec<u8>, limit: Duration) -> Arrival {
    let Line { worker, deadline } = line;
    let mut buffers = None;
    if input.is_empty() {
        deadline.set_idle(&worker.deadlines, limit);
    } else {
        deadline.set(&worker.deadlines, worker.limits().head_time_max);
        let mut ready = worker.take_buffers();
        if let Some(arrival) = parse(&mut ready.request, &mut input) {
            return settle(arrival, ready, input);
        }
        buffers = Some(ready);
    }
    let arrival = poll_fn(|context| poll_head(context, line, socket, &mut buffers, &mut input)).await;
    match (arrival, buffers) {
        (Ok(()), Some(buffers)) => settle(Ok(()), buffers, input),
        (Err(arrival), _) => arrival,
        (Ok(()), None) => Arrival::Closed,
    }
}

fn settle(result: Result<(), Refusal>, mut buffers: Box<Buffers>, input: Vec<u8>) -> Arrival {
    match result {
        Ok(()) => {
            buffers.input = input;
            Arrival::Head(buffers)
        }
        Err(refusal) => Arrival::Refused(refusal),
    }
}

/// Parses the head at the beginning of `input` and takes it away; `None` while it is not whole.
fn parse(request: &mut RequestHead, input: &mut Vec<u8>) -> Option<Result<(), Refusal>> {
    match request.parse(input) {
        Ok(Progress::Complete(used)) => {
            input.drain(..used);
            Some(Ok(()))
        }
        Ok(Progress::Partial) => None,
        Err(refusal) => Some(Err(refusal)),
    }
}

/// Whether a head of which `known` bytes are there is read again, from its beginning, because of `more`: where a line
/// ends, or where it grew by a sixteenth. A head that drips in byte by byte would cost the square of its length.
fn is_worth_reading(known: usize, more: &[u8]) -> bool {
    let step = (known / 16).max(1);
    more.contains(&b'\n') || known / step != (known + more.len()) / step
}

fn poll_head(
    context: &mut Context<'_>,
    Line { worker, deadline }: Line<'_>,
    socket: &mut Socket,
    buffers: &mut Option<Box<Buffers>>,
    input: &mut Vec<u8>,
) -> Poll<Result<(), Arrival>> {
    loop {
        let read = worker.scratch.with_input(|scratch| match socket.poll_read(context, scratch) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_) | Ok(0)) => Poll::Ready(Some(Err(Arrival::Closed))),
            Poll::Ready(Ok(read)) => {
                let bytes = scratch.get(..read).unwrap_or_default();
                let ready = buffers.get_or_insert_with(|| worker.take_buffers());
                if !input.is_empty() {
                    let is_news = is_worth_reading(input.len(), bytes);
                    input.extend_from_slice(bytes);
                    let parsed = if is_news { parse(&mut ready.request, input) } else { None };
                    return Poll::Ready(parsed.map(|result| result.map_err(Arrival::Refused)));
                }
                // The usual case: the head is whole in the first read, and is parsed where it lies.
                match ready.request.parse(bytes) {
                    Ok(Progress::Complete(used)) => {
                        input.extend_from_slice(bytes.get(used..).unwrap_or_default());
                        Poll::Ready(Some(Ok(())))
                    }
                    Ok(Progress::Partial) => {
                        input.extend_from_slice(bytes);
                        deadline.set(&worker.deadlines, worker.limits().head_time_max);
                        Poll::Ready(None)
                    }
                    Err(refusal) => Poll::Ready(Some(Err(Arrival::Refused(refusal)))),
                }
            }
        });
        match read {
            Poll::Ready(Some(arrival)) => return Poll::Ready(arrival),
            Poll::Ready(None) => {}
            Poll::Pending
                if deadline.poll_passed(context).is_ready()
                    && input.is_empty()
                    && socket.has_unseen_input() =>
            {
                // A request came in the same moment: the runtime brings it with its next look.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Pending if deadline.poll_passed(context).is_ready() => {
                let parsed = buffers.as_mut().and_then(|ready| parse(&mut ready.request, input));
                let arrival = match parsed {
                    Some(Err(refusal)) => Arrival::Refused(refusal),
                    // A connection that never began a request is closed without a word.
                    _ if input.is_empty() => Arrival::Closed,
                    _ => Arrival::TimedOut,
                };
                return Poll::Ready(Err(arrival));
            }
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Handles one request. Returns whether the connection can carry another.
async fn exchange(
    worker: &Worker,
    socket: &mut Socket,
    buffers: &mut Buffers,
    deadline: &Deadline,
    direction: Direction,
) -> bool {
    deadline.clear();
    let request = &buffers.request;
    if request.form() == TargetForm::Authority || request.is("TRACE") {
        let method = if request.is("TRACE") { "TRACE" } else { "CONNECT" };
        let failure =
            Failure::downstream(FailureKind::MethodNotAllowed, format!("{method} is not taken here"));
        Box::pin(turn_away(worker, socket, deadline, Farewell::of(direction), failure)).await;
        return false;
    }
    if let Some(failure) = shed::refusal(worker, request, direction) {
        let (is_head, may_send) = (request.is("HEAD"), !matches!(request.framing(), Framing::Empty));
        // What it brought is not kept while it reads its answer.
        buffers.clear();
        let linger = shed::Linger::of(worker, may_send);
        let kind = Farewell { direction, is_head, lingers: linger.is_some() };
        Box::pin(turn_away(worker, socket, deadline, kind, failure)).await;
        return false;
    }
    if request.alias_count() > 0 {
        worker.counters.borrow_mut().dropped(direction, DropReason::Alias, request.alias_count());
    }
    let resolved = match direction {
        _ if is_too_large(worker, request) => {
            let refusal = Refusal::BodyTooLarge;
            Err(Failure::downstream(FailureKind::BadRequest(refusal), refusal.to_string()))
        }
        Direction::Outbound if has_passed(worker, request) => Err(loop_failure()),
        Direction::Outbound => outbound_target(worker, request).await,
        Direction::Inbound => inbound_target(worker, request),
    };
    let (snapshot, target, refusal) = target::or_nowhere(worker, resolved, PortProtocol::Rest);
    let row = match direction {
        Direction::Outbound if refusal.is_none() => {
            worker.counters.borrow_mut().row_of_cluster(snapshot.cluster(target.cluster), Protocol::Http1)
        }
        Direction::Outbound => worker.counters.borrow_mut().row_of_unknown(direction, Protocol::Http1),
        Direction::Inbound => row_of_caller(worker, request),
    };
    let own_context = match direction {
        Direction::Outbound if snapshot.cluster(target.cluster).is_service() => {
            context::outgoing(worker, request)
        }
        _ => Cow::Borrowed(""),
    };
    let mut call = Invocation::new(worker, snapshot, (direction, Protocol::Http1), target, row);
    call.is_idempotent = is_idempotent(request.method_bytes());
    call.refusal = refusal;
    call.time_given = deadline::given(&buffers.request);
    let is_asked_for = call.governance().is_some() || !worker.shared.bootstrap.handlers.is_empty();
    if direction == Direction::Inbound && is_asked_for {
        call.caller = name_of_caller(worker, &buffers.request, row);
    }
    let mut exchange = HttpExchange::new(worker, socket, buffers, deadline, own_context);
    // A host outside the mesh gets no context.
    if !exchange.context.is_empty()
        && let Some(context) = context::mapped(worker, &call, &exchange, &exchange.context)
    {
        exchange.context = Cow::Owned(context);
    }
    invoke::invoke(worker, &mut call, &mut exchange).await.keeps_connection
}

fn row_of_caller(worker: &Worker, request: &RequestHead) -> Row {
    let mut counters = worker.counters.borrow_mut();
    let said = match (request.value(FieldKind::CseContext), request.value(FieldKind::CseSource)) {
        (Some(_), Some(_)) => {
            return counters.row_of_caller(context::caller(request).as_deref(), Protocol::Http1);
        }
        (said, None) | (None, said) => said.unwrap_or_default(),
    };
    counters.row_of_context(said, Protocol::Http1, || context::caller(request))
}

/// Who calls, where rules may ask. It was read for the row already, but for callers that share one.
fn name_of_caller(worker: &Worker, request: &RequestHead, row: Row) -> Option<Box<str>> {
    match worker.counters.borrow().peer_of(row) {
        PEER_OTHER | PEER_UNKNOWN => context::caller(request).map(String::into_boxed_str),
        name => Some(name.into()),
    }
}

/// Whether the request announces a larger body than it may have.
fn is_too_large(worker: &Worker, request: &RequestHead) -> bool {
    let most = worker.limits().body_bytes_max.unwrap_or(u64::MAX);
    matches!(request.framing(), Framing::Length(length) if length > most)
}

/// Whether this proxy has sent this very call out before.
fn has_passed(worker: &Worker, request: &RequestHead) -> bool {
    request.values(FieldKind::MesherVia).any(|value| value == worker.shared.via.as_bytes())
}

fn loop_failure() -> Failure {
    let detail = "this call came back to the proxy that sent it; an instance is registered with the address of a proxy's outbound listener";
    Failure::local(FailureKind::Loop, detail)
}

/// Where a call of the local application leads.
pub(crate) async fn outbound_target(
    worker: &Worker,
    request: &RequestHead,
) -> Result<(View, Target), Failure> {
    match request.authority() {
        Some(authority) => target::resolve(worker, authority, PortProtocol::Rest).await,
        None => {
            let detail =
                "the request names no host; send a Host field, or set http_proxy and call http://NAME/";
            Err(Failure::downstream(FailureKind::BadRequest(Refusal::Host), detail))
        }
    }
}

/// The local application. A port in the host, or the older port hint, may choose among the declared ports only.
fn inbound_target(worker: &Worker, request: &RequestHead) -> Result<(View, Target), Failure> {
    let snapshot = worker.snapshot();
    let Some(cluster) = snapshot.local() else {
        let detail = "this proxy has no port of an application to lead to; set MESHER_PORTS";
        return Err(Failure::local(FailureKind::NoEndpoint, detail));
    };
    let hint = request
        .value(FieldKind::ForwardedPort)
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    let named = request.authority().and_then(|authority| authority.port);
    let endpoints = || {
        snapshot.cluster(cluster).endpoints.iter().filter(|endpoint| endpoint.protocol == PortProtocol::Rest)
    };
    let is_declared = |port: &u16| endpoints().any(|endpoint| endpoint.ports.contains(port));
    let first = endpoints().find_map(|endpoint| endpoint.ports.first().copied());
    let port = named.filter(is_declared).or(hint.filter(is_declared)).or(first);
    Ok((snapshot, Target { cluster, protocol: PortProtocol::Rest, port }))
}

/// Answers what never became an invocation, counts it, and ends the connection.
async fn turn_away(
    worker: &Worker,
    socket: &mut Socket,
    deadline: &Deadline,
    Farewell { direction, is_head, lingers }: Farewell,
    failure: Failure,
) {
    let started = std::time::Instant::now();
    let row = worker.counters.borrow_mut().row_of_unknown(direction, Protocol::Http1);
    worker.counters.borrow_mut().begin(row);
    let id = worker.next_invocation_id();
    let answer = respond::Answer {
        failure: &failure,
        signature: worker.shared.signature(direction),
        service: "",
        invocation: Some(id),
        is_head,
        version: mesher_codec::Version::Http11,
        must_close: true,
    };
    deadline.set(&worker.deadlines, respond::WRITE_TIME_MAX);
    let sent = respond::send(worker, socket, deadline, &answer.bytes(), lingers).await;
    let outcome = Outcome {
        code: if sent.is_ok() { Code::Status(answer.status()) } else { Code::None },
        failure: Some((failure.side, failure.kind)),
        detail: None,
        keeps_connection: false,
        request_bytes: 0,
        response_bytes: 0,
    };
    let elapsed = started.elapsed();
    worker.counters.borrow_mut().end(row, &outcome, elapsed);
    if worker.memory.borrow().wants(true) {
        let status = sent.is_ok().then(|| answer.status());
        explain::remember_turned_away(worker, (id, direction), &failure, status, elapsed);
    }
    // That calls are shed is said once, and not for each of them.
    if failure.kind != FailureKind::Overloaded {
        worker.refusal_log.record(socket.peer(), direction, &failure);
    }
}
