//! The records of one tenant and the indexes that find them without a scan.
//! It must not validate, count quotas or give out revisions.

use std::collections::HashMap;
use std::sync::Arc;

use mesher_model::Microservice;

use crate::identity::index_key;
use crate::record::ServiceRecord;

/// Ids of services under one name or alias, lowest version first.
type Index = HashMap<Box<str>, Vec<Arc<str>>>;

/// The services of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Space {
    services: HashMap<Arc<str>, ServiceRecord>,
    names: Index,
    aliases: Index,
}

impl Space {
    pub(crate) fn get(&self, id: &str) -> Option<&ServiceRecord> {
        self.services.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut ServiceRecord> {
        self.services.get_mut(id)
    }

    pub(crate) fn services(&self) -> impl ExactSizeIterator<Item = &ServiceRecord> {
        self.services.values()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Every version under this name.
    pub(crate) fn named(&self, environment: &str, app: &str, name: &str) -> Vec<&ServiceRecord> {
        self.records(self.names.get(&*index_key(environment, app, name)))
    }

    /// Every version under this alias, of whatever name.
    pub(crate) fn aliased(&self, environment: &str, app: &str, alias: &str) -> Vec<&ServiceRecord> {
        self.records(self.aliases.get(&*index_key(environment, app, alias)))
    }

    fn records(&self, ids: Option<&Vec<Arc<str>>>) -> Vec<&ServiceRecord> {
        ids.into_iter().flatten().filter_map(|id| self.services.get(id)).collect()
    }

    pub(crate) fn insert(&mut self, record: ServiceRecord) {
        let id: Arc<str> = record.service.service_id.as_str().into();
        let keys = keys(&record.service);
        let version = record.version;
        self.services.insert(Arc::clone(&id), record);
        for (index, key) in [(&mut self.names, Some(keys.0)), (&mut self.aliases, keys.1)] {
            let Some(key) = key else { continue };
            let ids = index.entry(key.into_boxed_str()).or_default();
            let place = ids
                .partition_point(|other| self.services.get(other).is_some_and(|one| one.version <= version));
            ids.insert(place, Arc::clone(&id));
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<ServiceRecord> {
        let record = self.services.remove(id)?;
        let keys = keys(&record.service);
        for (index, key) in [(&mut self.names, Some(keys.0)), (&mut self.aliases, keys.1)] {
            let Some(key) = key else { continue };
            let Some(ids) = index.get_mut(&*key) else { continue };
            ids.retain(|other| **other != *id);
            if ids.is_empty() {
                index.remove(&*key);
            }
        }
        Some(record)
    }
}

/// The keys of a service by name and, where it has one, by alias.
fn keys(service: &Microservice) -> (String, Option<String>) {
    let Microservice { environment, app_id, service_name, alias, .. } = service;
    let by_alias = (!alias.is_empty()).then(|| index_key(environment, app_id, alias));
    (index_key(environment, app_id, service_name), by_alias)
}
