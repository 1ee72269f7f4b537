//! The form of a refusal: three members, as kie and the registry have them.
//! It must not say more of a fault of ours than that there is one.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesher_access::AccessError;
use mesher_config::ConfigError;
use mesher_model::ErrorBody;

use crate::answer;
use crate::body::BodyError;
use crate::keep::NotKept;
use crate::watch::Full;

/// Why a call is not done.
#[derive(Debug)]
pub(super) enum Refused {
    Config(ConfigError),
    Access(AccessError),
    NotKept(NotKept),
    /// Too many wait.
    Full,
}

impl Refused {
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::Config(ConfigError::Invalid(detail.into()))
    }
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<AccessError> for Refused {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

impl From<NotKept> for Refused {
    fn from(error: NotKept) -> Self {
        Self::NotKept(error)
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        Self::invalid(format!("decode request body failed: {error}"))
    }
}

impl From<Full> for Refused {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = |code: u32, message: &str, detail: String| ErrorBody {
            error_code: code.to_string(),
            error_message: message.to_owned(),
            detail,
        };
        match self {
            Self::Config(error) => answer::error(error.status(), &error.body()),
            Self::Access(error) => answer::Refused::access(&error).into_response(),
            Self::NotKept(error) => {
                answer::error(500, &body(500_001, "internal server error", error.to_string()))
            }
            Self::Full => {
                // Java SDKs take this for "no news" and ask again a second later.
                let detail = "many calls wait already; ask again, or without wait".to_owned();
                let mut answer = answer::error(
                    StatusCode::TOO_MANY_REQUESTS.as_u16(),
                    &body(429_001, "too many requests", detail),
                );
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                answer
            }
        }
    }
}
