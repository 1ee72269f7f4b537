//! The contracts of a service: kept as text, with the digest that their client states.
//! It must not read a contract, nor check a digest: clients choose both.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesher_model::Microservice;

use crate::change::ChangeKind;
use crate::edit::{Key, Place, SchemaContent, Stored};
use crate::{Moment, Registry, RegistryError, Tenant, validate};

/// The most contracts of one service.
pub(crate) const MAX_SCHEMAS: usize = 100;

/// A contract as a client brings it.
#[derive(Debug, Clone)]
pub struct NewSchema {
    /// Its id, unique within the service.
    pub id: String,
    /// Its text.
    pub schema: String,
    /// What the client calls its digest; may be empty.
    pub summary: String,
}

impl Registry {
    /// One contract of a service.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`]; [`RegistryError::SchemaAbsent`], also where only its id is known.
    pub fn schema(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
        schema_id: &str,
    ) -> Result<&SchemaContent, RegistryError> {
        let record = self.record(tenant, service_id)?;
        validate::schema_id("GetSchemaRequest.SchemaId", schema_id)?;
        record.schemas.get(schema_id).map(|content| &**content).ok_or(RegistryError::SchemaAbsent)
    }

    /// Puts the text of one contract. An id that the service did not declare is declared by it.
    ///
    /// Source: Service Center v4, `PUT …/schemas/{id}`.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], a field that breaks its rule, the quota of contracts, an attempt on the
    /// registry's own.
    pub fn put_schema(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        schema: NewSchema,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record(tenant, service_id)?;
        validate::schema("ModifySchemaRequest", &schema)?;
        let is_declared = record.service.schemas.contains(&schema.id);
        if !is_declared
            && record.schemas().count() >= MAX_SCHEMAS
            && !record.schemas.contains_key(&*schema.id)
        {
            return Err(RegistryError::QuotaUsedUp { kind: "schemas of a service", limit: MAX_SCHEMAS });
        }
        self.require_room_for_schemas(schema.schema.len())?;
        let (place, mut service) = (record.place.clone(), Arc::clone(&record.service));
        if !is_declared {
            declare(&mut service, |ids| ids.push(schema.id.clone()), now);
            self.write(Key::Service(place.clone()), Some(Stored::Service(service)), now);
        }
        self.write_schema(&place, schema, now);
        Ok(())
    }

    /// Replaces all contracts of a service, and what it declares.
    ///
    /// Source: Service Center v4, `POST …/schemas`.
    ///
    /// # Errors
    /// As [`Self::put_schema`]; also an id named twice.
    pub fn replace_schemas(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        schemas: Vec<NewSchema>,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record(tenant, service_id)?;
        if schemas.len() > MAX_SCHEMAS {
            return Err(RegistryError::QuotaUsedUp { kind: "schemas of a service", limit: MAX_SCHEMAS });
        }
        let mut ids = BTreeSet::new();
        for schema in &schemas {
            validate::schema("ModifySchemasRequest", schema)?;
            if !ids.insert(schema.id.as_str()) {
                return Err(RegistryError::InvalidRequest("a schema id stands twice in the request"));
            }
        }
        self.require_room_for_schemas(schemas.iter().map(|schema| schema.schema.len()).sum())?;
        let gone: Vec<_> = record.schemas.keys().filter(|id| !ids.contains(&***id)).cloned().collect();
        let (place, mut service) = (record.place.clone(), Arc::clone(&record.service));
        let declared: Vec<_> = schemas.iter().map(|schema| schema.id.clone()).collect();
        if service.schemas != declared {
            declare(&mut service, |ids| *ids = declared, now);
            self.write(Key::Service(place.clone()), Some(Stored::Service(service)), now);
        }
        for id in gone {
            self.write_part(ChangeKind::SchemasChanged, Key::Schema(place.clone(), id), None, now);
        }
        for schema in schemas {
            self.write_schema(&place, schema, now);
        }
        Ok(())
    }

    /// Removes the text of one contract. Its id stays declared.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], [`RegistryError::SchemaAbsent`], an attempt on the registry's own.
    pub fn remove_schema(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        schema_id: &str,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let record = self.record(tenant, service_id)?;
        let (id, _) = record.schemas.get_key_value(schema_id).ok_or(RegistryError::SchemaAbsent)?;
        let key = Key::Schema(record.place.clone(), Arc::clone(id));
        self.write_part(ChangeKind::SchemasChanged, key, None, now);
        Ok(())
    }

    /// Whether so many more bytes fit; those that they replace are not counted out.
    fn require_room_for_schemas(&self, more: usize) -> Result<(), RegistryError> {
        let limit = self.limits.schema_bytes;
        if self.schema_bytes.saturating_add(more) <= limit {
            Ok(())
        } else {
            Err(RegistryError::QuotaUsedUp { kind: "bytes of schemas", limit })
        }
    }

    fn write_schema(&mut self, place: &Place, schema: NewSchema, now: Moment) {
        let NewSchema { id, schema, summary } = schema;
        let content = SchemaContent { schema: schema.into_boxed_str(), summary: summary.into_boxed_str() };
        let key = Key::Schema(place.clone(), id.into());
        let value = Some(Stored::Schema(Arc::new(content)));
        self.write_part(ChangeKind::SchemasChanged, key, value, now);
    }
}

/// Changes the ids that a service declares, in a copy: the record itself may be shared.
fn declare(service: &mut Arc<Microservice>, change: impl FnOnce(&mut Vec<String>), now: Moment) {
    let service = Arc::make_mut(service);
    change(&mut service.schemas);
    service.mod_timestamp = now.timestamp();
}
