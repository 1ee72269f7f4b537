//! What the web page got for a question: a status and a JSON object, also where no JSON or no answer came.
//! Must not hide who failed: what a provider or a proxy said about a failure is passed on as it stands.

use std::io;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::provider::CallError;

/// The end of a call to the provider, ready to be relayed or shown.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Map<String, Value>,
}

impl Reply {
    pub(crate) fn from_call(call: Result<(StatusCode, Bytes), CallError>) -> Self {
        match call {
            Ok((status, bytes)) => Self::from_answer(status, &bytes),
            Err(failure) => Self::from_failure(&failure),
        }
    }

    fn from_answer(status: StatusCode, bytes: &[u8]) -> Self {
        if let Ok(body) = serde_json::from_slice(bytes) {
            return Self { status, body };
        }
        let detail = format!("the provider answered {status}, without a JSON object");
        let status =
            if status.is_success() || status.is_redirection() { StatusCode::BAD_GATEWAY } else { status };
        Self::own(status, "http_protocol_error", &detail)
    }

    /// The words are those of RFC 9209, as the proxies use them.
    fn from_failure(failure: &CallError) -> Self {
        let (status, error) = match failure {
            CallError::Target(_) => (StatusCode::BAD_REQUEST, "http_request_error"),
            CallError::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
                (StatusCode::BAD_GATEWAY, "connection_refused")
            }
            CallError::Connect { .. } => (StatusCode::BAD_GATEWAY, "destination_unavailable"),
            CallError::Exchange { source, .. } if source.is_parse() => {
                (StatusCode::BAD_GATEWAY, "http_protocol_error")
            }
            CallError::Exchange { .. } => (StatusCode::BAD_GATEWAY, "connection_terminated"),
            CallError::Body { .. } => (StatusCode::BAD_GATEWAY, "http_protocol_error"),
            CallError::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, "http_response_timeout"),
        };
        Self::own(status, error, &failure.to_string())
    }

    fn own(status: StatusCode, error: &str, detail: &str) -> Self {
        let body = Map::from_iter([("error".to_owned(), json!(error)), ("detail".to_owned(), json!(detail))]);
        Self { status, body }
    }

    /// A field as text; empty where it is absent.
    pub(crate) fn text(&self, field: &str) -> String {
        match self.body.get(field) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}
