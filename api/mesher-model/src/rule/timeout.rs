//! `kind: Timeout`: how long a call of a service may take.
//! It must not know which wait it bounds in a proxy.

use serde::{Deserialize, Serialize};

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
