//! The calls on services: create, ask for, read, list, change, remove.
//! It must not look at instances beyond asking whether there are any.

use std::collections::BTreeMap;

use mesher_model::Microservice;

use crate::change::{Change, ChangeKind};
use crate::edit::{Key, Place, Stored};
use crate::identity::service_id;
use crate::record::ServiceRecord;
use crate::space::Space;
use crate::{Moment, Registry, RegistryError, Tenant, validate};

/// Version of a service that brings none.
const DEFAULT_VERSION: &str = "0.0.1";

/// Asks for the id of one version of a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExistenceRequest<'a> {
    /// Environment; empty for the empty one.
    pub environment: &'a str,
    /// Application; empty for `default`.
    pub app: &'a str,
    /// Name, or alias.
    pub service: &'a str,
    /// Exact version.
    pub version: &'a str,
}

impl Registry {
    /// Registers a version of a service and answers its id. An identity that is there already keeps its content.
    ///
    /// Source: Service Center v4, `POST /microservices`.
    ///
    /// # Errors
    /// A field that breaks its rule, an id of another service, or a quota. The client is to blame.
    pub fn create_service(
        &mut self,
        tenant: Tenant<'_>,
        mut service: Microservice,
        now: Moment,
    ) -> Result<String, RegistryError> {
        set_defaults(&mut service);
        validate::service(&service)?;
        if let Some(space) = self.space(tenant)
            && let Some(known) = known_id(space, &service)?
        {
            return Ok(known);
        }
        self.require_room_for_service()?;
        if service.service_id.is_empty() {
            service.service_id = self.free_id(tenant, &service)?;
        }
        service.timestamp = now.timestamp();
        service.mod_timestamp.clone_from(&service.timestamp);
        let id = service.service_id.clone();
        self.write_service(Place::new(tenant, &id), service, now);
        Ok(id)
    }

    /// The id that follows from the identity, unless a client gave just that id to another service.
    fn free_id(&self, tenant: Tenant<'_>, service: &Microservice) -> Result<String, RegistryError> {
        let id = service_id(tenant, service);
        match self.record(tenant, &id) {
            Ok(_) => Err(RegistryError::ServiceConflict),
            Err(_) => Ok(id),
        }
    }

    /// The id of one version of a service, found by name and then by alias.
    ///
    /// # Errors
    /// [`RegistryError::IdentityAbsent`] and [`RegistryError::VersionAbsent`] tell apart which of both is missing;
    /// clients register the service on either. A field that breaks its rule is the caller's fault.
    pub fn service_exists(
        &self,
        tenant: Tenant<'_>,
        mut request: ExistenceRequest<'_>,
    ) -> Result<&str, RegistryError> {
        if request.app.is_empty() {
            request.app = mesher_model::DEFAULT;
        }
        validate::existence(&request)?;
        let versions = self.resolve(tenant, request.environment, request.app, request.service);
        let found = versions.iter().find(|record| record.service.version == request.version);
        if let Some(record) = found {
            return Ok(&record.service.service_id);
        }
        let identity = [request.environment, request.app, request.service, request.version].join("/");
        if versions.is_empty() {
            Err(RegistryError::IdentityAbsent(identity))
        } else {
            Err(RegistryError::VersionAbsent(identity))
        }
    }

    /// One service.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`].
    pub fn service(&self, tenant: Tenant<'_>, service_id: &str) -> Result<&ServiceRecord, RegistryError> {
        self.record(tenant, service_id)
    }

    /// Every service of a tenant, in no order; the registry's own only when `with_shared` asks for it.
    pub fn services(&self, tenant: Tenant<'_>, with_shared: bool) -> impl Iterator<Item = &ServiceRecord> {
        let records = self.space(tenant).into_iter().flat_map(Space::services);
        records.filter(move |record| with_shared || !self.is_own(&record.service.service_id))
    }

    /// Every version of the service that a record is one version of, itself among them.
    #[must_use]
    pub fn versions(&self, tenant: Tenant<'_>, record: &ServiceRecord) -> Vec<&ServiceRecord> {
        let Microservice { environment, app_id, service_name, .. } = &*record.service;
        self.space(tenant).map(|space| space.named(environment, app_id, service_name)).unwrap_or_default()
    }

    /// Every version of the service of this name.
    #[must_use]
    pub fn named(&self, tenant: Tenant<'_>, environment: &str, app: &str, name: &str) -> Vec<&ServiceRecord> {
        self.space(tenant).map(|space| space.named(environment, app, name)).unwrap_or_default()
    }

    /// Every service of all projects of a tenant's domain, in no order.
    pub(crate) fn services_of_domain(
        &self,
        tenant: Tenant<'_>,
        with_shared: bool,
    ) -> impl Iterator<Item = &ServiceRecord> {
        let spaces = self.domains.get(tenant.domain()).into_iter().flat_map(|projects| projects.values());
        let records = spaces.flat_map(Space::services);
        records.filter(move |record| with_shared || !self.is_own(&record.service.service_id))
    }

    /// Replaces all properties of a service.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], or an attempt on the registry's own.
    pub fn update_service_properties(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        properties: BTreeMap<String, String>,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record(tenant, service_id)?;
        let mut service = Microservice::clone(&record.service);
        service.properties = properties;
        service.mod_timestamp = now.timestamp();
        let place = record.place.clone();
        self.write_service(place, service, now);
        Ok(())
    }

    /// Removes a version of a service with all that hangs on it; without `force` only where nobody depends on it and no
    /// instance is left.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`]; [`RegistryError::ServiceIsNeeded`] and [`RegistryError::ServiceHasInstances`]
    /// without `force`; an attempt on the registry's own.
    pub fn remove_service(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        force: bool,
        now: Moment,
    ) -> Result<(), RegistryError> {
        if self.is_own(service_id) {
            return Err(RegistryError::OwnServiceKept);
        }
        let record = self.record(tenant, service_id)?;
        let is_other = |caller: &&ServiceRecord| caller.place.service != record.place.service;
        if !force && self.callers(tenant, &record.service).iter().any(is_other) {
            return Err(RegistryError::ServiceIsNeeded);
        }
        if !force && !record.instances.is_empty() {
            return Err(RegistryError::ServiceHasInstances);
        }
        let (place, service) = (record.place.clone(), std::sync::Arc::clone(&record.service));
        self.remove_parts(&place, now);
        self.write(Key::Service(place.clone()), None, now);
        self.tell(Change::new(ChangeKind::ServiceRemoved, self.revision, &place, service));
        Ok(())
    }

    /// Removes what hangs on a service, record by record: whoever watches an instance learns that it is gone, and a
    /// store drops no record by a rule of its own.
    fn remove_parts(&mut self, place: &Place, now: Moment) {
        let Ok(record) = self.record(place.tenant(), &place.service) else { return };
        let schemas: Vec<_> = record.schemas.keys().cloned().collect();
        let instances: Vec<_> = record.instances.keys().cloned().collect();
        for id in instances {
            let gone: Option<Stored> = self.write(Key::Instance(place.clone(), id), None, now);
            self.tell_of_instance(ChangeKind::InstanceUnregistered, place, gone);
        }
        for id in schemas {
            self.write(Key::Schema(place.clone(), id), None, now);
        }
        self.write(Key::Tags(place.clone()), None, now);
        self.write(Key::Dependencies(place.clone()), None, now);
    }

    pub(crate) fn require_foreign(&self, service_id: &str) -> Result<(), RegistryError> {
        if self.is_own(service_id) { Err(RegistryError::OwnServiceGuarded) } else { Ok(()) }
    }
}

fn set_defaults(service: &mut Microservice) {
    let defaults = [
        (&mut service.app_id, mesher_model::DEFAULT),
        (&mut service.version, DEFAULT_VERSION),
        (&mut service.level, "BACK"),
        (&mut service.status, "UP"),
    ];
    for (field, value) in defaults {
        if field.is_empty() {
            value.clone_into(field);
        }
    }
}

/// The id under which the identity, or its alias, is registered already.
///
/// The original checks both keys in one step: an alias that another service holds answers with that service's id
/// where no id was asked for. Clients have seen it for years; it is kept.
fn known_id(space: &Space, service: &Microservice) -> Result<Option<String>, RegistryError> {
    let Microservice { service_id, environment, app_id, service_name, alias, version, .. } = service;
    let is_version = |record: &&&ServiceRecord| record.service.version == *version;
    let named = space.named(environment, app_id, service_name);
    let mut holder = named.iter().find(is_version).copied();
    if holder.is_none() && !alias.is_empty() {
        holder = space.aliased(environment, app_id, alias).iter().find(is_version).copied();
    }
    let holder = holder.map(|record| &record.service);
    match holder {
        Some(known) if service_id.is_empty() => Ok(Some(known.service_id.clone())),
        Some(known) if known.service_id == *service_id && known.service_name == *service_name => {
            Ok(Some(known.service_id.clone()))
        }
        Some(_) => Err(RegistryError::ServiceConflict),
        None if !service_id.is_empty() && space.get(service_id).is_some() => {
            Err(RegistryError::ServiceConflict)
        }
        None => Ok(None),
    }
}
