//! The registry itself: tenants, counters, revisions, and what it tells of its changes.
//! It must not say what a call means; `services`, `instances`, `find` and `own` do, each for its part.

use std::collections::HashMap;
use std::sync::Arc;

use mesher_model::Microservice;

use crate::change::{Change, ChangeKind};
use crate::edit::{Edit, Key, Place, Stored};
use crate::expiry::Guard;
use crate::lease::Leases;
use crate::record::ServiceRecord;
use crate::space::Space;
use crate::store::Domains;
use crate::{Moment, RegistryError, Tenant};

/// How much the registry takes, over all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Service versions; 50,000 by default.
    pub services: usize,
    /// Instances; 150,000 by default.
    pub instances: usize,
    /// Bytes of all contracts; 256 MiB by default.
    pub schema_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { services: 50_000, instances: 150_000, schema_bytes: 256 * 1024 * 1024 }
    }
}

/// Services and instances of every tenant. A plain value: the caller brings time, ids and mutual exclusion.
#[derive(Debug)]
pub struct Registry {
    /// Sets the revisions of one life of the registry apart from those of any other.
    pub(crate) epoch: u64,
    pub(crate) limits: Limits,
    /// Id of the registry's own service.
    pub(crate) own: Option<Arc<str>>,
    pub(crate) revision: u64,
    /// The last number given out: each service and each lease has its own.
    pub(crate) numbers: u64,
    pub(crate) service_count: usize,
    pub(crate) instance_count: usize,
    pub(crate) schema_bytes: usize,
    pub(crate) leases: Leases,
    pub(crate) guard: Guard,
    pub(crate) domains: Domains,
    pub(crate) edits: Vec<Edit>,
    changes: Vec<Change>,
}

impl Registry {
    /// An empty registry. `epoch` is a number that no earlier life of this registry had, so that a client's old
    /// revision never names a new result; a random one will do.
    #[must_use]
    pub fn new(epoch: u64, limits: Limits) -> Self {
        Self {
            epoch,
            limits,
            own: None,
            revision: 0,
            numbers: 0,
            service_count: 0,
            instance_count: 0,
            schema_bytes: 0,
            leases: Leases::default(),
            guard: Guard::default(),
            domains: HashMap::new(),
            edits: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Number of the last accepted change.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// How many instances there are, over all tenants, the registry's own among them.
    #[must_use]
    pub const fn instance_count(&self) -> usize {
        self.instance_count
    }

    #[cfg(test)]
    pub(crate) fn lease_count(&self) -> usize {
        self.leases.count()
    }

    /// Every service of every tenant but the registry's own, in no order.
    pub fn all_services(&self) -> impl Iterator<Item = &ServiceRecord> {
        let spaces = self.domains.values().flat_map(HashMap::values);
        spaces.flat_map(Space::services).filter(|record| !self.is_own(&record.service.service_id))
    }

    /// Whether there is something to hand over.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.changes.is_empty() || !self.edits.is_empty()
    }

    /// Hands over what changed since the last call, oldest first. Call it after each call that can change
    /// something: until then the registry keeps the changes.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Hands over which records changed since the last call, oldest first: what a store must keep. Call it where
    /// [`Self::take_changes`] is called.
    pub fn take_edits(&mut self) -> Vec<Edit> {
        std::mem::take(&mut self.edits)
    }

    pub(crate) fn is_own(&self, service_id: &str) -> bool {
        self.own.as_deref() == Some(service_id)
    }

    pub(crate) fn space(&self, tenant: Tenant<'_>) -> Option<&Space> {
        self.domains.get(tenant.domain())?.get(tenant.project())
    }

    pub(crate) fn record(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
    ) -> Result<&ServiceRecord, RegistryError> {
        self.space(tenant).and_then(|space| space.get(service_id)).ok_or(RegistryError::ServiceAbsent)
    }

    pub(crate) fn record_mut(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
    ) -> Result<&mut ServiceRecord, RegistryError> {
        let space = self.domains.get_mut(tenant.domain()).and_then(|space| space.get_mut(tenant.project()));
        space.and_then(|space| space.get_mut(service_id)).ok_or(RegistryError::ServiceAbsent)
    }

    /// Changes the record of a service, and tells of it.
    pub(crate) fn write_service(&mut self, place: Place, service: Microservice, now: Moment) {
        let service = Arc::new(service);
        let value = Stored::Service(Arc::clone(&service));
        let before = self.write(Key::Service(place.clone()), Some(value), now);
        let kind = if before.is_some() { ChangeKind::ServiceChanged } else { ChangeKind::ServiceCreated };
        self.tell(Change::new(kind, self.revision, &place, service));
    }

    /// Changes a record that hangs on a service, and tells of the service.
    pub(crate) fn write_part(&mut self, kind: ChangeKind, key: Key, value: Option<Stored>, now: Moment) {
        let place = key.place().clone();
        let service = self.record(place.tenant(), &place.service).map(|record| Arc::clone(&record.service));
        let told = self.edits.len();
        self.write(key, value, now);
        if let (Ok(service), true) = (service, self.edits.len() > told) {
            self.revision += 1;
            self.tell(Change::new(kind, self.revision, &place, service));
        }
    }

    /// Tells of an instance as it is now or, where it is gone, was.
    pub(crate) fn tell_of_instance(&mut self, kind: ChangeKind, place: &Place, instance: Option<Stored>) {
        let Ok(record) = self.record(place.tenant(), &place.service) else { return };
        let Some(Stored::Instance(instance)) = instance else { return };
        let change = Change::new(kind, self.revision, place, Arc::clone(&record.service));
        self.tell(change.of_instance(instance));
    }

    pub(crate) fn tell(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Whether one more service fits.
    pub(crate) fn require_room_for_service(&self) -> Result<(), RegistryError> {
        let limit = self.limits.services;
        if self.service_count < limit {
            Ok(())
        } else {
            Err(RegistryError::QuotaUsedUp { kind: "services", limit })
        }
    }

    /// Whether one more instance fits.
    pub(crate) fn require_room_for_instance(&self) -> Result<(), RegistryError> {
        let limit = self.limits.instances;
        if self.instance_count < limit {
            Ok(())
        } else {
            Err(RegistryError::QuotaUsedUp { kind: "instances", limit })
        }
    }
}
