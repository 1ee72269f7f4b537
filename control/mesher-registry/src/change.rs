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
    /// Domain of the tenant.
    pub domain: String,
    /// Project of the tenant.
    pub project: String,
    /// `environment/application/name/version` of the service.
    pub service: String,
    /// Id of the service.
    pub service_id: String,
    /// Id of the instance; empty where a service changed.
    pub instance_id: String,
    /// The service, as it is now or, where it is gone, was.
    pub record: Arc<Microservice>,
    /// The instance, as it is now or, where it is gone, was; `None` where a service changed.
    pub instance: Option<Arc<Instance>>,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, revision: u64, place: &Place, record: Arc<Microservice>) -> Self {
        Self {
            kind,
            revision,
            domain: (*place.domain).to_owned(),
            project: (*place.project).to_owned(),
            service: describe(&record),
            service_id: (*place.service).to_owned(),
            instance_id: String::new(),
            record,
            instance: None,
        }
    }

    pub(crate) fn of_instance(self, instance: Arc<Instance>) -> Self {
        Self { instance_id: instance.instance_id.clone(), instance: Some(instance), ..self }
    }
}
