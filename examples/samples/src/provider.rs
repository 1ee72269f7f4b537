//! Calls the provider over HTTP/1.1, through the proxy where there is one, on kept connections.
//! Must not interpret an answer: status and bytes come back as the provider or a proxy sent them.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, HeaderMap, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::route::Route;

/// A whole call may take this long: resolving, connecting, sending and reading the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer may be this long; the calculator's has about 100 bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Connections kept for the next call.
const IDLE_MAX: usize = 8;

type Connection = SendRequest<Empty<Bytes>>;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the target is not a valid address: {0}")]
    Target(#[from] http::Error),
    #[error("no connection to {to}: {source}")]
    Connect { to: String, source: io::Error },
    #[error("the connection to {to} ended before the answer was whole: {source}")]
    Exchange { to: String, source: hyper::Error },
    #[error("the answer from {to} is no valid HTTP or longer than {ANSWER_BYTES_MAX} bytes: {source}")]
    Body { to: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("no answer from {to} within {limit:?}")]
    Timeout { to: String, limit: Duration },
}

/// The provider, as one route to it and the connections kept on it.
#[derive(Debug)]
pub(crate) struct Provider {
    route: Route,
    pub(crate) call_timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Provider {
    pub(crate) fn new(route: Route) -> Self {
        Self { route, call_timeout: CALL_TIMEOUT, idle: Mutex::new(Vec::new()) }
    }

    /// Sends a `GET` for a path that begins with a slash, with these headers added.
    pub(crate) async fn fetch(
        &self,
        path_and_query: &str,
        headers: HeaderMap,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let request = self.request(path_and_query, headers)?;
        let within = timeout(self.call_timeout, self.exchange(request)).await;
        within.unwrap_or_else(|_| Err(CallError::Timeout { to: self.to(), limit: self.call_timeout }))
    }

    /// Where calls go, in words for a person.
    fn to(&self) -> String {
        let Route { authority, connect, .. } = &self.route;
        if self.route.has_proxy {
            format!("{authority} through the proxy {connect}")
        } else {
            format!("{authority}, called without a proxy")
        }
    }

    fn request(
        &self,
        path_and_query: &str,
        mut headers: HeaderMap,
    ) -> Result<Request<Empty<Bytes>>, CallError> {
        let mut request = Request::get(self.route.target(path_and_query)?);
        let host = HeaderValue::from_str(self.route.authority.as_str()).map_err(http::Error::from)?;
        headers.insert(HOST, host);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(own) = request.headers_mut() {
            *own = headers;
        }
        Ok(request.body(Empty::new())?)
    }

    /// A kept connection may have been closed by the other side in this very moment, and a `GET` may be sent
    /// again: so a call that fails on a kept connection gets one new connection.
    async fn exchange(&self, request: Request<Empty<Bytes>>) -> Result<(StatusCode, Bytes), CallError> {
        if let Some(kept) = self.take_idle() {
            match self.send(kept, request.clone()).await {
                Err(CallError::Exchange { .. }) => {}
                done => return done,
            }
        }
        let fresh = self.connect().await?;
        self.send(fresh, request).await
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let refused = |source| CallError::Connect { to: self.to(), source };
        let stream = TcpStream::connect(&self.route.connect).await.map_err(refused)?;
        let _ = stream.set_nodelay(true);
        let broken = |source| CallError::Exchange { to: self.to(), source };
        let (connection, driver) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // The driver ends with its connection; what ends it is told to the call that it carried.
        tokio::spawn(async {
            let _ = driver.await;
        });
        Ok(connection)
    }

    async fn send(
        &self,
        mut connection: Connection,
        request: Request<Empty<Bytes>>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let broken = |source| CallError::Exchange { to: self.to(), source };
        connection.ready().await.map_err(broken)?;
        let answer = connection.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|source| CallError::Body { to: self.to(), source })?.to_bytes();
        self.keep(connection);
        Ok((status, body))
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        idle.pop()
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !connection.is_closed() {
            idle.push(connection);
        }
    }
}
