//! Who an answer comes from, and the few answers that both services give alike.
//! Must not hold anything that differs between the services.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::Settings;

/// Service, version and instance: part of every JSON answer, so that routing can be seen from a shell.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Identity {
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) instance: String,
}

impl Identity {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            service: settings.service.clone(),
            version: settings.version.clone(),
            instance: settings.instance.clone(),
        }
    }

    /// The answer to `GET /health`.
    pub(crate) fn health(&self) -> Response {
        Json(Labelled { body: json!({"status": "UP"}), identity: self }).into_response()
    }

    /// The answer to a path that the service does not have.
    pub(crate) fn unknown_path(&self, known: &str) -> Response {
        let body = json!({"error": "not_found", "detail": format!("this service answers GET on {known}")});
        (StatusCode::NOT_FOUND, Json(Labelled { body, identity: self })).into_response()
    }

    /// The answer to a method other than `GET` and `HEAD`.
    pub(crate) fn wrong_method(&self) -> Response {
        let body = json!({"error": "method_not_allowed", "detail": "this service answers GET only"});
        (StatusCode::METHOD_NOT_ALLOWED, Json(Labelled { body, identity: self })).into_response()
    }
}

/// A JSON object followed by the identity of whoever says it.
#[derive(Serialize)]
pub(crate) struct Labelled<'a, T> {
    #[serde(flatten)]
    pub(crate) body: T,
    #[serde(flatten)]
    pub(crate) identity: &'a Identity,
}
