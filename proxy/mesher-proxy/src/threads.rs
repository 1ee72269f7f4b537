//! The worker threads: started with their share of every listener, stopped, waited for.
//! A worker must not end before its calls have, within the bound.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mesher_net::worker;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::ProxyError;
use crate::explain;
use crate::proxy::DRAIN_TIME_MAX;
use crate::request::accept::{self, Door};
use crate::telemetry::access_log;
use crate::telemetry::counters::Report;
use crate::worker::{Order, Shared, Worker};

/// How long the last lines of the log may take.
const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(1);
/// How often a thread that ends is looked at.
const JOIN_INTERVAL: Duration = Duration::from_millis(5);

/// The threads of a proxy.
pub(crate) struct Workers {
    workers: Vec<thread::JoinHandle<std::io::Result<()>>>,
    /// Ends when the last worker has.
    log_writer: thread::JoinHandle<()>,
}

/// Starts the workers. They accept nothing before they are told.
pub(crate) fn start(
    shared: &Arc<Shared>,
) -> Result<(Vec<mpsc::UnboundedSender<Order>>, Workers), ProxyError> {
    let (mut orders, mut workers) = (Vec::new(), Vec::new());
    let (log, log_writer) = access_log::start_writer().map_err(ProxyError::Worker)?;
    for number in 0..shared.bootstrap.workers {
        let (order, received) = mpsc::unbounded_channel();
        let shared = Arc::clone(shared);
        let (name, log) = (format!("mesher-worker-{number}"), log.clone());
        let thread =
            worker::spawn(&name, async move || work(Worker::new(shared, number, log), received).await);
        workers.push(thread.map_err(ProxyError::Worker)?);
        orders.push(order);
    }
    Ok((orders, Workers { workers, log_writer }))
}

/// One worker's life.
async fn work(worker: Worker, mut orders: mpsc::UnboundedReceiver<Order>) {
    let worker = worker.shared_by_tasks();
    let mut accepting = Vec::new();
    let mut tick = tokio::time::interval(mesher_net::deadline::TICK);
    // One that comes late says how late the work is only if it is the last that was due.
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let idle = loop {
        tokio::select! {
            due = tick.tick() => worker.ticked(due.into_std()),
            order = orders.recv() => match order {
                Some(Order::Accept(listeners)) => accepting.extend(accept_all(&worker, listeners)),
                Some(Order::Report(answer)) => report(&worker, answer),
                Some(Order::Ask(ask, answer)) => {
                    tokio::task::spawn_local(explain::answer(Rc::clone(&worker), ask, answer));
                }
                Some(Order::Stop { idle }) => break idle,
                None => break Duration::ZERO,
            },
        }
    };
    // A task that is ended holds no connection: it has one only between two waits, and gives it a task at once.
    for accepting in accepting {
        accepting.abort();
    }
    finish_connections(&worker, &mut tick, &mut orders, idle).await;
}

fn accept_all(worker: &Rc<Worker>, listeners: Vec<(TcpListener, Door)>) -> Vec<JoinHandle<()>> {
    let mut accepting = Vec::new();
    for (listener, door) in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let accepts = accept::accept(Rc::clone(worker), listener, door);
                accepting.push(tokio::task::spawn_local(accepts));
            }
            Err(error) => tracing::error!(%error, "a worker cannot watch its listener"),
        }
    }
    accepting
}

fn report(worker: &Worker, answer: oneshot::Sender<Report>) {
    let mut report = worker.counters.borrow().report(worker.idle_connections());
    report.waiting = worker.waiting_calls();
    report.log_blocks_dropped = worker.log.borrow().dropped;
    // Whoever asked may have given up.
    let _ = answer.send(report);
}

/// Lets calls in flight finish, bounded. Kept connections carry one more call if it comes within `idle`: a caller may
/// be sending it in the very moment in which the connection is closed.
async fn finish_connections(
    worker: &Worker,
    tick: &mut tokio::time::Interval,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    idle: Duration,
) {
    let mut idle_end = Instant::now() + idle;
    let mut may_hear = true;
    while worker.connection_count.get() > 0 && Instant::now() < idle_end + DRAIN_TIME_MAX {
        let is_over = Instant::now() >= idle_end;
        if is_over {
            worker.deadlines.fire_idle();
        }
        tokio::select! {
            () = worker.connection_ended.notified() => {}
            due = tick.tick() => worker.ticked(due.into_std()),
            () = tokio::time::sleep_until(idle_end), if !is_over => {}
            order = orders.recv(), if may_hear => match order {
                Some(Order::Stop { idle }) => idle_end = idle_end.min(Instant::now() + idle),
                Some(Order::Report(answer)) => report(worker, answer),
                Some(Order::Accept(_) | Order::Ask(..)) => {}
                None => may_hear = false,
            },
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
