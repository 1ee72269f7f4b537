//! The records of one tenant and the indexes that find them without a scan.
//! It must not validate, count quotas or give out revisions.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mesher_model::Microservice;

use crate::ProviderName;
use crate::edit::Place;
use crate::identity::index_key;
use crate::record::ServiceRecord;

/// Ids of services under one name or alias, lowest version first.
type Index = HashMap<Box<str>, Vec<Arc<str>>>;

/// The services of one tenant.
#[derive(Debug)]
pub(crate) struct Space {
    domain: Arc<str>,
    project: Arc<str>,
    services: HashMap<Arc<str>, ServiceRecord>,
    names: Index,
    aliases: Index,
    /// Ids of the services that call a name or an alias.
    callers: HashMap<Box<str>, BTreeSet<Arc<str>>>,
}

impl Space {
    pub(crate) fn new(place: &Place) -> Self {
        Self {
            domain: Arc::clone(&place.domain),
            project: Arc::clone(&place.project),
            services: HashMap::new(),
            names: Index::new(),
            aliases: Index::new(),
            callers: HashMap::new(),
        }
    }

    /// The place of one of its services. All places of one tenant share the names of the tenant.
    pub(crate) fn place(&self, service: &Arc<str>) -> Place {
        Place {
            domain: Arc::clone(&self.domain),
            project: Arc::clone(&self.project),
            service: Arc::clone(service),
        }
    }

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
        let id = Arc::clone(&record.place.service);
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
        self.set_providers(id, None);
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

    /// Says whom a service calls. Answers what was said before.
    pub(crate) fn set_providers(
        &mut self,
        id: &str,
        names: Option<Arc<Vec<ProviderName>>>,
    ) -> Option<Arc<Vec<ProviderName>>> {
        let record = self.services.get_mut(id)?;
        let caller = Arc::clone(&record.place.service);
        let before = std::mem::replace(&mut record.providers, names.clone());
        // What stands in both lists stays in the index; both are ordered.
        let others = |of: &Option<Arc<Vec<ProviderName>>>, than: &Option<Arc<Vec<ProviderName>>>| {
            let is_in =
                |name: &ProviderName| than.as_ref().is_some_and(|than| than.binary_search(name).is_ok());
            let of = of.iter().flat_map(|names| names.iter());
            of.filter(|name| !is_in(name)).map(ProviderName::key).collect::<Vec<_>>()
        };
        for key in others(&before, &names) {
            let Some(callers) = self.callers.get_mut(&*key) else { continue };
            callers.remove(&caller);
            if callers.is_empty() {
                self.callers.remove(&*key);
            }
        }
        for key in others(&names, &before) {
            let callers = self.callers.entry(key.into_boxed_str()).or_default();
            callers.insert(Arc::clone(&caller));
        }
        before
    }

    /// Every service that calls this one, by its name or its alias. In the order of their ids, each once.
    pub(crate) fn callers(&self, provider: &Microservice) -> Vec<&ServiceRecord> {
        let keys = keys(provider);
        let ids = [Some(keys.0), keys.1].into_iter().flatten().filter_map(|key| self.callers.get(&*key));
        let ids: BTreeSet<&Arc<str>> = ids.flatten().collect();
        ids.into_iter().filter_map(|id| self.services.get(id)).collect()
    }
}

/// The keys of a service by name and, where it has one, by alias.
fn keys(service: &Microservice) -> (String, Option<String>) {
    let Microservice { environment, app_id, service_name, alias, .. } = service;
    let by_alias = (!alias.is_empty()).then(|| index_key(environment, app_id, alias));
    (index_key(environment, app_id, service_name), by_alias)
}
