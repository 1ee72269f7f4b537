//! The few HTTP calls that the command makes itself: to a proxy's admin, and the demo's traffic.
//! It must ignore `http_proxy` and must be bounded in time.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Asks `address` for `path`. Returns status and body.
///
/// # Errors
/// When there is no answer within `limit`.
pub(crate) async fn call(
    method: Method,
    address: SocketAddr,
    path: &str,
    limit: Duration,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .header(http::header::CONNECTION, "close")
        .body(Full::default())?;
    let exchange = async {
        let answer = client.request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| anyhow!(error))?.to_bytes()))
    };
    tokio::time::timeout(limit, exchange)
        .await
        .with_context(|| format!("{address} did not answer within {limit:?}"))?
}
