//! Copies of calls for those whom a rule names beside the callee. Their answers are thrown away.
//! It must never delay or fail the call that it copies: what has no room or no time is left out, and counted.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mesher_codec::{Authority, Transfer};
use mesher_net::Socket;
use mesher_traffic::Choice;
use mesher_traffic::actions::Mirror;
use mesher_traffic::portion::is_member;

use crate::bootstrap::PortProtocol;
use crate::handlers::balance::is_eligible;
use crate::request::exchange::HttpExchange;
use crate::request::invocation::{Invocation, Target};
use crate::request::respond::poll_write_all;
use crate::request::{converse, edits, target};
use crate::snapshot::{Cluster, View, governance};
use crate::telemetry::counters::peer_label;
use crate::worker::Worker;

/// Copies of one worker that are on their way at one time.
const IN_FLIGHT_MAX: usize = 64;
/// From the copy to the end of its answer.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Most bytes that are read of an answer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Sets the counts of mirrors apart from those of rules.
const MIRROR_COUNTS: u16 = 1 << 15;

/// What became of a copy. These words are metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mirrored {
    /// An answer came.
    Answered,
    /// None did, or not in time.
    Failed,
    /// As many were on their way already as may.
    SkippedBusy,
    /// The body did not lie whole beside the head, or another protocol was asked for.
    SkippedBody,
    /// There is nobody who could get it.
    SkippedNobody,
}

impl Mirrored {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::SkippedBusy => "skipped_busy",
            Self::SkippedBody => "skipped_body",
            Self::SkippedNobody => "skipped_nobody",
        }
    }
}

/// A copy, ready to leave.
struct Copy {
    bytes: Arc<[u8]>,
    snapshot: View,
    target: Target,
    choice: Choice,
    /// Its place among the mirrors of the call's rule.
    place: usize,
}

/// Copies a call to all whom its rule names. Costs one look where there are none.
pub(crate) fn copy(exchange: &HttpExchange<'_>, call: &Invocation) {
    let Some(actions) = call.actions().filter(|actions| !actions.mirrors.is_empty()) else { return };
    let (worker, cluster) = (exchange.worker, call.cluster());
    let count = |number: u16| worker.next_share((cluster.id, MIRROR_COUNTS | number));
    let mut bytes: Option<Option<Arc<[u8]>>> = None;
    for (place, mirror) in actions.mirrors.iter().enumerate().filter(|(_, mirror)| mirror.takes(count)) {
        let skip = |why| worker.counters.borrow_mut().mirrored(label(mirror, cluster), why);
        if worker.mirrors.get() >= IN_FLIGHT_MAX {
            skip(Mirrored::SkippedBusy);
            continue;
        }
        let bytes = bytes.get_or_insert_with(|| request_bytes(exchange, call).map(Into::into));
        let (Some(bytes), Some(choice), Some(worker)) = (bytes.clone(), call.choice, worker.itself()) else {
            skip(Mirrored::SkippedBody);
            continue;
        };
        let copy = Copy { bytes, snapshot: call.snapshot.clone(), target: call.target, choice, place };
        let on_its_way = OnItsWay::new(worker);
        tokio::task::spawn_local(async move { copy.travel(&on_its_way.0).await });
    }
}

/// The request as its mirrors get it; `None` where it is not whole, or is the beginning of another protocol.
fn request_bytes(exchange: &HttpExchange<'_>, call: &Invocation) -> Option<Vec<u8>> {
    let request = &exchange.buffers.request;
    if request.upgrade().is_some() {
        return None;
    }
    let mut bytes = Vec::new();
    let own = converse::own_fields(exchange.worker, call.direction, &exchange.context);
    edits::write_mirrored(call, request, own, !exchange.context.is_empty(), &mut bytes);
    let limit = exchange.worker.limits().body_bytes_max.unwrap_or(u64::MAX);
    let mut body = Transfer::new(request.framing(), request.framing()).limited_to(limit);
    body.encode(&exchange.buffers.input, &mut bytes).ok()?;
    body.is_encoded().then_some(bytes)
}

/// What a mirror is called in metrics.
fn label(mirror: &Mirror, cluster: &Cluster) -> Arc<str> {
    match &mirror.service {
        Some((service, _)) => service.as_ref().into(),
        None => peer_label(cluster),
    }
}

impl Copy {
    async fn travel(self, worker: &Worker) {
        let cluster = self.snapshot.cluster(self.target.cluster);
        let actions = cluster.governance.as_ref().and_then(|governance| governance.actions(self.choice));
        let Some(mirror) = actions.and_then(|actions| actions.mirrors.get(self.place)) else { return };
        let ended = tokio::time::timeout(TIME_MAX, self.send(worker, mirror)).await;
        let result = ended.unwrap_or(Mirrored::Failed);
        worker.counters.borrow_mut().mirrored(label(mirror, cluster), result);
    }

    async fn send(&self, worker: &Worker, mirror: &Mirror) -> Mirrored {
        let found = match &mirror.service {
            None => Some((self.snapshot.clone(), self.target)),
            Some((service, application)) => find(worker, service, application).await,
        };
        let endpoint = found.and_then(|(snapshot, target)| choose(worker, &snapshot, target, mirror));
        let Some(address) = endpoint else { return Mirrored::SkippedNobody };
        let Ok(mut socket) = Socket::connect(address, worker.limits().connect_time_max).await else {
            return Mirrored::Failed;
        };
        let mut rest: &[u8] = &self.bytes;
        let sent = poll_fn(|context| poll_write_all(context, &mut socket, &mut rest)).await;
        if sent.is_err() {
            return Mirrored::Failed;
        }
        if read_away(worker, &mut socket).await > 0 { Mirrored::Answered } else { Mirrored::Failed }
    }
}

/// Another service, as any call would find it. Never a host outside of the mesh.
async fn find(worker: &Worker, service: &str, application: &str) -> Option<(View, Target)> {
    let qualified;
    let host = if application == worker.shared.bootstrap.identity.app {
        service
    } else {
        qualified = format!("{service}.{application}.app");
        &qualified
    };
    let found = target::resolve(worker, Authority { host, port: None }, PortProtocol::Rest).await.ok();
    found.filter(|(snapshot, target)| snapshot.cluster(target.cluster).is_service())
}

/// Any of those who may get it. The rotation of the real calls is left alone: copies in it would skew their turns.
fn choose(worker: &Worker, snapshot: &View, target: Target, mirror: &Mirror) -> Option<std::net::SocketAddr> {
    let cluster = snapshot.cluster(target.cluster);
    let suspects = worker.suspects();
    let is_trusted = |id| suspects.as_ref().is_none_or(|(suspects, now)| suspects.may_take(id, *now, false));
    let may_get = |endpoint: &&crate::snapshot::Endpoint| {
        is_eligible(endpoint, target)
            && is_member(&mirror.subset, governance::member(endpoint))
            && is_trusted(endpoint.id)
    };
    let eligible = || cluster.endpoints.iter().filter(may_get);
    let count = eligible().count();
    eligible().nth(fastrand::usize(..count.max(1))).map(|endpoint| endpoint.address)
}

/// Reads an answer to its end, or to what is read of one at most. Returns how many bytes those were.
async fn read_away(worker: &Worker, socket: &mut Socket) -> usize {
    let mut total = 0;
    poll_fn(|context| {
        while total < ANSWER_BYTES_MAX {
            let read = worker.scratch.with_input(|buffer| socket.poll_read(context, buffer));
            match std::task::ready!(read) {
                Ok(read) if read > 0 => total += read,
                _ => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    total
}

/// Counts a copy among those on their way while it lives, whatever ends it.
struct OnItsWay(Rc<Worker>);

impl OnItsWay {
    fn new(worker: Rc<Worker>) -> Self {
        worker.mirrors.set(worker.mirrors.get() + 1);
        Self(worker)
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.mirrors.set(self.0.mirrors.get() - 1);
    }
}
