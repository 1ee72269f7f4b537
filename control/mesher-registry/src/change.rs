//! What changed, told after the fact: the material for logs and watches.
//! It must not carry heartbeats: they change no record.

use std::sync::Arc;

use mesher_model::{Instance, Microservice};

use crate::edit::Place;
use crate::identity::describe;

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A version of a service is new.
    ServiceCreated,
    /// The properties of a service were replaced.
    ServiceChanged,
    /// The contracts of a service are other than before.
    SchemasChanged,
    /// The tags of a service are other than before.
    TagsChanged,
    /// A service calls other services than before.
    DependenciesChanged,
    /// A version of a service is gone, with its instances.
    ServiceRemoved,
    /// An instance is new.
    InstanceRegistered,
    /// Status or properties of an instance are other than before.
    InstanceChanged,
    /// An instance was taken out by somebody.
    InstanceUnregistered,
    /// The lease of an instance ran out.
    InstanceExpired,
}

/// One change. `revision` grows with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The registry's revision with this change in it.
    pub revision: u64,
    /// The tenant and the id of the service.
    pub place: Place,
    /// The service, as it is now or, where it is gone, was.
    pub record: Arc<Microservice>,
    /// The instance, as it is now or, where it is gone, was; `None` where a service changed.
    pub instance: Option<Arc<Instance>>,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, revision: u64, place: &Place, record: Arc<Microservice>) -> Self {
        Self { kind, revision, place: place.clone(), record, instance: None }
    }

    pub(crate) fn of_instance(self, instance: Arc<Instance>) -> Self {
        Self { instance: Some(instance), ..self }
    }

    /// `environment/application/name/version` of the service.
    #[must_use]
    pub fn service(&self) -> String {
        describe(&self.record)
    }

    /// Id of the instance; empty where a service changed.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        self.instance.as_ref().map_or("", |instance| &instance.instance_id)
    }
}
