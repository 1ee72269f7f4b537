//! One connection, from its first byte to its close.
//! It must not outlive its bounds: a head in time, an idle time, an end with the server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::SERVER;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::debug;

use crate::gate;

/// How long a connection may take for a head, the idle time before it included. The original's value; the SDKs send
/// a heartbeat each 15 or 30 seconds and keep their connection by it.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// The largest head, in bytes, as the original takes it.
const MAX_HEAD: usize = 32 * 1024;

/// As the original names itself: some clients log it, none acts on it.
const SERVER_NAME: HeaderValue =
    HeaderValue::from_static(concat!("SERVICECENTER/", env!("CARGO_PKG_VERSION")));

/// The other end of the connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Sets what a socket needs before it is served.
pub(crate) fn prepare(stream: &TcpStream) {
    // An answer is written whole; waiting for more to send would only delay it.
    let _ = stream.set_nodelay(true);
    bound_writes(stream);
}

/// Serves a connection, encrypted or not, whose socket was prepared.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let was_used = AtomicBool::new(false);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        was_used.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        let admitted = gate::admit(request).map(|request| routes.call(request));
        async move {
            let mut answer = match admitted {
                Ok(answer) => answer.await?,
                Err(refusal) => refusal.into_response(),
            };
            answer.headers_mut().insert(SERVER, SERVER_NAME);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(MAX_IDLE).max_buf_size(MAX_HEAD);
    // Java clients look `X-Kie-Revision` and `X-Resource-Revision` up in a map that knows cases.
    builder.title_case_headers(true);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
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

/// Has the system end a connection whose peer takes nothing of an answer for too long (RFC 5482); no timer of ours
/// runs while hyper writes.
fn bound_writes(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(MAX_IDLE));
    // Elsewhere the bound on the number of connections is the only one.
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Done once the server ends, or is gone.
pub(crate) async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
