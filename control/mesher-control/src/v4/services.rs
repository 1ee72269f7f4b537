//! The calls on services, as HTTP: `…/microservices` and `…/existence`.
//! It must not validate what the registry validates.

use axum::body::Body;
use mesher_model::Microservice;
use mesher_model::instance::PropertiesBody;
use mesher_model::microservice::{RemoveServices, ServiceIdAnswer};
use mesher_registry::{ExistenceRequest, ServiceRecord};
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::call::{Call, read};
use crate::answer::{self, Refused};

/// Bound of a service's body, in bytes: SDKs send long lists of contracts.
const MAX_SERVICE: usize = 2 * 1024 * 1024;
/// Bound of a body of properties, in bytes. The original's value.
pub(super) const MAX_PROPERTIES: usize = 3 * 1024;

#[derive(Deserialize)]
struct CreateBody {
    service: Option<Microservice>,
}

#[derive(Serialize)]
struct One<'a> {
    service: &'a Microservice,
}

#[derive(Serialize)]
struct Many<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<&'a Microservice>,
}

/// `POST /microservices`
pub(super) async fn create(call: Call, body: Body) -> Outcome {
    let body: CreateBody = read(body, MAX_SERVICE).await?;
    let service = body.service.ok_or_else(|| Refused::invalid("Request body is empty"))?;
    let service_id = call.run(|registry, tenant, now| registry.create_service(tenant, service, now)).await?;
    Ok(answer::json(&ServiceIdAnswer { service_id }))
}

/// `GET /microservices`
pub(super) async fn list(call: Call) -> Outcome {
    let with_shared = call.flag("withShared")?;
    call.run(|registry, tenant, _| {
        let services = registry.services(tenant, with_shared).map(ServiceRecord::service);
        let services = services.filter(|service| call.sees(service)).collect();
        Ok(answer::json(&Many { services }))
    })
    .await
}

/// `DELETE /microservices`
pub(super) async fn remove_many(call: Call, body: Body) -> Outcome {
    let request: RemoveServices = read(body, MAX_SERVICE).await?;
    let removed = call.run(|registry, tenant, now| registry.remove_services(tenant, request, now)).await?;
    Ok(answer::json(&removed))
}

/// `GET /microservices/{service}`
pub(super) async fn read_one(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let record = registry.service(tenant, call.service())?;
        Ok(answer::json(&One { service: record.service() }))
    })
    .await
}

/// `DELETE /microservices/{service}`
pub(super) async fn remove(call: Call) -> Outcome {
    let force = call.flag("force")?;
    call.run(|registry, tenant, now| registry.remove_service(tenant, call.service(), force, now)).await?;
    Ok(answer::empty())
}

/// `PUT /microservices/{service}/properties`
pub(super) async fn update_properties(call: Call, body: Body) -> Outcome {
    let PropertiesBody { properties } = read(body, MAX_PROPERTIES).await?;
    call.run(|registry, tenant, now| {
        registry.update_service_properties(tenant, call.service(), properties, now)
    })
    .await?;
    Ok(answer::empty())
}

/// `GET /existence`: of a version of a service, or of a contract.
pub(super) async fn existence(call: Call) -> Outcome {
    match call.parameter("type") {
        "microservice" => service_exists(&call).await,
        "schema" => super::schemas::exists(&call).await,
        _ => Err(Refused::invalid("Only micro-service and schema can be used as type.")),
    }
}

async fn service_exists(call: &Call) -> Outcome {
    let request = ExistenceRequest {
        environment: call.parameter("env"),
        app: call.parameter("appId"),
        service: call.parameter("serviceName"),
        version: call.parameter("version"),
    };
    let service_id =
        call.run(|registry, tenant, _| registry.service_exists(tenant, request).map(str::to_owned)).await?;
    Ok(answer::json(&ServiceIdAnswer { service_id }))
}
