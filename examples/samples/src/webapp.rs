//! The service `webapp`: the page at `/`, the JSON relay at `/bmi`, and `/health`.
//! Must not compute a body-mass index itself: whatever it shows came from a calculator.

use std::sync::Arc;

use axum::extract::{Query, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use crate::identity::Identity;
use crate::page::{self, CSS, ICON, SCRIPT};
use crate::provider::Provider;
use crate::reply::Reply;

/// Request headers that go on to the provider, so that a rule for a user and a trace reach the second hop.
const PASSED_ON: [&str; 11] = [
    "x-user",
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-cse-context",
];

/// The page may load its own three files and call its own service; nothing else, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Debug)]
struct Webapp {
    identity: Identity,
    provider: Provider,
}

pub(crate) fn router(identity: Identity, provider: Provider) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/bmi", get(relay))
        .route("/health", get(async |State(app): State<Arc<Webapp>>| app.identity.health()))
        .route("/page.css", get(async || file("text/css; charset=utf-8", CSS)))
        .route("/page.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/icon.svg", get(async || file("image/svg+xml", ICON)))
        .fallback(async |State(app): State<Arc<Webapp>>| app.identity.unknown_path("/, /bmi and /health"))
        .method_not_allowed_fallback(async |State(app): State<Arc<Webapp>>| app.identity.wrong_method())
        .with_state(Arc::new(Webapp { identity, provider }))
}

/// The page: the form alone, or with the answer to the query in its address.
async fn show(
    State(app): State<Arc<Webapp>>,
    RawQuery(raw): RawQuery,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let value_of = |wanted: &str| {
        query.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str()).to_owned()
    };
    let is_asked = query.iter().any(|(name, _)| name == "height" || name == "weight");
    let reply = if is_asked { Some(app.ask(raw.as_deref(), &headers).await) } else { None };
    let status = reply.as_ref().map_or(http::StatusCode::OK, |reply| reply.status);
    let html = page::render(&app.identity, &value_of("height"), &value_of("weight"), reply.as_ref());
    let head = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, head, Html(html)).into_response()
}

/// The provider's JSON with its status, and who relayed it.
async fn relay(State(app): State<Arc<Webapp>>, RawQuery(raw): RawQuery, headers: HeaderMap) -> Response {
    let mut reply = app.ask(raw.as_deref(), &headers).await;
    reply.body.insert("via".to_owned(), json!(app.identity.service));
    (reply.status, [(CACHE_CONTROL, "no-store")], Json(Value::Object(reply.body))).into_response()
}

impl Webapp {
    async fn ask(&self, raw_query: Option<&str>, headers: &HeaderMap) -> Reply {
        let path_and_query = raw_query.map_or_else(|| "/bmi".to_owned(), |query| format!("/bmi?{query}"));
        Reply::from_call(self.provider.fetch(&path_and_query, passed_on(headers)).await)
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut chosen = HeaderMap::new();
    for name in PASSED_ON.map(HeaderName::from_static) {
        for value in headers.get_all(&name) {
            chosen.append(name.clone(), value.clone());
        }
    }
    chosen
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    let head =
        [(CONTENT_TYPE, content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-cache")];
    (head, text).into_response()
}
