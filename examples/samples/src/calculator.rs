//! The service `calculator`: `GET /bmi` and `GET /health`.
//! Must not behave differently by version: a version is only a name that its answers carry.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;

use crate::bmi::body_mass_index;
use crate::identity::{Identity, Labelled};

pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route("/bmi", get(compute))
        .route("/health", get(async |State(identity): State<Arc<Identity>>| identity.health()))
        .fallback(async |State(identity): State<Arc<Identity>>| identity.unknown_path("/bmi and /health"))
        .method_not_allowed_fallback(async |State(identity): State<Arc<Identity>>| identity.wrong_method())
        .with_state(Arc::new(identity))
}

async fn compute(
    State(identity): State<Arc<Identity>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (status, body) = match body_mass_index(&query) {
        Ok(result) => (StatusCode::OK, json!({"result": result})),
        Err(bad) => {
            let parameters = bad.parameters;
            let body = json!({"error": "bad_parameter", "parameters": parameters, "detail": bad.detail});
            (StatusCode::BAD_REQUEST, body)
        }
    };
    (status, Json(Labelled { body, identity: &identity })).into_response()
}
