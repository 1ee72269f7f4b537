//! The calls on single instances: register, heartbeat, read, change, unregister.
//! It must not look one up by the name of its service; `find` does.

use std::collections::BTreeMap;
use std::time::Duration;

use mesher_model::{HealthCheck, Instance};

use crate::change::ChangeKind;
use crate::find::{Found, FoundInstance, may_see};
use crate::identity::describe;
use crate::lease::Holder;
use crate::record::{InstanceRecord, Lease, ServiceRecord};
use crate::{Moment, Registry, RegistryError, Tenant, validate};

/// Seconds between two heartbeats where the client wishes for fewer.
const MIN_INTERVAL: i64 = 5;
/// Heartbeats that may be missed where the client wishes for fewer.
const MIN_TIMES: i64 = 3;
/// Seconds between two heartbeats where the client states no wish, or one that is not acted on.
const DEFAULT_INTERVAL: i64 = 30;

impl Registry {
    /// Registers an instance and answers its id. An instance that is alive keeps its content; only its lease is
    /// renewed. `fresh_id` is asked for an id where the client brings none.
    ///
    /// Source: Service Center v4, `POST /microservices/{sid}/instances`.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], a field that breaks its rule, a quota, an attempt on the registry's own.
    pub fn register_instance(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        mut instance: Instance,
        fresh_id: impl FnOnce() -> String,
        now: Moment,
    ) -> Result<String, RegistryError> {
        self.require_foreign(service_id)?;
        if instance.status.is_empty() {
            mesher_model::InstanceStatus::Up.as_str().clone_into(&mut instance.status);
        }
        validate::instance(&instance)?;
        let record = self.record_mut(tenant, service_id)?;
        if let Some(known) = record.instances.get_mut(&*instance.instance_id) {
            renew(known, now);
            return Ok(instance.instance_id);
        }
        complete(&mut instance, &record.service.version, service_id, now);
        self.require_room_for_instance()?;
        if instance.instance_id.is_empty() {
            instance.instance_id = fresh_id();
        }
        let id = instance.instance_id.clone();
        self.insert_instance(tenant, instance, now)?;
        Ok(id)
    }

    fn insert_instance(
        &mut self,
        tenant: Tenant<'_>,
        instance: Instance,
        now: Moment,
    ) -> Result<(), RegistryError> {
        let holder = holder(tenant, &instance.service_id, &instance.instance_id);
        let term = term(instance.health_check.as_ref());
        let ends = now.monotonic.saturating_add(term);
        let lease = Lease { number: self.next_number(), term, ends, queued: ends };
        let record = self.record_mut(tenant, &holder.service)?;
        let service = describe(&record.service);
        let entry = InstanceRecord { instance, changed: 0, lease: Some(lease) };
        record.instances.insert((*holder.instance).into(), entry);
        self.count_instances(1);
        self.enqueue(ends, lease.number, holder.clone());
        self.instance_changed(ChangeKind::InstanceRegistered, &holder, service);
        Ok(())
    }

    /// Renews the lease of an instance.
    ///
    /// # Errors
    /// [`RegistryError::InstanceAbsent`], also where the service is unknown: the client then registers again.
    pub fn heartbeat(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        instance_id: &str,
        now: Moment,
    ) -> Result<(), RegistryError> {
        let record = self.record_mut(tenant, service_id).map_err(|_| RegistryError::InstanceAbsent)?;
        let instance = record.instances.get_mut(instance_id).ok_or(RegistryError::InstanceAbsent)?;
        renew(instance, now);
        Ok(())
    }

    /// Every instance of a service, as `consumer` may see them; an empty `consumer` sees all.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], also where the consumer may not see it, [`RegistryError::ConsumerAbsent`].
    pub fn instances(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
        consumer: &str,
    ) -> Result<Found<'_>, RegistryError> {
        Ok(Found::new(self.epoch, vec![self.visible(tenant, service_id, consumer)?]))
    }

    /// One instance, as `consumer` may see it.
    ///
    /// # Errors
    /// [`RegistryError::InstanceAbsent`], and those of [`Self::instances`].
    pub fn instance(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
        instance_id: &str,
        consumer: &str,
    ) -> Result<FoundInstance<'_>, RegistryError> {
        let record = self.visible(tenant, service_id, consumer)?;
        let instance = record.instances.get(instance_id).ok_or(RegistryError::InstanceAbsent)?;
        Ok(FoundInstance::new(self.epoch, record, instance))
    }

    /// Sets the status of an instance. Setting the one it has changes nothing, not even a revision.
    ///
    /// # Errors
    /// [`RegistryError::InstanceAbsent`], [`RegistryError::ServiceAbsent`], or a word that names no status.
    pub fn update_status(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        instance_id: &str,
        status: &str,
        now: Moment,
    ) -> Result<(), RegistryError> {
        validate::status("UpdateInstanceStatusRequest.Status", status)?;
        self.change(tenant, service_id, instance_id, now, |instance| {
            let is_other = instance.status != status;
            status.clone_into(&mut instance.status);
            is_other
        })
    }

    /// Replaces all properties of an instance. Equal ones change nothing, not even a revision.
    ///
    /// # Errors
    /// [`RegistryError::InstanceAbsent`], [`RegistryError::ServiceAbsent`].
    pub fn update_properties(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        instance_id: &str,
        properties: BTreeMap<String, String>,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.change(tenant, service_id, instance_id, now, |instance| {
            let is_other = instance.properties != properties;
            instance.properties = properties;
            is_other
        })
    }

    fn change(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        instance_id: &str,
        now: Moment,
        edit: impl FnOnce(&mut Instance) -> bool,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record_mut(tenant, service_id)?;
        let entry = record.instances.get_mut(instance_id).ok_or(RegistryError::InstanceAbsent)?;
        if edit(&mut entry.instance) {
            entry.instance.mod_timestamp = now.timestamp();
            let service = describe(&record.service);
            let holder = holder(tenant, service_id, instance_id);
            self.instance_changed(ChangeKind::InstanceChanged, &holder, service);
        }
        Ok(())
    }

    /// Takes an instance out at once.
    ///
    /// # Errors
    /// [`RegistryError::InstanceAbsent`], [`RegistryError::ServiceAbsent`], an attempt on the registry's own.
    pub fn unregister_instance(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        instance_id: &str,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record_mut(tenant, service_id)?;
        let entry = record.instances.remove(instance_id).ok_or(RegistryError::InstanceAbsent)?;
        let service = describe(&record.service);
        if let Some(lease) = entry.lease {
            self.dequeue(lease.queued, lease.number);
        }
        self.count_instances(-1);
        let holder = holder(tenant, service_id, instance_id);
        self.instance_changed(ChangeKind::InstanceUnregistered, &holder, service);
        Ok(())
    }

    fn visible(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
        consumer: &str,
    ) -> Result<&ServiceRecord, RegistryError> {
        let caller = self.consumer(tenant, consumer)?;
        let record = self.record(tenant, service_id)?;
        if may_see(tenant, caller, record) { Ok(record) } else { Err(RegistryError::ServiceAbsent) }
    }
}

fn holder(tenant: Tenant<'_>, service_id: &str, instance_id: &str) -> Holder {
    Holder {
        domain: tenant.domain().into(),
        project: tenant.project().into(),
        service: service_id.into(),
        instance: instance_id.into(),
    }
}

/// Sets what the registry says of an instance, over whatever the client said.
fn complete(instance: &mut Instance, version: &str, service_id: &str, now: Moment) {
    version.clone_into(&mut instance.version);
    service_id.clone_into(&mut instance.service_id);
    instance.timestamp = now.timestamp();
    instance.mod_timestamp.clone_from(&instance.timestamp);
    let check = instance.health_check.get_or_insert_with(|| HealthCheck {
        mode: "push".to_owned(),
        interval: DEFAULT_INTERVAL,
        times: MIN_TIMES,
        ..HealthCheck::default()
    });
    if check.mode == "pull" {
        (check.interval, check.times) = (DEFAULT_INTERVAL, MIN_TIMES);
    } else {
        (check.interval, check.times) = (check.interval.max(MIN_INTERVAL), check.times.max(MIN_TIMES));
    }
}

/// Source: Service Center v4, lease: `interval × (times + 1)` seconds.
fn term(check: Option<&HealthCheck>) -> Duration {
    let (interval, times) =
        check.map_or((DEFAULT_INTERVAL, MIN_TIMES), |check| (check.interval, check.times));
    let seconds = interval.saturating_mul(times.saturating_add(1));
    Duration::from_secs(seconds.unsigned_abs())
}

fn renew(instance: &mut InstanceRecord, now: Moment) {
    if let Some(lease) = &mut instance.lease {
        lease.ends = now.monotonic.saturating_add(lease.term);
    }
}
