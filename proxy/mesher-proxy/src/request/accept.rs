//! Takes connections from a listener and starts one task for each.
//! It must go on whatever `accept` says, and must never take more connections than the bound.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mesher_net::Socket;
use mesher_traffic::overload::Step;
use tokio::net::TcpListener;

use crate::overload::shed;
use crate::request::invocation::Direction;
use crate::request::{flow, serve};
use crate::worker::Worker;

/// How long a worker waits when it cannot take another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Connections of one listener that a worker has at once of those that it took while memory was as good as used up. Most end with
/// their first answer; the others at the next tick.
const FEW: u32 = 64;

/// What a listener is for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// HTTP calls of the local application.
    HttpOutbound,
    /// HTTP calls to the local application.
    HttpInbound,
    /// Flows of the local application to one TCP service.
    TcpOutbound(Arc<str>),
    /// Flows to one TCP port of the local application.
    TcpInbound(u16),
}

impl Purpose {
    pub(crate) const fn direction(&self) -> Direction {
        match self {
            Self::HttpOutbound | Self::TcpOutbound(_) => Direction::Outbound,
            Self::HttpInbound | Self::TcpInbound(_) => Direction::Inbound,
        }
    }
}

/// What all workers know of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) purpose: Purpose,
    /// Its open connections, of all workers.
    pub(crate) open: Arc<AtomicUsize>,
}

impl Door {
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self { purpose, open: Arc::default() }
    }
}

/// Accepts until the worker stops.
pub(crate) async fn accept(worker: Rc<Worker>, listener: TcpListener, door: Door) {
    let few = Rc::new(Cell::new(0));
    loop {
        let is_full = door.open.load(Ordering::Relaxed) >= worker.limits().connections_max;
        if is_full || (few.get() >= FEW && worker.shared.pressure.step() >= Step::Trickle) {
            // Another worker's connection may be the next to end, and nobody tells us of it.
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, peer)) => start(&worker, Socket::accepted(stream, peer), (&door, &few)),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: those that end free some.
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether the error is that of a connection that went away while it waited.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionRefused
            | std::io::ErrorKind::Interrupted
    )
}

fn start(worker: &Rc<Worker>, socket: Socket, (door, few): (&Door, &Rc<Cell<u32>>)) {
    let is_one = worker.shared.pressure.step() >= Step::Trickle;
    let guard = (ConnectionGuard::new(Rc::clone(worker), door), is_one.then(|| OneOfFew::of(few)));
    let (worker, purpose) = (Rc::clone(worker), door.purpose.clone());
    tokio::task::spawn_local(async move {
        let _guard = guard;
        let is_flow = matches!(purpose, Purpose::TcpOutbound(_) | Purpose::TcpInbound(_));
        if is_flow && shed::refuses_flow(&worker, purpose.direction()) {
            return;
        }
        match purpose {
            Purpose::HttpOutbound | Purpose::HttpInbound => {
                serve::serve(&worker, socket, purpose.direction()).await
            }
            Purpose::TcpOutbound(service) => flow::outbound(&worker, socket, &service).await,
            Purpose::TcpInbound(port) => flow::inbound(&worker, socket, port).await,
        }
    });
}

/// A connection that was taken while memory was as good as used up.
struct OneOfFew(Rc<Cell<u32>>);

impl OneOfFew {
    fn of(few: &Rc<Cell<u32>>) -> Self {
        few.set(few.get() + 1);
        Self(Rc::clone(few))
    }
}

impl Drop for OneOfFew {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Counts a connection while it lives; a panic in its task ends it like any other end.
struct ConnectionGuard {
    worker: Rc<Worker>,
    direction: Direction,
    open: Arc<AtomicUsize>,
}

impl ConnectionGuard {
    fn new(worker: Rc<Worker>, door: &Door) -> Self {
        worker.connection_count.set(worker.connection_count.get() + 1);
        door.open.fetch_add(1, Ordering::Relaxed);
        let guard = Self { worker, direction: door.purpose.direction(), open: Arc::clone(&door.open) };
        guard.count(1);
        guard
    }

    fn count(&self, change: i64) {
        if let Ok(mut counters) = self.worker.counters.try_borrow_mut()
            && let Some(count) = counters.downstream.get_mut(self.direction as usize)
        {
            *count += change;
        }
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.count(-1);
        self.open.fetch_sub(1, Ordering::Relaxed);
        if std::thread::panicking()
            && let Ok(mut counters) = self.worker.counters.try_borrow_mut()
        {
            counters.panics += 1;
        }
        self.worker.connection_count.set(self.worker.connection_count.get() - 1);
        self.worker.connection_ended.notify_waiters();
    }
}
