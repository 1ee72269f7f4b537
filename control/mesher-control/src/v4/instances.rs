//! The calls on single instances, as HTTP: `…/instances/{id}` and heartbeats.
//! It must not validate what the registry validates.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use mesher_model::REVISION_HEADER;
use mesher_model::instance::{HeartbeatRequest, InstanceEnvelope, InstanceIdAnswer, PropertiesBody};
use mesher_registry::{Found, FoundInstance, ResultRevision};
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::call::{Call, read};
use super::services::MAX_PROPERTIES;
use crate::{answer, own};

/// Bound of an instance's body, in bytes. The original's value.
const MAX_INSTANCE: usize = 5 * 1024;
/// Bound of a body with many heartbeats, in bytes.
const MAX_HEARTBEATS: usize = 2 * 1024 * 1024;

#[derive(Serialize)]
struct One<'a> {
    instance: &'a FoundInstance<'a>,
}

/// Body of `PUT /instances/status`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusOfMatching {
    matches: PropertiesBody,
    status: String,
}

/// `POST /microservices/{service}/instances`
pub(super) async fn register(call: Call, body: Body) -> Outcome {
    let InstanceEnvelope { instance } = read(body, MAX_INSTANCE).await?;
    let instance_id = call
        .run(|registry, tenant, now| {
            registry.register_instance(tenant, call.service(), instance, own::fresh_id, now)
        })
        .await?;
    Ok(answer::json(&InstanceIdAnswer { instance_id }))
}

/// `GET /microservices/{service}/instances`
pub(super) async fn list(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let found = registry.instances(tenant, call.service(), call.consumer(), call.parameter("tags"))?;
        Ok(found_or_unchanged(&found, call.parameter("rev")))
    })
    .await
}

/// `GET /microservices/{service}/instances/{instance}`
pub(super) async fn read_one(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let found = registry.instance(tenant, call.service(), call.instance(), call.consumer())?;
        if found.revision.is(call.parameter("rev")) {
            return Ok(unchanged(found.revision));
        }
        Ok(revised(found.revision, answer::json(&One { instance: &found })))
    })
    .await
}

/// `DELETE /microservices/{service}/instances/{instance}`
pub(super) async fn unregister(call: Call) -> Outcome {
    call.run(|registry, tenant, now| {
        registry.unregister_instance(tenant, call.service(), call.instance(), now)
    })
    .await?;
    Ok(answer::empty())
}

/// `PUT /microservices/{service}/instances/{instance}/heartbeat`
pub(super) async fn heartbeat(call: Call) -> Outcome {
    call.beat()?;
    Ok(answer::empty())
}

/// `PUT /heartbeats`
pub(super) async fn heartbeats(call: Call, body: Body) -> Outcome {
    let HeartbeatRequest { instances } = read(body, MAX_HEARTBEATS).await?;
    let beaten = call.run(|registry, tenant, now| registry.heartbeats(tenant, instances, now)).await?;
    Ok(answer::json(&beaten))
}

/// `PUT /microservices/{service}/instances/{instance}/status?value=`
pub(super) async fn update_status(call: Call) -> Outcome {
    let status = call.parameter("value");
    call.run(|registry, tenant, now| {
        registry.update_status(tenant, call.service(), call.instance(), status, now)
    })
    .await?;
    Ok(answer::empty())
}

/// `PUT /instances/status`: of every instance with these properties.
pub(super) async fn update_status_of_matching(call: Call, body: Body) -> Outcome {
    let StatusOfMatching { matches, status } = read(body, MAX_INSTANCE).await?;
    call.run(|registry, tenant, now| {
        registry.update_status_of_matching(tenant, &matches.properties, &status, now)
    })
    .await?;
    Ok(answer::empty())
}

/// `PUT /microservices/{service}/instances/{instance}/properties`
pub(super) async fn update_properties(call: Call, body: Body) -> Outcome {
    // Go Chassis sends the whole instance here: its limit is the instance's, then, and the rest is passed over.
    let PropertiesBody { properties } = read(body, MAX_INSTANCE.max(MAX_PROPERTIES)).await?;
    call.run(|registry, tenant, now| {
        registry.update_properties(tenant, call.service(), call.instance(), properties, now)
    })
    .await?;
    Ok(answer::empty())
}

/// The set, or 304 where the caller has it already. Serialized here, while the registry is held: nothing is copied.
pub(super) fn found_or_unchanged(found: &Found<'_>, known: &str) -> Response {
    if found.revision().is(known) {
        return unchanged(found.revision());
    }
    revised(found.revision(), answer::json_of_size(found.size_hint(), found))
}

fn unchanged(revision: ResultRevision) -> Response {
    revised(revision, axum::http::StatusCode::NOT_MODIFIED.into_response())
}

fn revised(revision: ResultRevision, response: Response) -> Response {
    ([(REVISION_HEADER, revision.to_string())], response).into_response()
}
