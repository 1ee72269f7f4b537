//! What was and who asked: `…/kie/revision/{id}`, `…/kie/track`, `/v1/health`.
//! It must not show a version of a record that the caller may not see.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesher_access::Verb;
use mesher_config::ConfigError;
use mesher_model::DEFAULT;
use serde::Serialize;

use super::list;
use super::view::{Many, View};
use crate::configuration::Outcome;
use crate::configuration::call::Call;
use crate::configuration::polls::Wanted;
use crate::configuration::refused::Refused;

/// Source: kie v1, `GET /v1/health`.
#[derive(Serialize)]
struct Health {
    version: &'static str,
    revision: String,
    timestamp: u64,
    total_kv_count: usize,
}

/// `GET /kie/revision/{id}`
pub(super) async fn versions(call: Call) -> Outcome {
    let (tenant, page) = (call.tenant()?, list::page(&call)?);
    let found = call.control().look_at_config(|configuration| {
        let keys = configuration.keys();
        let record = keys.record(tenant, call.id()).ok_or(ConfigError::Absent)?;
        call.permit(Verb::Get, &record.labels)?;
        Ok::<_, Refused>(keys.history(tenant, call.id(), page).unwrap_or_default())
    })?;
    Ok(call.answer(&Many::of(&found, |record| View::whole(record, tenant))))
}

/// `GET /kie/track`
pub(super) async fn polls(call: Call) -> Outcome {
    let tenant = call.tenant()?;
    let wanted = Wanted {
        session_id: call.parameter("sessionId"),
        session_group: call.parameter("sessionGroup"),
        ip: call.parameter("ip"),
        user_agent: call.parameter("userAgent"),
        url_path: call.parameter("urlPath"),
    };
    let polls = call.control().polls.find(tenant.domain(), tenant.project(), &wanted);
    if polls.is_empty() {
        return Err(ConfigError::NeverPolled.into());
    }
    Ok(call.answer(&Many { total: polls.len(), data: polls }))
}

/// `GET /v1/health`
pub(super) async fn health(call: Call) -> Response {
    if call.parameter("mode") == "liveness" {
        return StatusCode::OK.into_response();
    }
    let (revision, total_kv_count) = call.control().look_at_config(|configuration| {
        (configuration.keys().revision(DEFAULT), configuration.keys().count(DEFAULT))
    });
    call.answer(&Health {
        version: crate::VERSION,
        revision: revision.to_string(),
        timestamp: call.control().now_moment().unix.as_secs(),
        total_kv_count,
    })
}
