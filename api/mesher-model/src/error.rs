//! The registry's error codes and the one JSON shape that carries them.
//! It must not decide when an error applies: that is the registry's business.

use serde::{Deserialize, Serialize};

/// An error code of the Service Center v4 API. The HTTP status is the code divided by 1000.
///
/// Source: Service Center v4, error shape. Clients act on 400012, 400017 and 400026; the rest is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400001: a field, a parameter or the body does not hold what it must; the caller is to blame.
    InvalidParams,
    /// 400002: the registry does not find itself.
    Unhealthy,
    /// 400010: another service holds this identity or this id.
    ServiceAlreadyExists,
    /// 400012: no such service.
    ServiceNotExists,
    /// 400013: the service still has instances and removal was not forced.
    ServiceHasInstances,
    /// 400016: the service has no such contract, or only its id; clients then upload it.
    SchemaNotExists,
    /// 400017: no such instance, or its lease ran out; a client registers again.
    InstanceNotExists,
    /// 400018: the service carries no such tag.
    TagNotExists,
    /// 400023: other services depend on the service and removal was not forced.
    ConsumersDepend,
    /// 400026: the service exists, this version of it does not.
    VersionNotExists,
    /// 400100: a quota is used up.
    NotEnoughQuota,
    /// 403001: the caller may not do this.
    Forbidden,
    /// 500003: a fault of the registry's own.
    Internal,
    /// 500011: the store behind the registry does not take the change.
    StoreUnavailable,
}

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::InvalidParams => 400_001,
            Self::Unhealthy => 400_002,
            Self::ServiceAlreadyExists => 400_010,
            Self::ServiceNotExists => 400_012,
            Self::ServiceHasInstances => 400_013,
            Self::SchemaNotExists => 400_016,
            Self::InstanceNotExists => 400_017,
            Self::TagNotExists => 400_018,
            Self::ConsumersDepend => 400_023,
            Self::VersionNotExists => 400_026,
            Self::NotEnoughQuota => 400_100,
            Self::Forbidden => 403_001,
            Self::Internal => 500_003,
            Self::StoreUnavailable => 500_011,
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        (self.number() / 1000) as u16
    }

    /// The fixed text of the code, as the original registry words it.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidParams => "Invalid parameter(s)",
            Self::Unhealthy => "Server is Unhealthy",
            Self::ServiceAlreadyExists => "Micro-service already exists",
            Self::ServiceNotExists => "Micro-service does not exist",
            Self::ServiceHasInstances => "Micro-service has deployed instance(s)",
            Self::SchemaNotExists => "Schema does not exist",
            Self::InstanceNotExists => "Instance does not exist",
            Self::TagNotExists => "Tag does not exist",
            Self::ConsumersDepend => "Consumer(s) depends on this micro-service",
            Self::VersionNotExists => "Micro-service version does not exist",
            Self::NotEnoughQuota => "Not enough quota",
            Self::Forbidden => "Forbidden",
            Self::Internal => "Internal server error",
            Self::StoreUnavailable => "Registry service is unavailable",
        }
    }

    /// The body that tells a caller of this error.
    #[must_use]
    pub fn body(self, detail: impl Into<String>) -> ErrorBody {
        ErrorBody {
            error_code: self.number().to_string(),
            error_message: self.message().to_owned(),
            detail: detail.into(),
        }
    }
}

/// The error body of the Service Center v4 API.
///
/// The order of the members and their compact form are part of the contract: the Go client looks for the bytes
/// `"errorCode":"400012"`. The code is a JSON string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The number of the [`ErrorCode`], as text.
    pub error_code: String,
    /// The fixed text of the code.
    #[serde(default)]
    pub error_message: String,
    /// What exactly was wrong, for a person; left out when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl ErrorBody {
    /// Whether this body carries `code`.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.error_code.parse() == Ok(code.number())
    }
}
