//! The worker threads: started with their share of every listener, stopped, waited for.
//! A worker must not end before its calls have, within the bound.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mesher_net::worker;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::proxy::{DRAIN_TIME_MAX, ProxyError};
use crate::request::accept::{self, Door, Purpose};
use crate::telemetry::access_log;
use crate::worker::{Order, Shared, Worker};

/// How long the last lines of the log may take.
const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(1);
/// How often a thread that ends is looked at.
const JOIN_INTERVAL: Duration = Duration::from_millis(5);

/// The threads of a proxy.
pub(crate) struct Workers {
    workers: Vec<JoinHandle<std::io::Result<()>>>,
    /// Ends when the last worker has.
    log_writer: JoinHandle<()>,
}

pub(crate) fn start(
    shared: &Arc<Shared>,
    listeners: &[(TcpListener, Purpose)],
) -> Result<(Vec<mpsc::UnboundedSender<Order>>, Workers), ProxyError> {
    let (mut orders, mut workers) = (Vec::new(), Vec::new());
    let (log, log_writer) = access_log::start_writer().map_err(ProxyError::Worker)?;
    let doors: Vec<_> = listeners.iter().map(|(_, purpose)| Door::new(purpose.clone())).collect();
    for number in 0..shared.bootstrap.workers {
        let (order, received) = mpsc::unbounded_channel();
        let shared = Arc::clone(shared);
        let lent = listeners
            .iter()
            .zip(&doors)
            .map(|((listener, _), door)| Ok((listener.try_clone()?, door.clone())));
        let lent = lent.collect::<std::io::Result<Vec<_>>>().map_err(ProxyError::Worker)?;
        let (name, log) = (format!("mesher-worker-{number}"), log.clone());
        let thread =
            worker::spawn(&name, async move || work(Worker::new(shared, number, log), lent, received).await);
        workers.push(thread.map_err(ProxyError::Worker)?);
        orders.push(order);
    }
    Ok((orders, Workers { workers, log_writer }))
}

/// One worker's life.
async fn work(
    worker: Worker,
    listeners: Vec<(TcpListener, Door)>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let worker = Rc::new(worker);
    let mut accepting = Vec::new();
    for (listener, door) in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                accepting.push(tokio::task::spawn_local(accept::accept(Rc::clone(&worker), listener, door)));
            }
            Err(error) => tracing::error!(%error, "a worker cannot watch its listener"),
        }
    }
    let mut tick = tokio::time::interval(mesher_net::deadline::TICK);
    loop {
        tokio::select! {
            _ = tick.tick() => worker.tick(),
            order = orders.recv() => match order {
                Some(Order::Report(answer)) => {
                    let mut report = worker.counters.borrow().report(worker.idle_connections());
                    report.waiting = worker.waiting_calls();
                    report.log_blocks_dropped = worker.log.borrow().dropped;
                    // Whoever asked may have given up.
                    let _ = answer.send(report);
                }
                Some(Order::Stop) | None => break,
            },
        }
    }
    for accepting in accepting {
        accepting.abort();
    }
    finish_connections(&worker, &mut tick).await;
}

/// Lets calls in flight finish, bounded, and closes what is idle.
async fn finish_connections(worker: &Worker, tick: &mut tokio::time::Interval) {
    let deadline = Instant::now() + DRAIN_TIME_MAX;
    while worker.connection_count.get() > 0 && Instant::now() < deadline {
        worker.deadlines.fire_idle();
        tokio::select! {
            () = worker.connection_ended.notified() => {}
            _ = tick.tick() => worker.tick(),
        }
    }
}

/// Waits until every worker has ended, and a moment for the last lines of the log.
pub(crate) async fn join(threads: Workers) {
    for worker in threads.workers {
        while !worker.is_finished() {
            tokio::time::sleep(JOIN_INTERVAL).await;
        }
        match worker.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a worker could not run"),
            Err(_) => tracing::error!("a worker ended in a panic"),
        }
    }
    // A standard error that nobody reads must not keep the process.
    let deadline = Instant::now() + LAST_LINES_TIME_MAX;
    while !threads.log_writer.is_finished() && Instant::now() < deadline {
        tokio::time::sleep(JOIN_INTERVAL).await;
    }
}
