//! The map of the HTTP API: which path answers what, and what stands before all of them.
//! It must not hold logic.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http::StatusCode};
use mesher_model::{CLUSTER_HEADER, ErrorCode};

use crate::control::Control;
use crate::{access, answer, audit, configuration, mesh, metrics, page, v4};

const CLUSTER: HeaderName = HeaderName::from_static(CLUSTER_HEADER);

pub(crate) fn build(control: Arc<Control>) -> Router {
    let browsers =
        Router::new().merge(page::routes()).merge(mesh::routes()).route("/metrics", get(metrics::show));
    let browsers = browsers.route_layer(middleware::from_fn_with_state(Arc::clone(&control), own_host));
    let all = Router::new()
        .merge(browsers)
        .merge(v4::routes())
        .merge(configuration::routes())
        .route("/livez", get(healthy))
        .route("/readyz", get(healthy));
    guarded(&control, all)
        .layer(middleware::from_fn_with_state(Arc::clone(&control), no_foreign_page))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), mark))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), metrics::count))
        .with_state(control)
}

/// What is behind the guard, where access control is on; where it is off, there is neither the guard nor its routes.
fn guarded(control: &Arc<Control>, all: Router<Arc<Control>>) -> Router<Arc<Control>> {
    let finish = |all: Router<Arc<Control>>| {
        let all = all.fallback(not_found).method_not_allowed_fallback(not_allowed);
        all.layer(middleware::from_fn(audit::attribute))
    };
    let Some(gatekeeper) = control.gatekeeper.clone() else { return finish(all) };
    let state = (Arc::clone(control), gatekeeper);
    finish(all.merge(access::routes())).layer(middleware::from_fn_with_state(state, access::admit))
}

async fn healthy() -> StatusCode {
    StatusCode::OK
}

/// Refuses a browser that was led here under a foreign name.
async fn own_host(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    if control.hosts.admit(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let detail = "the Host field names another server; use an IP address or localhost, or start the control plane with this name as one of its own";
    answer::mesh_error(403, "foreign_host", detail)
}

/// Refuses what a page of another site would change, and what it would read where any `Host` is taken.
async fn no_foreign_page(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    if !request.method().is_safe() {
        if !control.hosts.admit_change(request.headers()) {
            let detail = "a page of another site may not change anything here";
            return answer::mesh_error(403, "foreign_origin", detail);
        }
    } else if !control.hosts.admit_read(request.uri().path(), request.headers()) {
        let detail = "a page of another site may not read here";
        return answer::Refused::new(ErrorCode::Forbidden, detail).into_response();
    }
    next.run(request).await
}

/// Every answer says which control plane gave it. No browser or proxy on the way keeps it, or takes it for anything but
/// what it says it is.
async fn mark(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let fields = answer.headers_mut();
    fields.insert(CLUSTER, control.cluster.clone());
    fields.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    fields.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    answer
}

/// Also for `/v4`: a client that probes for access control needs 404 from `/v4/token`.
async fn not_found(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    answer::mesh_error(404, "not_found", format!("nothing is served at {path}"))
}

async fn not_allowed(method: Method) -> Response {
    let method: String = method.as_str().chars().take(32).collect();
    answer::mesh_error(
        405,
        "method_not_allowed",
        format!("{method} is not for this path; Allow names what is"),
    )
    .into_response()
}
