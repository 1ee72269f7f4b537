//! The forms of an answer, for each of the two APIs.
//! It must not choose a status on its own: codes and callers do.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesher_access::AccessError;
use mesher_model::mesh::MeshError;
use mesher_model::rule::Diagnostic;
use mesher_model::{ErrorBody, ErrorCode};
use mesher_registry::RegistryError;
use serde::Serialize;

use crate::keep::NotKept;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");

/// A refusal of the v4 API.
#[derive(Debug)]
pub(crate) struct Refused(u16, ErrorBody);

impl Refused {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self(ErrorCode::InvalidParams.status(), ErrorCode::InvalidParams.body(detail))
    }

    pub(crate) fn new(code: ErrorCode, detail: &str) -> Self {
        Self(code.status(), code.body(detail))
    }

    pub(crate) fn access(error: &AccessError) -> Self {
        Self(error.status(), error.body())
    }
}

impl From<RegistryError> for Refused {
    fn from(error: RegistryError) -> Self {
        Self(error.code().status(), error.body())
    }
}

impl From<NotKept> for Refused {
    fn from(error: NotKept) -> Self {
        Self::new(ErrorCode::StoreUnavailable, &error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        json_with(status(self.0), &self.1)
    }
}

/// A good answer with a body.
pub(crate) fn json(body: &impl Serialize) -> Response {
    json_with(StatusCode::OK, body)
}

/// A good answer with a body of about so many bytes: room for it is made once.
pub(crate) fn json_of_size(size: usize, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(size);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => raw_json(bytes),
        // As below.
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Body::empty()).into_response(),
    }
}

/// A body that is serialized already.
pub(crate) fn raw_json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

/// A good answer of the v4 API without a body: 200, as its clients expect.
pub(crate) fn empty() -> Response {
    text(StatusCode::OK, "")
}

pub(crate) fn text(status: StatusCode, body: &'static str) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body).into_response()
}

/// A refusal of `/mesher/v1`: status, word, detail.
#[derive(Debug)]
pub(crate) struct MeshRefused(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl IntoResponse for MeshRefused {
    fn into_response(self) -> Response {
        mesh_error(self.0, self.1, self.2)
    }
}

/// A refusal of `/mesher/v1` that is written already.
#[derive(Debug)]
pub(crate) struct Written(Box<Response>);

impl From<Response> for Written {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// A refusal of `/mesher/v1`, and of every path that no API knows.
pub(crate) fn mesh_error(code: u16, error: &str, detail: impl Into<String>) -> Response {
    json_with(
        status(code),
        &MeshError { error: error.to_owned(), detail: detail.into(), ..MeshError::default() },
    )
}

/// Why documents are refused, with the place.
pub(crate) fn mesh_diagnostic(found: &Diagnostic) -> Response {
    let body = MeshError {
        error: "bad_document".to_owned(),
        detail: found.message.clone(),
        line: found.line,
        column: found.column,
        text: found.text.clone(),
    };
    json_with(StatusCode::UNPROCESSABLE_ENTITY, &body)
}

/// A body with a status of its own.
pub(crate) fn json_of_status(code: u16, body: &impl Serialize) -> Response {
    json_with(status(code), body)
}

/// A refusal in the three members that all of ServiceComb's APIs have.
pub(crate) fn error(code: u16, body: &ErrorBody) -> Response {
    json_with(status(code), body)
}

fn json_with(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(CONTENT_TYPE, JSON)], body).into_response(),
        // None of our types can fail to serialize; a map with keys other than text could.
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Body::empty()).into_response(),
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
