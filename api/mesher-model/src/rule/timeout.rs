//! `kind: Timeout`, and the timeouts of a rule: how long a call may take.
//! It must not know which wait it bounds in a proxy.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{checked, given};
use super::words::{ServiceName, Span};

/// Limits of the calls to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timeout {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// From the call's arrival at the proxy to the head of its answer, tries and waits included; `0s`: no limit.
    pub request: Span,
}

/// Limits of the calls that one rule decides about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTimeouts {
    /// From the call's arrival at the proxy to the head of its answer, tries and waits included; `0s`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub request: Option<Span>,
    /// From the beginning of each try to the head of its answer; `0s`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub backend_request: Option<Span>,
}

/// Reads the timeouts of a rule. A try that may take longer than its call is one whose limit never holds.
pub(super) fn timeouts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<RouteTimeouts>, D::Error> {
    checked(RouteTimeouts::deserialize(deserializer)?, |timeouts| {
        let RouteTimeouts { request, backend_request } = timeouts;
        match (request, backend_request) {
            (None, None) => Err("timeouts say nothing; they have request or backendRequest".to_owned()),
            (Some(whole), Some(each)) if !whole.duration().is_zero() && each > whole => {
                Err(format!("backendRequest of {each} is longer than request, {whole}"))
            }
            _ => Ok(()),
        }
    })
    .map(Some)
}
