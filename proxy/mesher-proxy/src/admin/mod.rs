//! The proxy's admin: is it alive, may it take work, what does it know, what has it seen.
//! It must answer only callers that name it by an address of its own, and GET must change nothing.

mod explain;
mod views;

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::status::{State as ProxyState, Status};
use crate::telemetry::exposition;

/// Answers on `listener` until `closed` ends; what was asked by then is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    status: Arc<Status>,
    closed: impl Future<Output = ()> + Send + 'static,
) {
    let routes = Router::new()
        .route("/", get(views::index))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/config", get(views::config))
        .route("/clusters", get(views::clusters))
        .route("/drain", post(drain))
        .route("/explain", get(explain::look))
        .route("/explain/{id}", get(explain::read_one))
        .route("/v1/mesher/version", get(views::version))
        .route("/v1/mesher/health", get(views::health))
        .route("/v1/mesher/metrics", get(compatible_metrics))
        .route("/v1/mesher/routeRule/{service}", get(route_rule))
        .fallback(unknown)
        .layer(middleware::from_fn(only_by_own_name))
        .with_state(status);
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => {
            if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(closed).await {
                tracing::error!(%error, "the admin ended");
            }
        }
        Err(error) => tracing::error!(%error, "the admin cannot watch its listener"),
    }
}

/// A page in a browser can make a foreign name point here. Such a request names that name.
async fn only_by_own_name(headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let bare = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(bare, _)| bare);
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    if bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok() {
        return next.run(request).await;
    }
    let body = json!({"error": "forbidden", "detail": "ask the admin by its IP address or as localhost"});
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

/// Why an order is not taken. Browsers say where a page comes from that sends one; programs do not. Beyond loopback an
/// order would need a token, which this release does not have.
fn refuses_order(status: &Status, headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(header::ORIGIN) {
        return Some("no page of a browser gives orders to a proxy");
    }
    let is_local = status.addresses.admin.ip().is_loopback();
    (!is_local).then_some(
        "orders are taken on a loopback address only; set MESHER_ADMIN_LISTEN to one, or send SIGTERM",
    )
}

async fn ready(State(status): State<Arc<Status>>) -> Response {
    let state = status.state();
    let registry = match status.registry_trouble() {
        None if status.bootstrap.registry.is_empty() => "off".to_owned(),
        None => "reached".to_owned(),
        Some((since, reason)) => format!("away for {} s: {reason}", since.as_secs()),
    };
    let code = if state == ProxyState::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "state": state.as_str(),
        "registry": registry,
        "snapshot": status.snapshot_number(),
        "confirmed_seconds_ago": status.knowledge_age().map(|age| age.as_secs()),
        "is_old": status.is_knowledge_old(),
        "rules": views::rules(&status.rules()),
    });
    (code, Json(body)).into_response()
}

async fn metrics(State(status): State<Arc<Status>>) -> Response {
    match exposition::render(&status).await {
        Ok(text) => ([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn compatible_metrics(State(status): State<Arc<Status>>) -> Response {
    let text = exposition::render_compatible(&status).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Ends inbound work and answers when it has ended: what is in flight is finished, the registry knows.
async fn drain(State(status): State<Arc<Status>>, headers: HeaderMap) -> Response {
    if let Some(reason) = refuses_order(&status, &headers) {
        return (StatusCode::FORBIDDEN, Json(json!({"error": "forbidden", "detail": reason})))
            .into_response();
    }
    status.request_drain();
    status.wait_drained().await;
    Json(json!({"state": status.state().as_str()})).into_response()
}

/// The Go Mesher told its own rules here, in its own words; this proxy has none of those. Its own are told by `/explain`.
async fn route_rule(Path(service): Path<String>) -> Response {
    (StatusCode::NOT_FOUND, Json(format!("{service} routeRule not found"))).into_response()
}

async fn unknown() -> Response {
    let body = json!({"error": "not_found", "detail": "no such path; / lists those that there are"});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
