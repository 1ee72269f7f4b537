//! Who calls whom: told by clients, or learned from their look-ups; and both views of it.
//! It must not name a version: a caller depends on all versions of a name, as releases since 2.1 do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesher_model::Microservice;
use mesher_model::query::ServiceKey;
use serde::{Deserialize, Serialize};

use crate::change::{Change, ChangeKind};
use crate::edit::{Key, Stored};
use crate::find::is_visible;
use crate::identity::index_key;
use crate::record::ServiceRecord;
use crate::{Moment, Registry, RegistryError, Tenant, validate};

/// The most services that one service calls. Look-ups of more are answered, and not recorded.
const MAX_PROVIDERS: usize = 1_000;
/// The most dependencies in one call.
const MAX_DEPENDENCIES: usize = 100;

/// All versions of a service, as a caller names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderName {
    /// Environment; empty for the empty one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub environment: Box<str>,
    /// Application.
    pub app_id: Box<str>,
    /// Name or alias.
    pub service_name: Box<str>,
}

impl ProviderName {
    pub(crate) fn of(service: &Microservice) -> Self {
        Self {
            environment: service.environment.as_str().into(),
            app_id: service.app_id.as_str().into(),
            service_name: service.service_name.as_str().into(),
        }
    }

    pub(crate) fn key(&self) -> String {
        index_key(&self.environment, &self.app_id, &self.service_name)
    }

    fn parts(&self) -> (&str, &str, &str) {
        (&self.environment, &self.app_id, &self.service_name)
    }
}

/// Says whom one service calls.
#[derive(Debug, Clone)]
pub struct DependencyRequest {
    /// The caller, with its version.
    pub consumer: ServiceKey,
    /// Those that it calls; an empty application is the caller's.
    pub providers: Vec<ServiceKey>,
}

impl ServiceRecord {
    /// Whether this service calls the other, by its name. Costs no allocation: each look-up asks.
    pub(crate) fn calls(&self, provider: &Microservice) -> bool {
        let name = (&*provider.environment, &*provider.app_id, &*provider.service_name);
        let names = self.providers.as_ref();
        names.is_some_and(|names| names.binary_search_by(|one| one.parts().cmp(&name)).is_ok())
    }
}

impl Registry {
    /// Records that a service calls others; what a look-up found out about its caller.
    pub fn depend(
        &mut self,
        tenant: Tenant<'_>,
        consumer: &str,
        providers: impl IntoIterator<Item = ProviderName>,
        now: Moment,
    ) {
        if self.is_own(consumer) {
            return;
        }
        let Ok(record) = self.record(tenant, consumer) else { return };
        let known = record.providers.as_ref().map_or(&[][..], |names| names);
        // Copied with the first that is new: most callers name none.
        let mut more: Option<Vec<ProviderName>> = None;
        for provider in providers {
            let names = more.as_deref().unwrap_or(known);
            if names.len() >= MAX_PROVIDERS {
                break;
            }
            if let Err(at) = names.binary_search(&provider) {
                more.get_or_insert_with(|| known.to_vec()).insert(at, provider);
            }
        }
        let Some(names) = more else { return };
        let key = Key::Dependencies(record.place.clone());
        let value = Stored::Dependencies(Arc::new(names));
        self.write_part(ChangeKind::DependenciesChanged, key, Some(value), now);
    }

    /// Sets whom services call, all or nothing: with `replace` these only, else these also.
    ///
    /// Source: Service Center v4, `PUT` and `POST /dependencies`.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`] for an unknown caller; none or too many dependencies; a provider named twice; a
    /// field that breaks its rule.
    pub fn set_dependencies(
        &mut self,
        tenant: Tenant<'_>,
        requests: &[DependencyRequest],
        replace: bool,
        now: Moment,
    ) -> Result<(), RegistryError> {
        if requests.is_empty() || requests.len() > MAX_DEPENDENCIES {
            let count = requests.len().to_string();
            let field = "CreateDependenciesRequest.Dependencies";
            return Err(RegistryError::invalid(field, &count, "Min: 1, Max: 100"));
        }
        // A caller that stands there twice adds both times, and replaces with the last.
        let mut all: BTreeMap<Key, BTreeSet<ProviderName>> = BTreeMap::new();
        for request in requests {
            let (key, mut names) = self.dependency(tenant, request, replace)?;
            if let Some(earlier) = all.get_mut(&key).filter(|_| !replace) {
                names.append(earlier);
            }
            if names.len() > MAX_PROVIDERS {
                let kind = "providers of a service";
                return Err(RegistryError::QuotaUsedUp { kind, limit: MAX_PROVIDERS });
            }
            all.insert(key, names);
        }
        for (key, names) in all {
            let names: Vec<_> = names.into_iter().collect();
            let value = (!names.is_empty()).then(|| Stored::Dependencies(Arc::new(names)));
            self.write_part(ChangeKind::DependenciesChanged, key, value, now);
        }
        Ok(())
    }

    fn dependency(
        &self,
        tenant: Tenant<'_>,
        request: &DependencyRequest,
        replace: bool,
    ) -> Result<(Key, BTreeSet<ProviderName>), RegistryError> {
        let caller = &request.consumer;
        validate::dependency(caller)?;
        let versions = self.resolve(tenant, &caller.environment, &caller.app_id, &caller.service_name);
        let consumer = versions.into_iter().find(|record| record.service.version == caller.version);
        let consumer = consumer.ok_or(RegistryError::ServiceAbsent)?;
        self.require_foreign(&consumer.place.service)?;
        let mut names: BTreeSet<ProviderName> = BTreeSet::new();
        for provider in &request.providers {
            validate::dependency(provider)?;
            let app = if provider.app_id.is_empty() { &caller.app_id } else { &provider.app_id };
            let name = ProviderName {
                environment: caller.environment.as_str().into(),
                app_id: app.as_str().into(),
                service_name: provider.service_name.as_str().into(),
            };
            if !names.insert(name) {
                return Err(RegistryError::InvalidRequest(
                    "Invalid request body for provider info, duplicate",
                ));
            }
        }
        if !replace {
            names.extend(consumer.providers.iter().flat_map(|names| names.iter().cloned()));
        }
        Ok((Key::Dependencies(consumer.place.clone()), names))
    }

    /// Every version of every service that a service calls.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`].
    pub fn providers(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
    ) -> Result<Vec<&ServiceRecord>, RegistryError> {
        let consumer = self.record(tenant, service_id)?;
        let names = consumer.providers.iter().flat_map(|names| names.iter());
        let records =
            names.flat_map(|name| self.resolve(tenant, &name.environment, &name.app_id, &name.service_name));
        let mut seen = BTreeSet::new();
        Ok(records.filter(|record| seen.insert(record.number)).collect())
    }

    /// Every service that calls a service, whatever version of it.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`].
    pub fn consumers(
        &self,
        tenant: Tenant<'_>,
        service_id: &str,
    ) -> Result<Vec<&ServiceRecord>, RegistryError> {
        let provider = self.record(tenant, service_id)?;
        Ok(self.callers(tenant, &provider.service))
    }

    /// Every service that calls this one, by its name or its alias.
    pub(crate) fn callers(&self, tenant: Tenant<'_>, provider: &Microservice) -> Vec<&ServiceRecord> {
        self.space(tenant).map(|space| space.callers(provider)).unwrap_or_default()
    }

    /// The ids of the services that call the one that a change is of, and may see it: who wants to hear of the change.
    pub fn audience(&self, change: &Change) -> impl Iterator<Item = &str> {
        let tenant = change.place.tenant();
        let callers = self.callers(tenant, &change.record).into_iter();
        callers
            .filter(move |caller| is_visible(tenant, &caller.service, &change.record))
            .map(|caller| &*caller.place.service)
    }
}
