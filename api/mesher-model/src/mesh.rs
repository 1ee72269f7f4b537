//! The shapes of `/mesher/v1`: what the page, the command and programs read.
//! It must not carry a number that nobody measured: unknown is `null`, never zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A list as every `/mesher/v1` path answers it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Listing<T> {
    /// The server's clock, RFC 3339 with milliseconds.
    pub now_at: String,
    /// The registry's revision that this answer was read at.
    pub revision: u64,
    /// The items of this page.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
    /// Where the next page begins; `null` on the last.
    pub next: Option<String>,
    /// Nodes of the control plane that did not answer.
    pub partial: Vec<String>,
}

/// One item as every `/mesher/v1` path answers it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Detail<T> {
    /// The server's clock, RFC 3339 with milliseconds.
    pub now_at: String,
    /// The registry's revision that this answer was read at.
    pub revision: u64,
    /// The item itself, beside the two.
    #[serde(flatten)]
    pub item: T,
}

/// One service, all versions together. Item of `GET /mesher/v1/services`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceRow {
    /// Its application.
    pub app: String,
    /// Its environment.
    pub env: String,
    /// Its name.
    pub name: String,
    /// Its versions, lowest first.
    pub versions: Vec<String>,
    /// Who serves its calls: `proxy`, `sdk`.
    pub runtime: Vec<String>,
    /// Its instances.
    pub instances: InstanceCount,
    /// When its first version was registered, RFC 3339 with milliseconds.
    pub created_at: Option<String>,
}

/// How many instances there are, and how many of them take calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceCount {
    /// Those that are `UP`.
    pub up: u64,
    /// All of them.
    pub total: u64,
}

/// One instance. Item of `GET /mesher/v1/instances`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceRow {
    /// Application of its service.
    pub app: String,
    /// Environment of its service.
    pub env: String,
    /// Name of its service.
    pub service: String,
    /// Version of its service.
    pub version: String,
    /// The registry's id of its service.
    pub service_id: String,
    /// Its own id.
    pub instance_id: String,
    /// The host it says it runs on.
    pub host: String,
    /// Its endpoints, as it registered them.
    pub endpoints: Vec<String>,
    /// Its status word.
    pub status: String,
    /// The zone it says it is in; empty where it says none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// Its properties, as it registered them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// When it was registered, RFC 3339 with milliseconds.
    pub registered_at: Option<String>,
    /// When its lease ends unless a heartbeat comes, RFC 3339 with milliseconds.
    pub lease_ends_at: Option<String>,
}

/// One proxy, as it last spoke of itself. Item of `GET /mesher/v1/proxies`, body of
/// `PUT /mesher/v1/proxies/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ProxyRow {
    /// The proxy's own id; equals the instance id where it registers an instance.
    pub id: String,
    /// Application of the service it stands beside.
    pub app: String,
    /// Environment of that service.
    pub env: String,
    /// Name of that service.
    pub service: String,
    /// Version of that service.
    pub version: String,
    /// Version of the proxy itself.
    pub mesher_version: String,
    /// Where it takes the application's calls.
    pub outbound: String,
    /// Where it takes calls for the application; empty without a declared port.
    pub inbound: String,
    /// Where its admin answers.
    pub admin: String,
    /// The number of the snapshot it serves with.
    pub snapshot: u64,
    /// Whether it is `starting`, `ready` or `draining`.
    pub state: String,
    /// When the control plane last heard of it, RFC 3339 with milliseconds; set by the control plane.
    pub seen_at: Option<String>,
    /// How it stands to the rules; set by the control plane, absent for a proxy without a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesOfProxy>,
}

/// How a proxy stands to the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RulesOfProxy {
    /// `connected` or `disconnected`.
    pub link: String,
    /// Since when, RFC 3339 with milliseconds.
    pub link_since_at: Option<String>,
    /// The revision that it serves with.
    pub serving: u64,
    /// Since when, RFC 3339 with milliseconds.
    pub serving_since_at: Option<String>,
    /// Services whose rules it holds.
    pub services: u64,
    /// Changes that it has not answered yet.
    pub waiting: u64,
    /// Why it goes on with an older revision; absent where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedRules>,
}

/// An update of rules that a proxy refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RefusedRules {
    /// The revision that it would have served with.
    pub revision: u64,
    /// Why.
    pub reason: String,
    /// When, RFC 3339 with milliseconds.
    pub at: Option<String>,
}

/// The error body of `/mesher/v1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshError {
    /// One word.
    pub error: String,
    /// What happened and how to mend it.
    pub detail: String,
    /// The line of a text that is wrong, counted from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The place in that line, counted from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The line itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
