//! The calls on single instances: register, heartbeat, read, change, unregister.
//! It must not look one up by the name of its service; `find` does.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesher_model::{HealthCheck, Instance};

use crate::change::ChangeKind;
use crate::edit::{Key, Place, Stored};
use crate::find::{Found, FoundInstance, may_see};
use crate::lease::{DEFAULT_INTERVAL, MIN_TIMES};
use crate::record::{InstanceRecord, ServiceRecord};
use crate::{Moment, Registry, RegistryError, Tenant, validate};

/// Seconds between two heartbeats where the client wishes for fewer.
const MIN_INTERVAL: i64 = 5;

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
        complete(&mut instance, &record.service.version, &record.place.service, now);
        self.require_room_for_instance()?;
        if instance.instance_id.is_empty() {
            instance.instance_id = fresh_id();
        }
        let id = instance.instance_id.clone();
        let place = self.record(tenant, service_id)?.place.clone();
        self.write_instance(ChangeKind::InstanceRegistered, place, instance, now);
        Ok(id)
    }

    fn write_instance(&mut self, kind: ChangeKind, place: Place, instance: Instance, now: Moment) {
        let id = Arc::from(instance.instance_id.as_str());
        let value = Some(Stored::Instance(Arc::new(instance)));
        self.write(Key::Instance(place.clone(), id), value.clone(), now);
        self.tell_of_instance(kind, &place, value);
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

    /// Every instance of a service, as `consumer` may see them; an empty `consumer` sees all. None where the service does
    /// not carry all of `tags`, keys with commas between.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], also where the consumer may not see it, [`RegistryError::ConsumerAbsent`].
    pub fn instances(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
        consumer: &str,
        tags: &str,
    ) -> Result<Found<'_>, RegistryError> {
        let record = self.visible(tenant, service_id, consumer)?;
        let services = if record.carries(tags) { vec![record] } else { Vec::new() };
        Ok(Found::new(self.epoch, services))
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
        let record = self.record(tenant, service_id)?;
        let entry = record.instances.get(instance_id).ok_or(RegistryError::InstanceAbsent)?;
        let mut instance = Instance::clone(&entry.instance);
        if edit(&mut instance) {
            instance.mod_timestamp = now.timestamp();
            let place = record.place.clone();
            self.write_instance(ChangeKind::InstanceChanged, place, instance, now);
        }
        Ok(())
    }

    /// Sets the status of every instance of the tenant that has all of these properties. Answers how many changed.
    ///
    /// # Errors
    /// No property is named, or a word that names no status.
    pub fn update_status_of_matching(
        &mut self,
        tenant: Tenant<'_>,
        properties: &BTreeMap<String, String>,
        status: &str,
        now: Moment,
    ) -> Result<usize, RegistryError> {
        validate::status("UpdateInstanceStatusRequest.Status", status)?;
        if properties.is_empty() {
            return Err(RegistryError::InvalidRequest("Required matches with properties"));
        }
        let has_all = |instance: &Instance| {
            properties.iter().all(|(key, value)| instance.properties.get(key) == Some(value))
        };
        let instances = self.services(tenant, false).flat_map(|record| {
            record.instances.iter().map(move |(id, entry)| (&record.place.service, id, &entry.instance))
        });
        let changing: Vec<(Arc<str>, Arc<str>)> = instances
            .filter(|(_, _, instance)| instance.status != status && has_all(instance))
            .map(|(service, id, _)| (Arc::clone(service), Arc::clone(id)))
            .collect();
        for (service, id) in &changing {
            self.update_status(tenant, service, id, status, now)?;
        }
        Ok(changing.len())
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
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record(tenant, service_id)?;
        let (id, _) = record.instances.get_key_value(instance_id).ok_or(RegistryError::InstanceAbsent)?;
        let (place, id) = (record.place.clone(), Arc::clone(id));
        let gone = self.write(Key::Instance(place.clone(), id), None, now);
        self.tell_of_instance(ChangeKind::InstanceUnregistered, &place, gone);
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

fn renew(instance: &mut InstanceRecord, now: Moment) {
    if let Some(lease) = &mut instance.lease {
        lease.ends = now.monotonic.saturating_add(lease.term);
    }
}
