//! What the registry holds of one service version and of one instance.
//! It must not be changed from outside this crate: indexes and leases hang on it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mesher_model::{Instance, Microservice};
use serde_json::value::RawValue;

use crate::edit::{Place, SchemaContent};
use crate::{ProviderName, Version};

/// One version of a service, with its instances.
#[derive(Debug)]
pub struct ServiceRecord {
    pub(crate) place: Place,
    pub(crate) service: Arc<Microservice>,
    pub(crate) version: Version,
    /// Unique in the life of the registry, so that a service made anew is another one to a result's revision.
    pub(crate) number: u64,
    /// Revision of the last change to what a look-up sees: the instances, and who may see them.
    pub(crate) changed: u64,
    /// By instance id: a look-up answers in one order each time.
    pub(crate) instances: BTreeMap<Arc<str>, InstanceRecord>,
    pub(crate) schemas: BTreeMap<Arc<str>, Arc<SchemaContent>>,
    pub(crate) tags: Option<Arc<BTreeMap<String, String>>>,
    /// Whom it calls, ordered.
    pub(crate) providers: Option<Arc<Vec<ProviderName>>>,
}

impl ServiceRecord {
    pub(crate) fn new(place: Place, service: Arc<Microservice>, version: Version, number: u64) -> Self {
        Self {
            place,
            service,
            version,
            number,
            changed: 0,
            instances: BTreeMap::new(),
            schemas: BTreeMap::new(),
            tags: None,
            providers: None,
        }
    }

    /// The service as a client reads it.
    #[must_use]
    pub fn service(&self) -> &Microservice {
        &self.service
    }

    /// Its version, read once.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its instances, by id.
    pub fn instances(&self) -> impl ExactSizeIterator<Item = &InstanceRecord> {
        self.instances.values()
    }

    /// Its tags, by key.
    pub fn tags(&self) -> impl Iterator<Item = (&String, &String)> {
        self.tags.iter().flat_map(|tags| tags.iter())
    }

    /// The ids of its contracts, those that it declares first, each with its text where there is one.
    pub fn schemas(&self) -> impl Iterator<Item = (&str, Option<&SchemaContent>)> {
        let content = |id: &str| self.schemas.get(id).map(|content| &**content);
        let declared = self.service.schemas.iter().map(move |id| (id.as_str(), content(id)));
        let is_undeclared = |id: &str| !self.service.schemas.iter().any(|declared| declared == id);
        let others = self.schemas.iter().filter(move |(id, _)| is_undeclared(id));
        declared.chain(others.map(|(id, content)| (&**id, Some(&**content))))
    }

    /// Whether services of other applications may see it.
    pub(crate) fn may_cross_apps(&self) -> bool {
        may_cross_apps(&self.service)
    }

    /// Whether it carries a tag of each of these keys, with commas between; none asks for nothing.
    pub(crate) fn carries(&self, keys: &str) -> bool {
        let mut keys = keys.split(',').filter(|key| !key.is_empty());
        keys.all(|key| self.tags.as_ref().is_some_and(|tags| tags.contains_key(key)))
    }
}

pub(crate) fn may_cross_apps(service: &Microservice) -> bool {
    service.properties.get("allowCrossApp").is_some_and(|value| value == "true")
}

/// One instance under its lease.
#[derive(Debug)]
pub struct InstanceRecord {
    pub(crate) instance: Arc<Instance>,
    /// The instance as JSON, written at the first look-up that answers with it after a change.
    json: OnceLock<Option<Box<RawValue>>>,
    pub(crate) changed: u64,
    /// `None`: the registry's own, which lives as long as the registry does.
    pub(crate) lease: Option<Lease>,
}

/// How long an instance lives without a heartbeat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    /// Unique in the life of the registry; tells two leases apart that end at one time.
    pub(crate) number: u64,
    /// What a heartbeat buys.
    pub(crate) term: Duration,
    /// When it ends, on the monotonic clock.
    pub(crate) ends: Duration,
    /// Under which time it waits in the queue: at or before `ends`, since heartbeats leave the queue alone.
    pub(crate) queued: Duration,
}

impl InstanceRecord {
    pub(crate) fn new(instance: Arc<Instance>, changed: u64, lease: Lease) -> Self {
        Self { instance, json: OnceLock::new(), changed, lease: Some(lease) }
    }

    /// Puts another content in place. The lease goes on.
    pub(crate) fn replace(&mut self, instance: Arc<Instance>, changed: u64) -> Arc<Instance> {
        self.json = OnceLock::new();
        self.changed = changed;
        std::mem::replace(&mut self.instance, instance)
    }

    /// The instance as JSON. `None` never comes: its type has nothing that cannot be written.
    pub(crate) fn json(&self) -> Option<&RawValue> {
        let written = self.json.get_or_init(|| serde_json::value::to_raw_value(&*self.instance).ok());
        written.as_deref()
    }

    /// The instance as a client reads it.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// When its lease ends on the monotonic clock; `None` for the registry's own.
    #[must_use]
    pub fn lease_ends(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.ends)
    }

    /// Whether it takes calls.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.instance.status == mesher_model::InstanceStatus::Up.as_str()
    }
}
