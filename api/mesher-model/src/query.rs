//! The batch look-up: one request, many services, each with the revision that the asker already has.
//! It must not decide what a revision is: to every client it is opaque text.

use serde::{Deserialize, Serialize};

use crate::{ErrorBody, Instance};

/// Names a service in a look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceKey {
    /// Environment of the provider; the consumer's wins where a consumer is named.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub environment: String,
    /// Application of the provider.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_id: String,
    /// Name, alias, or `application:service`.
    pub service_name: String,
    /// A version rule; Mesher's registry returns every version, as releases since 2.1 do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// One service of a batch look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindService {
    /// Which one.
    pub service: ServiceKey,
    /// The revision that the asker has; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rev: String,
}

/// Names an instance in a look-up or a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceKey {
    /// Its service.
    pub service_id: String,
    /// Its id.
    pub instance_id: String,
}

/// One instance of a batch look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindInstance {
    /// Which one.
    pub instance: InstanceKey,
    /// The revision that the asker has; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rev: String,
}

/// Body of `POST …/instances/action?type=query`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchFind {
    /// The asking service; the header wins over it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consumer_service_id: String,
    /// The services asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<FindService>,
    /// The instances asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<FindInstance>,
}

/// Answer to a [`BatchFind`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchFindAnswer {
    /// What became of the services asked for; absent when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<BatchFindResult>,
    /// What became of the instances asked for; absent when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<BatchFindResult>,
}

/// One half of a [`BatchFindAnswer`]. Indexes are places in the list of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchFindResult {
    /// Those with another revision than the asker's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub updated: Vec<FindResult>,
    /// Those that are as the asker knows them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_modified: Vec<i64>,
    /// Those that could not be found, grouped by error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FindFailed>,
}

/// A changed result set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindResult {
    /// Place in the request.
    pub index: i64,
    /// Revision of this set.
    pub rev: String,
    /// The set, of every status.
    pub instances: Vec<Instance>,
}

/// A group of look-ups that failed alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindFailed {
    /// Places in the request.
    pub indexes: Vec<i64>,
    /// Why.
    pub error: ErrorBody,
}
