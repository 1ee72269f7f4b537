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
use crate::request::accept::{self, Purpose};
use crate::worker::{Order, Shared, Worker};

/// How often a thread that ends is looked at.
const JOIN_INTERVAL: Duration = Duration::from_millis(5);

pub(crate) type Workers = Vec<JoinHandle<std::io::Result<()>>>;

pub(crate) fn start(
    shared: &Arc<Shared>,
    listeners: &[(TcpListener, Purpose)],
) -> Result<(Vec<mpsc::UnboundedSender<Order>>, Workers), ProxyError> {
    let (mut orders, mut workers) = (Vec::new(), Vec::new());
    for number in 0..shared.bootstrap.workers {
        let (order, received) = mpsc::unbounded_channel();
        let shared = Arc::clone(shared);
        let lent = listeners.iter().map(|(listener, purpose)| Ok((listener.try_clone()?, purpose.clone())));
        let lent = lent.collect::<std::io::Result<Vec<_>>>().map_err(ProxyError::Worker)?;
        let name = format!("mesher-worker-{number}");
        let thread = worker::spawn(&name, async move || work(shared, number, lent, received).await);
        workers.push(thread.map_err(ProxyError::Worker)?);
        orders.push(order);
    }
    Ok((orders, workers))
}

/// One worker's life.
async fn work(
    shared: Arc<Shared>,
    number: usize,
    listeners: Vec<(TcpListener, Purpose)>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let worker = Rc::new(Worker::new(shared, number));
    let mut accepting = Vec::new();
    for (listener, purpose) in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                accepting.push(tokio::task::spawn_local(accept::accept(
                    Rc::clone(&worker),
                    listener,
                    purpose,
                )));
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
                    let report = worker.counters.borrow().report(worker.pool.borrow().len());
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

pub(crate) async fn join(workers: Workers) {
    for thread in workers {
        while !thread.is_finished() {
            tokio::time::sleep(JOIN_INTERVAL).await;
        }
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a worker could not run"),
            Err(_) => tracing::error!("a worker ended in a panic"),
        }
    }
}
