//! Who calls whom: told by clients, or learned from their look-ups; and both views of it.
//! It must not name a version: a caller depends on all versions of a name, as releases since 2.1 do.

use std::collections::BTreeSet;
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
    /// Records that a service calls another; what a look-up found out about its caller.
    pub fn depend(&mut self, tenant: Tenant<'_>, consumer: &str, provider: ProviderName, now: Moment) {
        let Ok(record) = self.record(tenant, consumer) else { return };
        let place = record.place.clone();
        let mut names: Vec<_> = record.providers.as_deref().cloned().unwrap_or_default();
        if let Err(at) = names.binary_search(&provider)
            && names.len() < MAX_PROVIDERS
        {
            names.insert(at, provider);
            let value = Stored::Dependencies(Arc::new(names));
            self.write_part(ChangeKind::DependenciesChanged, Key::Dependencies(place), Some(value), now);
        }
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
        let mut all = Vec::with_capacity(requests.len());
        for request in requests {
            all.push(self.dependency(tenant, request, replace)?);
        }
        for (key, names) in all {
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
    ) -> Result<(Key, Vec<ProviderName>), RegistryError> {
        let caller = &request.consumer;
        validate::dependency(caller)?;
        let versions = self.resolve(tenant, &caller.environment, &caller.app_id, &caller.service_name);
        let consumer = versions.into_iter().find(|record| record.service.version == caller.version);
        let consumer = consumer.ok_or(RegistryError::ServiceAbsent)?;
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
        if names.len() > MAX_PROVIDERS {
            return Err(RegistryError::QuotaUsedUp { kind: "providers of a service", limit: MAX_PROVIDERS });
        }
        Ok((Key::Dependencies(consumer.place.clone()), names.into_iter().collect()))
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
        Ok(self.space(tenant).map(|space| space.callers(&provider.service)).unwrap_or_default())
    }

    /// The ids of the services that call the one that a change is of, and may see it: who wants to hear of the change.
    pub fn audience(&self, change: &Change) -> impl Iterator<Item = &str> {
        let tenant = Tenant::of_record(&change.domain, &change.project);
        let callers = self.domains.get(&*change.domain).and_then(|projects| projects.get(&*change.project));
        let callers = callers.map(|space| space.callers(&change.record)).unwrap_or_default();
        let visible = callers
            .into_iter()
            .filter(move |caller| is_visible(tenant, &caller.service, &change.record))
            .map(|caller| &*caller.place.service);
        visible.collect::<Vec<_>>().into_iter()
    }
}
