//! What is told of a call: by its handlers, by its tries, by its end.
//! It must repeat nothing that a caller may want to keep: no header field, no query, no body.

use std::time::Duration;

use mesher_model::explain::{CallFacts, Destination, Explanation, FailureFacts, RequestFacts, Try};
use mesher_traffic::HeadView;

use crate::discovery;
use crate::handlers::Handler;
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::{
    Code, Direction, Exchange, Invocation, InvocationId, Operation, Outcome, Protocol,
};
use crate::request::target::HTTP_PORT;
use crate::snapshot::{Cluster, ClusterKind};
use crate::worker::Worker;

/// The longest path, host or sentence that is told, in bytes.
const WORDS_BYTES_MAX: usize = 512;

/// Remembers a call that has ended.
pub(crate) fn remember(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &impl Exchange,
    outcome: &Outcome,
    elapsed: Duration,
    has_failed: bool,
) {
    let mut told = begin(call, exchange.operation());
    told.call = Some(facts(worker, call, outcome, elapsed));
    told.tries = tries(call, outcome, elapsed);
    // How the call ended is known.
    let _ = lead(worker.chains.of(call), worker, (call, exchange), &mut told);
    if let (None, Some(detail)) = (outcome.failure, &outcome.detail) {
        told.notes.push(cut(detail).to_owned());
    }
    told.conclusion = conclusion(&told);
    worker.memory.borrow_mut().keep(call.id, has_failed, &told);
}

/// Remembers a request that was answered before it became a call.
pub(crate) fn remember_turned_away(
    worker: &Worker,
    (id, direction): (InvocationId, Direction),
    failure: &Failure,
    status: Option<u16>,
    elapsed: Duration,
) {
    let call = CallFacts {
        id: id.to_string(),
        at: began_at(elapsed),
        elapsed_ms: milliseconds(elapsed),
        status,
        failure: Some(failure_facts(failure.side, failure.kind, &failure.detail)),
        ..CallFacts::default()
    };
    let mut told = Explanation {
        call: Some(call),
        direction: direction.as_str().to_owned(),
        request: RequestFacts { protocol: Protocol::Http1.as_str().to_owned(), ..RequestFacts::default() },
        destination: Destination { kind: "nowhere".to_owned(), name: String::new() },
        ..Explanation::default()
    };
    told.conclusion = conclusion(&told);
    worker.memory.borrow_mut().keep(id, true, &told);
}

/// Lets the handlers tell of a call, as far down the chain as it goes.
pub(super) fn lead(
    chain: &[&dyn Handler],
    worker: &Worker,
    (call, head): (&mut Invocation, &dyn HeadView),
    told: &mut Explanation,
) -> Result<(), Failure> {
    for handler in chain {
        let result = handler.explain(worker, call, head, told);
        // One that has ended is told of to its end.
        if (result.is_err() && told.call.is_none()) || call.own_answer().is_some() {
            return result;
        }
    }
    Ok(())
}

/// What is known of a call before anybody was asked about it.
pub(super) fn begin(call: &Invocation, operation: Operation<'_>) -> Explanation {
    let path = operation.path.split('?').next().unwrap_or_default();
    let exit = exit(call, operation);
    Explanation {
        said: if exit.is_some() { call.snapshot.egress_said.clone() } else { Vec::new() },
        notes: exit.into_iter().collect(),
        direction: call.direction.as_str().to_owned(),
        request: RequestFacts {
            protocol: call.protocol.as_str().to_owned(),
            method: operation.method.to_owned(),
            host: cut(operation.host).to_owned(),
            path: cut(path).to_owned(),
        },
        snapshot: call.snapshot.number,
        rules_revision: call.snapshot.revision,
        destination: destination(call.cluster()),
        ..Explanation::default()
    }
}

/// What a rule about outside hosts says of a call that leaves the mesh, or would.
fn exit(call: &Invocation, operation: Operation<'_>) -> Option<String> {
    let egress = call.snapshot.egress.as_ref()?;
    let host = operation.host.to_ascii_lowercase();
    let is_inside = call.cluster().kind == ClusterKind::Local
        || call.snapshot.service(&host).is_some()
        || !discovery::may_be_outside(&host);
    let port = operation.port.unwrap_or(HTTP_PORT);
    (!is_inside).then(|| egress.describe(egress.decide(&host, port)))
}

fn destination(cluster: &Cluster) -> Destination {
    let kind = match cluster.kind {
        ClusterKind::Local => "local",
        ClusterKind::Service => "service",
        ClusterKind::Outside => "outside",
        ClusterKind::Nowhere => "nowhere",
    };
    Destination { kind: kind.to_owned(), name: cluster.name.to_string() }
}

fn facts(worker: &Worker, call: &Invocation, outcome: &Outcome, elapsed: Duration) -> CallFacts {
    let detail = outcome.detail.as_deref().unwrap_or_default();
    let from = match call.direction {
        Direction::Outbound => worker.shared.bootstrap.identity.service.clone(),
        Direction::Inbound => worker.counters.borrow().peer_of(call.row).to_owned(),
    };
    CallFacts {
        id: call.id.to_string(),
        at: began_at(elapsed),
        elapsed_ms: milliseconds(elapsed),
        status: if let Code::Status(status) = outcome.code { Some(status) } else { None },
        failure: outcome.failure.map(|(side, kind)| failure_facts(side, kind, detail)),
        from,
        request_bytes: outcome.request_bytes,
        response_bytes: outcome.response_bytes,
    }
}

pub(super) fn failure_facts(side: Side, kind: FailureKind, detail: &str) -> FailureFacts {
    FailureFacts {
        side: side.as_str().to_owned(),
        kind: kind.as_str().to_owned(),
        detail: cut(detail).to_owned(),
    }
}

/// The tries that failed, and the one that was answered.
fn tries(call: &Invocation, outcome: &Outcome, elapsed: Duration) -> Vec<Try> {
    let failed = call.failed_tries.iter().map(|attempt| Try {
        address: attempt.address.to_string(),
        instance: attempt.instance.to_string(),
        version: attempt.version.to_string(),
        began_ms: milliseconds(attempt.began),
        elapsed_ms: milliseconds(attempt.ended.saturating_sub(attempt.began)),
        failure: Some(failure_facts(attempt.side, attempt.kind, &attempt.detail)),
    });
    let mut tries: Vec<_> = failed.collect();
    if let Some(endpoint) = call.current_endpoint().filter(|_| call.tries as usize > call.failed_tries.len())
    {
        let began = call.try_began_at();
        let detail = outcome.detail.as_deref().unwrap_or_default();
        tries.push(Try {
            address: endpoint.address.to_string(),
            instance: endpoint.instance.to_string(),
            version: endpoint.version.to_string(),
            began_ms: milliseconds(began),
            elapsed_ms: milliseconds(elapsed.saturating_sub(began)),
            failure: outcome.failure.map(|(side, kind)| failure_facts(side, kind, detail)),
        });
    }
    tries
}

/// How a call ended, in a sentence.
fn conclusion(told: &Explanation) -> String {
    let Some(call) = &told.call else { return String::new() };
    let last = told.tries.last().map(|last| last.address.as_str());
    match (&call.failure, call.status) {
        (Some(failure), Some(status)) => {
            format!("the caller got {status}, for {} ({}): {}", failure.kind, failure.side, failure.detail)
        }
        (Some(failure), None) => {
            format!("the caller got no answer, for {} ({}): {}", failure.kind, failure.side, failure.detail)
        }
        (None, Some(status)) if told.tries.is_empty() => {
            format!("the proxy itself answered {status}, as its rule says")
        }
        (None, Some(status)) => format!("{} answered {status}", last.unwrap_or("the callee")),
        (None, None) => format!("the flow to {} ended", last.unwrap_or("the callee")),
    }
}

fn milliseconds(span: Duration) -> f64 {
    // Thousandths are enough, and short.
    (span.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn began_at(elapsed: Duration) -> String {
    let now = jiff::Timestamp::now();
    format!("{:.3}", now.checked_sub(elapsed).unwrap_or(now))
}

pub(super) fn cut(words: &str) -> &str {
    head(words, WORDS_BYTES_MAX)
}

/// The beginning of some words: at most so many bytes.
pub(crate) fn head(words: &str, most: usize) -> &str {
    words.get(..words.floor_char_boundary(most)).unwrap_or_default()
}
