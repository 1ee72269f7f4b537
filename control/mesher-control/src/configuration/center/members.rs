//! The servers of config-center, which is this one: `…/members` and `…/health`.
//! It must name addresses that a client of another machine can use.

use axum::response::Response;
use mesher_registry::InstanceRecord;
use serde::Serialize;

use crate::answer;
use crate::configuration::call::Call;

/// What stands behind an address that speaks TLS.
const SECURE: &str = "?sslEnabled=true";

#[derive(Serialize)]
struct Members {
    instances: Vec<Member>,
}

/// Source: config-center v3, `GET members`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    status: &'static str,
    service_name: &'static str,
    is_https: bool,
    endpoints: Vec<String>,
}

impl Member {
    /// Clients split an address at `://` and at the last colon, and take the rest for a port.
    fn of(record: &InstanceRecord) -> Self {
        let endpoints = &record.instance().endpoints;
        let bare = |endpoint: &String| {
            endpoint.strip_suffix(SECURE).unwrap_or(endpoint).trim_end_matches('/').to_owned()
        };
        Self {
            status: "UP",
            service_name: "CseConfigCenter",
            is_https: endpoints.iter().any(|endpoint| endpoint.ends_with(SECURE)),
            endpoints: endpoints.iter().map(bare).collect(),
        }
    }
}

/// `GET …/members`
pub(super) async fn members(call: Call) -> Response {
    let instances = call.control().look(|registry, _| registry.own_instances().map(Member::of).collect());
    answer::json(&Members { instances })
}

/// `GET …/health`
pub(super) async fn health(_call: Call) -> Response {
    answer::empty()
}
