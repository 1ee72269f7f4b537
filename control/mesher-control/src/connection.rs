//! One connection, from its first byte to its close.
//! It must not outlive its bounds: a head in time, an idle time, an end with the server.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::debug;

use crate::gate;

/// How long a connection may take for a head, the idle time before it included. The original's value; the SDKs send
/// a heartbeat each 15 or 30 seconds and keep their connection by it.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// The largest head, in bytes, as the original takes it.
const MAX_HEAD: usize = 32 * 1024;

pub(crate) async fn serve(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    // An answer is written whole; waiting for more to send would only delay it.
    let _ = stream.set_nodelay(true);
    let was_used = AtomicBool::new(false);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        was_used.store(true, Ordering::Relaxed);
        let admitted = gate::admit(request).map(|request| routes.call(request));
        async move {
            match admitted {
                Ok(answer) => answer.await,
                Err(refusal) => Ok(refusal.into_response()),
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(MAX_IDLE).max_buf_size(MAX_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = told_to_stop(&mut stopped) => {
            if !was_used.load(Ordering::Relaxed) {
                // hyper waits for a first request even then; nobody is owed an answer here.
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        debug!(%error, "a connection ended early");
    }
}

/// Done once the server ends, or is gone.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
