//! An instance as the registry records it, and the bodies around it.
//! It must not validate and must not know of leases beyond the wish that a client states.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::query::InstanceKey;

/// One running copy of a service.
///
/// Source: Service Center v4, `MicroServiceInstance`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Instance {
    /// At most 64 of `[A-Za-z0-9_.-]`; set by the registry unless the client brings one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instance_id: String,
    /// The service it belongs to; the path decides, not the body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// Where it can be reached; see [`crate::Endpoint`]. Empty for a consumer.
    pub endpoints: Vec<String>,
    /// 1–64 characters; required.
    pub host_name: String,
    /// Whether it takes calls; `UP` when absent. Kept as text so that the registry can refuse a wrong one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Free pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// How the registry learns that it is alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_center_info: Option<DataCenterInfo>,
    /// Seconds since the epoch, as text; set by the registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timestamp: String,
    /// Seconds since the epoch of the last change, as text; set by the registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mod_timestamp: String,
    /// The version of its service; set by the registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// The states that an instance can be in. No other word is ever sent: one SDK fails on unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Takes calls.
    Up,
    /// Takes none, and says so itself.
    Down,
    /// Not ready yet.
    Starting,
    /// Only for calls that ask for it.
    Testing,
    /// Taken out by a person.
    OutOfService,
}

impl InstanceStatus {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Starting => "STARTING",
            Self::Testing => "TESTING",
            Self::OutOfService => "OUTOFSERVICE",
        }
    }

    /// The status that `word` names, if it names one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Up, Self::Down, Self::Starting, Self::Testing, Self::OutOfService]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// How the registry learns that an instance is alive. Only `push`, the client's heartbeat, is acted on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// `push` or `pull`.
    pub mode: String,
    /// 0–65535; for `pull`.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
    /// Seconds between two heartbeats.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Heartbeats that may be missed; the lease is `interval × (times + 1)` seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub times: i64,
    /// For `pull`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// Where an instance runs. All three are required where the object is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataCenterInfo {
    /// Name of the data centre.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Its zone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub available_zone: String,
}

/// Body of `POST …/instances` and of the answer of `GET …/instances/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceEnvelope {
    /// The instance.
    pub instance: Instance,
}

/// Answer of `POST …/instances`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceIdAnswer {
    /// The id of the instance.
    pub instance_id: String,
}

/// Answer of every look-up of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceList {
    /// The instances, of every status; empty rather than left out.
    pub instances: Vec<Instance>,
}

/// Body of `PUT …/properties`, of a service and of an instance: the pairs that replace all those held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertiesBody {
    /// The new pairs.
    pub properties: BTreeMap<String, String>,
}

/// Body of `PUT …/registry/heartbeats`. Old clients and the original's documentation write `Instances`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeartbeatRequest {
    /// Those that are alive; at least one.
    #[serde(alias = "Instances")]
    pub instances: Vec<InstanceKey>,
}

/// Answer of `PUT …/registry/heartbeats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeartbeatAnswer {
    /// What became of each, duplicates collapsed.
    pub instances: Vec<HeartbeatResult>,
}

/// What became of one heartbeat of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeartbeatResult {
    /// The service of the instance.
    pub service_id: String,
    /// The instance.
    pub instance_id: String,
    /// Why its lease was not renewed; left out when it was.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub err_message: String,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
