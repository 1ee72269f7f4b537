//! A connection to the endpoint of a try: one that is idle, or a new one, within the bounds of the pool.
//! It must give its place back however it ends, and its connection only where that can carry a further call.

use std::time::{Duration, Instant};

use mesher_net::{Connection, Grant, Socket, Turn};
use mesher_traffic::Safety;
use tokio::sync::oneshot;

use crate::request::failure::{Failure, FailureKind};
use crate::request::faults;
use crate::request::invocation::Invocation;
use crate::snapshot::EndpointId;
use crate::telemetry::counters::Row;
use crate::worker::Worker;

/// Connections live up to this share of their age less, so that those of one moment do not all end in one moment.
const AGE_SPREAD: u32 = 10;

/// An upstream connection in use.
#[derive(Debug)]
pub(crate) struct Upstream<'w> {
    pub(crate) socket: Socket,
    /// Whether it has carried a call before: then its peer may be closing it right now.
    pub(crate) is_reused: bool,
    expires_at: Instant,
    idle_limit: Duration,
    place: Place<'w>,
}

impl<'w> Upstream<'w> {
    /// A connection to the current endpoint. With `must_be_new` none that was used before.
    pub(crate) async fn acquire(
        worker: &'w Worker,
        call: &Invocation,
        must_be_new: bool,
    ) -> Result<Self, Failure> {
        let Some(endpoint) = call.current_endpoint() else {
            return Err(Failure::local(FailureKind::NoEndpoint, "the endpoint is gone"));
        };
        let (id, idle_limit) = (endpoint.id, endpoint.idle_limit);
        let turn = worker.pool.borrow_mut().ask(id, call.started, !must_be_new);
        let grant = match turn {
            Turn::Granted(grant) => grant,
            Turn::Waits(granted) => Box::pin(wait(worker, id, granted)).await?,
            Turn::Full => {
                return Err(queue_failure("as many calls wait already as may (MESHER_UPSTREAM_QUEUE_MAX)"));
            }
        };
        let place = Place::new(worker, id, call.row);
        match grant {
            Grant::Open(Connection { socket, expires_at }) => {
                Ok(Self { socket, is_reused: true, expires_at, idle_limit, place })
            }
            Grant::Place => {
                let socket = Box::pin(connect(worker, call, id)).await?;
                let expires_at = Instant::now() + age(worker.limits().upstream_age_max);
                Ok(Self { socket, is_reused: false, expires_at, idle_limit, place })
            }
        }
    }

    /// Keeps the connection for a further call, for at most `limit` where the callee named one.
    pub(crate) fn keep(self, limit: Option<Duration>) {
        let Self { socket, expires_at, idle_limit, place, .. } = self;
        let idle_limit = limit.map_or(idle_limit, |limit| limit.min(idle_limit));
        place.end_with(Connection { socket, expires_at }, idle_limit);
    }
}

async fn connect(worker: &Worker, call: &Invocation, id: EndpointId) -> Result<Socket, Failure> {
    let connecting = Connecting { worker, id };
    let Some(endpoint) = call.current_endpoint() else {
        return Err(Failure::local(FailureKind::NoEndpoint, "the endpoint is gone"));
    };
    let result = Socket::connect(endpoint.address, worker.limits().connect_time_max).await;
    drop(connecting);
    worker.counters.borrow_mut().connected(call.cluster(), &result);
    result.map_err(|error| faults::connect_failure(&error))
}

/// Waits for a place, bounded.
async fn wait(worker: &Worker, id: EndpointId, granted: oneshot::Receiver<Grant>) -> Result<Grant, Failure> {
    let mut waiting = Waiting { worker, id, granted };
    match tokio::time::timeout(worker.limits().upstream_queue_time_max, &mut waiting.granted).await {
        Ok(Ok(grant)) => Ok(grant),
        Ok(Err(_)) => Err(queue_failure("the endpoint is gone")),
        Err(_) => Err(queue_failure(
            "no connection to the endpoint became free in time (MESHER_UPSTREAM_CONNECTIONS_MAX, MESHER_UPSTREAM_QUEUE_TIME_MAX)",
        )),
    }
}

fn queue_failure(detail: &'static str) -> Failure {
    Failure::upstream(FailureKind::PoolFull, Safety::Spent, detail)
}

/// A random time between nine tenths of `limit` and all of it.
fn age(limit: Duration) -> Duration {
    limit - limit.mul_f32(fastrand::f32()) / AGE_SPREAD
}

/// Tells the pool that an attempt to connect is over, whatever ended it.
struct Connecting<'w> {
    worker: &'w Worker,
    id: EndpointId,
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.worker.pool.borrow_mut().connected(self.id);
    }
}

/// A call in the queue. Where it gives up in the moment in which it is served, what it got goes on.
struct Waiting<'w> {
    worker: &'w Worker,
    id: EndpointId,
    granted: oneshot::Receiver<Grant>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.granted.close();
        let Ok(grant) = self.granted.try_recv() else { return };
        let mut pool = self.worker.pool.borrow_mut();
        let kept = match grant {
            Grant::Open(connection) => Some(connection),
            Grant::Place => {
                pool.connected(self.id);
                None
            }
        };
        pool.release(self.id, kept, Instant::now(), Duration::ZERO);
    }
}

/// A place in the pool, counted as in use until this is dropped. It moves with its connection, so it is small.
#[derive(Debug)]
struct Place<'w> {
    worker: &'w Worker,
    row: Row,
    id: EndpointId,
}

impl<'w> Place<'w> {
    fn new(worker: &'w Worker, id: EndpointId, row: Row) -> Self {
        worker.counters.borrow_mut().use_connection(row, 1);
        Self { worker, row, id }
    }

    /// Ends the use, and leaves the connection to the next call.
    fn end_with(self, kept: Connection, idle_limit: Duration) {
        self.end(Some(kept), idle_limit);
        std::mem::forget(self);
    }

    fn end(&self, kept: Option<Connection>, idle_limit: Duration) {
        if let Ok(mut pool) = self.worker.pool.try_borrow_mut() {
            pool.release(self.id, kept, Instant::now(), idle_limit);
        }
        if let Ok(mut counters) = self.worker.counters.try_borrow_mut() {
            counters.use_connection(self.row, -1);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.end(None, Duration::ZERO);
    }
}
