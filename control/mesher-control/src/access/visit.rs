//! What a handler of access control knows of its request: the state, the caller, the address.
//! It must not be had where access control is off.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesher_access::{AccessError, Caller};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::passwords::Busy;
use super::{Gatekeeper, guard};
use crate::answer;
use crate::body;
use crate::connection::Peer;
use crate::control::Control;
use crate::keep::NotKept;

/// Bound of a body, in bytes: the longest is a list of 20 accounts.
const BODY_MAX: usize = 64 * 1024;

/// Why a request of access control is not done.
#[derive(Debug)]
pub(super) enum NotDone {
    Refused(AccessError),
    /// Too many logins wait.
    Busy,
    /// The store does not take the change.
    NotKept(NotKept),
    /// The system gives no random bytes.
    Broken(crate::ControlError),
}

impl From<AccessError> for NotDone {
    fn from(error: AccessError) -> Self {
        Self::Refused(error)
    }
}

impl From<NotKept> for NotDone {
    fn from(error: NotKept) -> Self {
        Self::NotKept(error)
    }
}

impl From<Busy> for NotDone {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<crate::ControlError> for NotDone {
    fn from(error: crate::ControlError) -> Self {
        Self::Broken(error)
    }
}

impl IntoResponse for NotDone {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(error) => guard::refusal(&error, false),
            Self::Busy => {
                let detail = "many logins are waiting; try again in a second";
                let mut answer = answer::mesh_error(429, "too_many_logins", detail);
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                answer
            }
            Self::NotKept(error) => answer::Refused::from(error).into_response(),
            Self::Broken(error) => answer::mesh_error(500, "internal", error.to_string()),
        }
    }
}

/// What a handler answers.
pub(super) type Outcome = Result<Response, NotDone>;

/// A request of access control.
pub(super) struct Visit {
    pub(super) gatekeeper: Arc<Gatekeeper>,
    /// Absent on the one route that needs no token.
    caller: Option<Caller>,
    pub(super) from: IpAddr,
}

impl FromRequestParts<Arc<Control>> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, StatusCode> {
        let gatekeeper = control.gatekeeper.clone().ok_or(StatusCode::NOT_FOUND)?;
        let peer = parts.extensions.get::<Peer>();
        Ok(Self {
            gatekeeper,
            caller: parts.extensions.get::<Caller>().cloned(),
            from: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip()),
        })
    }
}

impl Visit {
    /// Who calls.
    pub(super) fn caller(&self) -> Result<&Caller, AccessError> {
        // The guard lets no request to such a route without one.
        self.caller.as_ref().ok_or(AccessError::NoToken)
    }
}

/// Reads a body.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Result<T, AccessError> {
    body::read_lenient(body, BODY_MAX).await.map_err(|error| AccessError::Invalid(error.to_string()))
}

#[derive(Serialize)]
struct Many<T> {
    total: usize,
    data: Vec<T>,
}

/// A list as the original answers it.
pub(super) fn many<T: Serialize>(data: Vec<T>) -> Response {
    answer::json(&Many { total: data.len(), data })
}

/// The original's answer to a method that a path does not take.
pub(super) async fn not_allowed() -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (StatusCode::METHOD_NOT_ALLOWED, [(CONTENT_TYPE, kind)], "Method Not Allowed\n").into_response()
}
