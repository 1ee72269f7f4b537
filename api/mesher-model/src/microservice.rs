//! A service as the registry records it, and the bodies that create, fetch and list it.
//! It must not validate: the registry says which values it takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One version of a service. Members that are empty are left out on the wire, never sent as `null`.
///
/// Source: Service Center v4, `MicroService`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Microservice {
    /// 1–64 characters without white space; set by the registry unless the client brings one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The application that the service belongs to; `default` when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_id: String,
    /// 1–128 characters; the name that callers use.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Up to four numbers, each 0–32767, with dots between; `0.0.1` when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// A second name, unique within environment and application.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// Free text, at most 256 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// One of [`crate::ENVIRONMENTS`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub environment: String,
    /// `FRONT`, `MIDDLE` or `BACK`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub level: String,
    /// The ids of the service's contracts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<String>,
    /// Paths under which the service answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<ServicePath>,
    /// `UP` or `DOWN`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Free pairs; `allowCrossApp` has a meaning.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// `SDK`, `SIDECAR` or `PLATFORM`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub register_by: String,
    /// What the service was built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<Framework>,
    /// Seconds since the epoch, as text; set by the registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timestamp: String,
    /// Seconds since the epoch of the last change, as text; set by the registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mod_timestamp: String,
}

/// A path under which a service answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServicePath {
    /// The path itself, not empty.
    pub path: String,
    /// Free pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub property: BTreeMap<String, String>,
}

/// Name and version of the framework that a service was built with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Framework {
    /// At most 64 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// At most 64 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// Body of `POST …/microservices` and of the answer of `GET …/microservices/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceEnvelope {
    /// The service.
    pub service: Microservice,
}

/// Answer of `POST …/microservices` and of `GET …/existence?type=microservice`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceIdAnswer {
    /// The id of the service.
    pub service_id: String,
}

/// Answer of `GET …/microservices`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceList {
    /// Every service of the tenant and project; empty rather than left out.
    pub services: Vec<Microservice>,
}

/// Body of `DELETE …/microservices`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoveServices {
    /// The services to remove; at least one.
    pub service_ids: Vec<String>,
    /// Whether to remove those that still have instances.
    pub force: bool,
}

/// Answer of `DELETE …/microservices`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoveServicesAnswer {
    /// What became of each.
    pub services: Vec<RemovedService>,
}

/// What became of one service of a [`RemoveServices`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemovedService {
    /// The service.
    pub service_id: String,
    /// Why it was not removed; left out when it was.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub err_message: String,
}
