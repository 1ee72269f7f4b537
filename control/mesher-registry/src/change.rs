//! What changed, told after the fact: the material for logs and, later, for watches.
//! It must not carry heartbeats: they change no record.

use crate::Tenant;

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A version of a service is new.
    ServiceCreated,
    /// The properties of a service were replaced.
    ServiceChanged,
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
}

impl Change {
    pub(crate) fn new(
        kind: ChangeKind,
        revision: u64,
        tenant: Tenant<'_>,
        service: String,
        id: &str,
    ) -> Self {
        Self {
            kind,
            revision,
            domain: tenant.domain().to_owned(),
            project: tenant.project().to_owned(),
            service,
            service_id: id.to_owned(),
            instance_id: String::new(),
        }
    }

    pub(crate) fn of_instance(mut self, id: &str) -> Self {
        id.clone_into(&mut self.instance_id);
        self
    }
}
