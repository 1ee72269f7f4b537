//! The status page at `/`: what is registered, for a person with a browser.
//! It must not run a script, and must not show a byte of foreign text that is not escaped.

pub(crate) mod html;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::control::Control;

const STYLE: &str = include_str!("status.css");

/// Nothing may run, frame the page, or be loaded but the page's own style.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<Arc<Control>> {
    Router::new().route("/", get(status::show)).route("/ui/status.css", get(style))
}

async fn style() -> Response {
    guarded("text/css; charset=utf-8", STYLE)
}

/// A file of the page, with the fields that keep a browser from making more of it than it is.
fn guarded(kind: &'static str, body: impl IntoResponse) -> Response {
    let fields: [(HeaderName, &'static str); 7] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ];
    let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (HeaderMap::from_iter(fields), body).into_response()
}
