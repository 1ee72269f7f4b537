//! Why the registry refuses a call, by cause.
//! It must not know of HTTP: a cause maps to a code of the contract, and the code knows its status.

use mesher_model::{ErrorBody, ErrorCode};

/// How much of a refused value is told back. Enough to recognise it, too little to amplify a request.
const MAX_ECHO: usize = 160;

/// A refusal. The text is the `detail` that a person reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A field does not hold what it must.
    #[error("field '{field}' invalid value {value:?} does not match rule: {rule}")]
    InvalidField {
        /// Which field.
        field: &'static str,
        /// What it held, cut.
        value: String,
        /// What it must hold.
        rule: &'static str,
    },
    /// The request as a whole asks for nothing, or for too much.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The id belongs to another service, or the service has another id.
    #[error("ServiceID conflict or found the same service with different id.")]
    ServiceConflict,
    /// No service has this id.
    #[error("Service does not exist.")]
    ServiceAbsent,
    /// No service has the id that the caller gives as its own.
    #[error("Consumer[{0}] does not exist.")]
    ConsumerAbsent(String),
    /// No service answers to this name.
    #[error("Consumer[{consumer}] find provider[{provider}] failed, provider does not exist")]
    ProviderAbsent {
        /// Who asked; empty for nobody.
        consumer: String,
        /// `environment/application/name`.
        provider: String,
    },
    /// No service has this identity.
    #[error("{0} does not exist.")]
    IdentityAbsent(String),
    /// The service exists, this version of it does not.
    #[error("{0} version mismatch.")]
    VersionAbsent(String),
    /// The service still has instances.
    #[error("Can not delete the service deployed instance(s).")]
    ServiceHasInstances,
    /// Other services call the service.
    #[error("Can not delete this service, other service rely it.")]
    ServiceIsNeeded,
    /// The service has no text of this contract.
    #[error("schema ref not found.")]
    SchemaAbsent,
    /// The service carries no such tag.
    #[error("Tag {0:?} does not exist, please add one first.")]
    TagAbsent(String),
    /// No such instance, or its lease ran out.
    #[error("leaseId not exist, instance not exist")]
    InstanceAbsent,
    /// A quota is used up.
    #[error("no more than {limit} {kind} can be registered")]
    QuotaUsedUp {
        /// What is counted.
        kind: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Somebody wants to remove the registry from itself.
    #[error("the registry's own service can not be deleted")]
    OwnServiceKept,
    /// Somebody wants to change what the registry says of itself.
    #[error("the registry's own service is changed by the registry only")]
    OwnServiceGuarded,
}

impl RegistryError {
    pub(crate) fn invalid(field: &'static str, value: &str, rule: &'static str) -> Self {
        Self::InvalidField { field, value: value.chars().take(MAX_ECHO).collect(), rule }
    }

    /// The code of the contract that goes with the cause.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidField { .. } | Self::InvalidRequest(_) | Self::OwnServiceKept => {
                ErrorCode::InvalidParams
            }
            Self::ServiceConflict => ErrorCode::ServiceAlreadyExists,
            Self::ServiceAbsent
            | Self::ConsumerAbsent(_)
            | Self::ProviderAbsent { .. }
            | Self::IdentityAbsent(_) => ErrorCode::ServiceNotExists,
            Self::VersionAbsent(_) => ErrorCode::VersionNotExists,
            Self::ServiceHasInstances => ErrorCode::ServiceHasInstances,
            Self::ServiceIsNeeded => ErrorCode::ConsumersDepend,
            Self::SchemaAbsent => ErrorCode::SchemaNotExists,
            Self::TagAbsent(_) => ErrorCode::TagNotExists,
            Self::InstanceAbsent => ErrorCode::InstanceNotExists,
            Self::QuotaUsedUp { .. } => ErrorCode::NotEnoughQuota,
            Self::OwnServiceGuarded => ErrorCode::Forbidden,
        }
    }

    /// The body that tells a caller of this refusal.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        self.code().body(self.to_string())
    }
}
