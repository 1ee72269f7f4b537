//! The registry itself: tenants, counters, revisions and the end of leases.
//! It must not say what a call means; `services`, `instances`, `find` and `own` do, each for its part.

use std::collections::HashMap;
use std::sync::Arc;

use crate::change::{Change, ChangeKind};
use crate::identity::describe;
use crate::lease::{Holder, Leases};
use crate::record::ServiceRecord;
use crate::space::Space;
use crate::{Moment, RegistryError, Tenant};

/// How much the registry takes, over all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Service versions; 50,000 by default.
    pub services: usize,
    /// Instances; 150,000 by default.
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { services: 50_000, instances: 150_000 }
    }
}

/// Services and instances of every tenant. A plain value: the caller brings time, ids and mutual exclusion.
#[derive(Debug)]
pub struct Registry {
    /// Sets the revisions of one life of the registry apart from those of any other.
    pub(crate) epoch: u64,
    pub(crate) limits: Limits,
    pub(crate) own: Option<(Arc<str>, Arc<str>)>,
    revision: u64,
    numbers: u64,
    service_count: usize,
    instance_count: usize,
    leases: Leases,
    domains: HashMap<Box<str>, HashMap<Box<str>, Space>>,
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
            leases: Leases::default(),
            domains: HashMap::new(),
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

    /// Hands over what changed since the last call, oldest first. Call it after each call that can change
    /// something: until then the registry keeps the changes.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Removes every instance whose lease has ended by `now`. Costs one comparison when there is none; call it
    /// before each other call, so that no answer holds an instance that is gone.
    pub fn expire(&mut self, now: Moment) {
        while let Some((number, holder)) = self.leases.pop_due(now.monotonic) {
            let Some(record) =
                self.space_mut(holder.tenant()).and_then(|space| space.get_mut(&holder.service))
            else {
                continue;
            };
            let Some(instance) = record.instances.get_mut(&*holder.instance) else { continue };
            let Some(lease) = instance.lease.as_mut().filter(|lease| lease.number == number) else {
                continue;
            };
            if lease.ends > now.monotonic {
                lease.queued = lease.ends;
                let at = lease.ends;
                self.leases.push(at, number, holder);
            } else {
                record.instances.remove(&*holder.instance);
                let service = describe(&record.service);
                self.instance_count -= 1;
                self.instance_changed(ChangeKind::InstanceExpired, &holder, service);
            }
        }
    }

    pub(crate) fn is_own(&self, service_id: &str) -> bool {
        self.own.as_ref().is_some_and(|(service, _)| **service == *service_id)
    }

    pub(crate) fn space(&self, tenant: Tenant<'_>) -> Option<&Space> {
        self.domains.get(tenant.domain())?.get(tenant.project())
    }

    pub(crate) fn space_mut(&mut self, tenant: Tenant<'_>) -> Option<&mut Space> {
        self.domains.get_mut(tenant.domain())?.get_mut(tenant.project())
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
        self.space_mut(tenant).and_then(|space| space.get_mut(service_id)).ok_or(RegistryError::ServiceAbsent)
    }

    /// A number that was never given out before.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn insert_record(&mut self, tenant: Tenant<'_>, mut record: ServiceRecord) {
        let change = self.note(ChangeKind::ServiceCreated, tenant, &record);
        record.changed = self.revision;
        self.changes.push(change);
        self.service_count += 1;
        let projects = self.domains.entry(tenant.domain().into()).or_default();
        projects.entry(tenant.project().into()).or_default().insert(record);
    }

    pub(crate) fn remove_record(&mut self, tenant: Tenant<'_>, service_id: &str) {
        let Some(record) = self.space_mut(tenant).and_then(|space| space.remove(service_id)) else { return };
        self.service_count -= 1;
        self.instance_count -= record.instances.len();
        for lease in record.instances.values().filter_map(|instance| instance.lease) {
            self.leases.remove(lease.queued, lease.number);
        }
        let change = self.note(ChangeKind::ServiceRemoved, tenant, &record);
        self.changes.push(change);
        self.drop_space_if_empty(tenant);
    }

    pub(crate) fn service_changed(&mut self, tenant: Tenant<'_>, service_id: &str, is_visible: bool) {
        let Ok(record) = self.record(tenant, service_id) else { return };
        let change = Change::new(
            ChangeKind::ServiceChanged,
            self.revision + 1,
            tenant,
            describe(&record.service),
            service_id,
        );
        self.revision += 1;
        self.changes.push(change);
        let revision = self.revision;
        if let Ok(record) = self.record_mut(tenant, service_id)
            && is_visible
        {
            record.changed = revision;
        }
    }

    pub(crate) fn enqueue(&mut self, at: std::time::Duration, number: u64, holder: Holder) {
        self.leases.push(at, number, holder);
    }

    pub(crate) fn dequeue(&mut self, at: std::time::Duration, number: u64) {
        self.leases.remove(at, number);
    }

    pub(crate) fn count_instances(&mut self, more: isize) {
        self.instance_count = self.instance_count.saturating_add_signed(more);
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

    /// Gives the change of an instance its revision and tells of it.
    pub(crate) fn instance_changed(&mut self, kind: ChangeKind, holder: &Holder, service: String) {
        self.revision += 1;
        let revision = self.revision;
        let change = Change::new(kind, revision, holder.tenant(), service, &holder.service);
        self.changes.push(change.of_instance(&holder.instance));
        if let Ok(record) = self.record_mut(holder.tenant(), &holder.service) {
            record.changed = revision;
            if let Some(instance) = record.instances.get_mut(&*holder.instance) {
                instance.changed = revision;
            }
        }
    }

    fn note(&mut self, kind: ChangeKind, tenant: Tenant<'_>, record: &ServiceRecord) -> Change {
        self.revision += 1;
        Change::new(kind, self.revision, tenant, describe(&record.service), &record.service.service_id)
    }

    fn drop_space_if_empty(&mut self, tenant: Tenant<'_>) {
        let Some(projects) = self.domains.get_mut(tenant.domain()) else { return };
        if projects.get(tenant.project()).is_some_and(Space::is_empty) {
            projects.remove(tenant.project());
        }
        if projects.is_empty() {
            self.domains.remove(tenant.domain());
        }
    }
}
