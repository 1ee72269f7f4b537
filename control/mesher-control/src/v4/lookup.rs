//! Look-ups by the name of a service, as HTTP: find and batch find.
//! It must not choose what a caller may see; the registry does.

use axum::body::Body;
use mesher_model::query::BatchFind;
use mesher_registry::FindRequest;

use super::Outcome;
use super::call::{Call, read};
use super::instances::found_or_unchanged;
use crate::answer::{self, Refused};

/// Bound of a body with many look-ups, in bytes.
const MAX_BATCH: usize = 2 * 1024 * 1024;

/// `GET /instances`. The parameter `version` is passed over: every version is returned, as releases since 2.1 do.
pub(super) async fn find(call: Call) -> Outcome {
    let request = FindRequest {
        consumer: call.consumer(),
        environment: call.parameter("env"),
        app: call.parameter("appId"),
        service: call.parameter("serviceName"),
        tags: call.parameter("tags"),
    };
    call.run(|registry, tenant, now| {
        let mut found = registry.find(tenant, request)?;
        let unrecorded = found.take_unrecorded();
        let answer = found_or_unchanged(&found, call.parameter("rev"));
        if let Some(provider) = unrecorded {
            registry.depend(tenant, call.consumer(), [provider], now);
        }
        Ok(answer)
    })
    .await
}

/// `POST /instances/action?type=query`
pub(super) async fn batch_find(call: Call, body: Body) -> Outcome {
    let action = call.parameter("type");
    if action != "query" {
        let action: String = action.chars().take(64).collect();
        return Err(Refused::invalid(format!("Invalid action: {action}")));
    }
    let request: BatchFind = read(body, MAX_BATCH).await?;
    call.run(|registry, tenant, now| {
        let mut found = registry.batch_find(tenant, call.consumer(), &request)?;
        let unrecorded = found.take_unrecorded();
        let answer = answer::json(&found);
        registry.depend(tenant, call.consumer(), unrecorded, now);
        Ok(answer)
    })
    .await
}
