//! `kind: Fallback`: what a caller gets where its call failed, in place of the failure.
//! It must say exactly one thing: an answer, or another part of the service.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounds::{checked, given};
use super::filters::{DirectResponse, response};
use super::matches::{CallMatch, matches};
use super::route::Subset;
#[cfg(feature = "schema")]
use super::status::STATUSES_MAX;
use super::status::{StatusPattern, server_errors, statuses};
use super::words::ServiceName;

/// What callers of a service get where their calls failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = super::schema::any_required(["answer", "subset"]))))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// The calls that it is about; every call where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// Answers that are failures: `503`, `5xx`. No connection, no answer, an answer that comes too late, and a refusal of a breaker
    /// or a bulkhead always are.
    #[serde(default = "server_errors", deserialize_with = "statuses")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = STATUSES_MAX)))]
    pub statuses: Vec<StatusPattern>,
    /// The answer that the caller gets.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "response")]
    #[cfg_attr(feature = "schema", schemars(with = "DirectResponse"))]
    pub answer: Option<DirectResponse>,
    /// The instances of which one takes the call, once, where it may be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Subset"))]
    pub subset: Option<Subset>,
}

impl Serialize for Fallback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Fallback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, |fallback| match (&fallback.answer, &fallback.subset) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err("a fallback has either an answer, or a subset that takes the call".to_owned()),
        })
    }
}
