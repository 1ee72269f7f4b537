//! What every call of the v4 API carries beside its body: tenant, ids in the path, caller, query.
//! It must not refuse what the original passes over: unknown parameters, `global`, `noCache`, `cacheOnly`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use mesher_access::{Caller, Scope};
use mesher_model::{CONSUMER_HEADER, DOMAIN_HEADER, Microservice};
use mesher_registry::{Moment, Registry, RegistryError, Tenant};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::Refused;
use crate::body;
use crate::control::Control;

/// The variable parts of a path; those that the route lacks are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ids {
    project: String,
    service: String,
    instance: String,
    schema: String,
    tags: String,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    control: Arc<Control>,
    domain: String,
    consumer: String,
    ids: Ids,
    query: Vec<(String, String)>,
    /// What of a list the caller's permission reaches; everything when absent.
    scope: Option<Scope>,
    /// Absent where access control is off.
    caller: Option<Caller>,
}

impl FromRequestParts<Arc<Control>> for Call {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        let Path(ids) = Path::from_request_parts(parts, control)
            .await
            .map_err(|_| Refused::invalid("the path is no valid text"))?;
        let Query(query) =
            Query::try_from_uri(&parts.uri).map_err(|_| Refused::invalid("the query is no valid text"))?;
        Ok(Self {
            control: Arc::clone(control),
            domain: header(parts, DOMAIN_HEADER)?,
            consumer: header(parts, CONSUMER_HEADER)?,
            ids,
            query,
            scope: parts.extensions.remove::<Scope>(),
            caller: parts.extensions.remove::<Caller>(),
        })
    }
}

fn header(parts: &Parts, name: &'static str) -> Result<String, Refused> {
    let value = parts.headers.get(name).map(|value| value.to_str().map(str::to_owned));
    value
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(|_| Refused::invalid(format!("{name} is no text")))
}

impl Call {
    /// Runs `act` on the registry in the name of the call's tenant.
    /// Answered once what it changed is kept.
    pub(crate) async fn run<T>(
        &self,
        act: impl FnOnce(&mut Registry, Tenant<'_>, Moment) -> Result<T, RegistryError>,
    ) -> Result<T, Refused> {
        let tenant = self.tenant()?;
        Ok(self.control.with_registry(|registry, now| act(registry, tenant, now)).await??)
    }

    /// Whether a list for this caller may show a service.
    pub(crate) fn sees(&self, service: &Microservice) -> bool {
        let Microservice { environment, app_id, service_name, .. } = service;
        self.scope.as_ref().is_none_or(|scope| scope.admits(environment, app_id, service_name))
    }

    /// Renews the lease of the instance in the path. That changes no record, so nobody waits.
    pub(crate) fn beat(&self) -> Result<(), Refused> {
        let tenant = self.tenant()?;
        Ok(self
            .control
            .renew(|registry, now| registry.heartbeat(tenant, self.service(), self.instance(), now))?)
    }

    /// The account that calls; none where access control is off.
    pub(crate) fn account(&self) -> Option<&str> {
        self.caller.as_ref().map(|caller| caller.name.as_str())
    }

    /// Whether the caller's token still counts: for what lasts longer than a request.
    pub(crate) fn is_admitted(&self) -> bool {
        self.control.is_admitted(self.caller.as_ref())
    }

    /// Id of the service in the path.
    pub(crate) fn service(&self) -> &str {
        &self.ids.service
    }

    /// Id of the instance in the path.
    pub(crate) fn instance(&self) -> &str {
        &self.ids.instance
    }

    /// Id of the contract in the path.
    pub(crate) fn schema(&self) -> &str {
        &self.ids.schema
    }

    /// Keys of tags in the path, with commas between.
    pub(crate) fn tags(&self) -> &str {
        &self.ids.tags
    }

    /// What all calls share.
    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Whose records the call may see.
    pub(crate) fn tenant(&self) -> Result<Tenant<'_>, Refused> {
        Ok(Tenant::new(&self.domain, &self.ids.project)?)
    }

    /// Id of the service that calls; empty where it says nothing.
    pub(crate) fn consumer(&self) -> &str {
        &self.consumer
    }

    /// The first parameter of this name; empty where there is none.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every parameter of this name.
    pub(crate) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is true, false or absent; absent is false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refused> {
        match self.parameter(name) {
            "" | "false" | "0" => Ok(false),
            "true" | "1" => Ok(true),
            _ => Err(Refused::invalid(format!("parameter {name} must be true, false, 1 or 0"))),
        }
    }
}

/// Reads the body of a call.
pub(crate) async fn read<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, Refused> {
    body::read_lenient(body, limit).await.map_err(|error| Refused::invalid(error.to_string()))
}
