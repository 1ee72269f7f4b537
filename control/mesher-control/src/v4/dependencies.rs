//! Who calls whom, as HTTP: `…/dependencies`, `…/providers` and `…/consumers`.
//! It must not learn dependencies from look-ups; `lookup` does.

use axum::body::Body;
use axum::response::IntoResponse;
use mesher_model::Microservice;
use mesher_model::query::ServiceKey;
use mesher_registry::{DependencyRequest, ServiceRecord, Tenant};
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::call::{Call, read};
use crate::answer;

/// Bound of a body of dependencies, in bytes. The original's value.
const MAX_DEPENDENCIES: usize = 2 * 1024 * 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct DependenciesBody {
    dependencies: Vec<DependencyBody>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DependencyBody {
    consumer: ServiceKey,
    providers: Vec<ServiceKey>,
}

#[derive(Serialize)]
struct Providers<'a> {
    providers: Vec<&'a Microservice>,
}

#[derive(Serialize)]
struct Consumers<'a> {
    consumers: Vec<&'a Microservice>,
}

/// `POST /dependencies`
pub(super) async fn add(call: Call, body: Body) -> Outcome {
    set(&call, body, false).await
}

/// `PUT /dependencies`
pub(super) async fn replace(call: Call, body: Body) -> Outcome {
    set(&call, body, true).await
}

async fn set(call: &Call, body: Body, replace: bool) -> Outcome {
    let DependenciesBody { dependencies } = read(body, MAX_DEPENDENCIES).await?;
    let request = |DependencyBody { consumer, providers }| DependencyRequest { consumer, providers };
    let requests: Vec<_> = dependencies.into_iter().map(request).collect();
    call.run(|registry, tenant, now| registry.set_dependencies(tenant, &requests, replace, now)).await?;
    Ok(([("deprecation", "version=\"v4\"")], answer::empty()).into_response())
}

/// `GET /microservices/{service}/providers`
pub(super) async fn providers(call: Call) -> Outcome {
    let filter = Filter::read(&call)?;
    call.run(|registry, tenant, _| {
        let records = registry.providers(tenant, call.service())?;
        Ok(answer::json(&Providers { providers: filter.keep(tenant, records) }))
    })
    .await
}

/// `GET /microservices/{service}/consumers`
pub(super) async fn consumers(call: Call) -> Outcome {
    let filter = Filter::read(&call)?;
    call.run(|registry, tenant, _| {
        let records = registry.consumers(tenant, call.service())?;
        Ok(answer::json(&Consumers { consumers: filter.keep(tenant, records) }))
    })
    .await
}

/// Which of them the caller wants.
struct Filter<'a> {
    without: Option<&'a str>,
    is_own_tenant: bool,
}

impl<'a> Filter<'a> {
    fn read(call: &'a Call) -> Result<Self, answer::Refused> {
        let without = call.flag("noSelf")?.then_some(call.service());
        Ok(Self { without, is_own_tenant: call.flag("sameDomain")? })
    }

    fn keep<'b>(&self, tenant: Tenant<'_>, records: Vec<&'b ServiceRecord>) -> Vec<&'b Microservice> {
        let services = records.into_iter().map(ServiceRecord::service);
        let kept = services.filter(|service| {
            self.without != Some(&*service.service_id)
                && !(self.is_own_tenant && tenant.shares(&service.app_id, &service.service_name))
        });
        kept.collect()
    }
}
