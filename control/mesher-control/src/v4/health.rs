//! What the registry says of itself.
//! It must not depend on what clients registered.

use axum::response::Response;
use mesher_model::{ErrorCode, Instance};
use serde::Serialize;

use super::Outcome;
use super::call::Call;
use crate::answer::{self, Refused};

/// Version of the API that this registry speaks.
const API_VERSION: &str = "4.0.0";

#[derive(Serialize)]
struct Nodes<'a> {
    instances: Vec<&'a Instance>,
}

/// Source: Service Center v4, `GET /version`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: &'static str,
    build_tag: &'static str,
    /// Scripts read it; there is no Go in this registry.
    go_version: &'static str,
    api_version: &'static str,
    os: &'static str,
    arch: &'static str,
}

/// `GET /health`: the nodes of the registry. Go clients learn the other addresses from it.
pub(super) async fn health(call: Call) -> Outcome {
    let body = call
        .run(|registry, _, _| {
            let instances: Vec<_> = registry.own_instances().map(|record| record.instance()).collect();
            Ok((!instances.is_empty()).then(|| serde_json::to_vec(&Nodes { instances })))
        })
        .await?;
    match body {
        Some(Ok(body)) => Ok(answer::raw_json(body)),
        Some(Err(error)) => Err(Refused::new(ErrorCode::Internal, &error.to_string())),
        None => Err(Refused::new(ErrorCode::Unhealthy, "the registry does not find itself")),
    }
}

/// `GET /health/readiness`: SDKs probe addresses by it. The original answers 404, and they then try a bare connection.
pub(super) async fn readiness(_call: Call) -> Response {
    answer::empty()
}

/// `GET /version`.
pub(super) async fn version(_call: Call) -> Response {
    answer::json(&Version {
        version: crate::VERSION,
        build_tag: "mesher",
        go_version: "none",
        api_version: API_VERSION,
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
    })
}
