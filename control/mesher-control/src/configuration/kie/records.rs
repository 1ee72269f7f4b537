//! One record, and changes of records: `…/kie/kv` and `…/kie/kv/{id}`.
//! It must look at a record and at the caller's permission under one lock.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesher_access::Verb;
use mesher_config::{ConfigError, Draft, Keys, Patch, Record, Tenant};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::view::View;
use crate::body;
use crate::configuration::Outcome;
use crate::configuration::call::Call;
use crate::configuration::refused::Refused;

/// Bound of a body with one record, in bytes: a value of the longest, each of its characters written as an escape.
const RECORD_MAX: usize = 1024 * 1024;
/// Bound of a body with ids, in bytes: those of a whole project fit.
const IDS_MAX: usize = 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ids {
    ids: Vec<String>,
}

/// `POST /kie/kv`
pub(super) async fn create(call: Call, body: Body) -> Outcome {
    let draft: Draft = read(&call, body, RECORD_MAX).await?;
    call.permit(Verb::Create, &draft.checked_labels()?)?;
    let tenant = call.tenant()?;
    let made =
        call.control().with_config(|configuration, now| configuration.keys_mut().create(tenant, draft, now));
    let record = made.await??;
    Ok(call.answer(&View::short(&record)))
}

/// `GET /kie/kv/{id}`
pub(super) async fn read_one(call: Call) -> Outcome {
    let tenant = call.tenant()?;
    let record = call.control().look_at_config(|configuration| {
        let record = known(configuration.keys(), tenant, call.id())?;
        call.permit(Verb::Get, &record.labels)?;
        Ok::<_, Refused>(record)
    })?;
    Ok(call.answer(&View::single(&record)))
}

/// `PUT /kie/kv/{id}`
pub(super) async fn update(call: Call, body: Body) -> Outcome {
    let patch: Patch = read(&call, body, RECORD_MAX).await?;
    let tenant = call.tenant()?;
    let changed = call.control().with_config(|configuration, now| {
        let record = known(configuration.keys(), tenant, call.id())?;
        call.permit(Verb::Update, &record.labels)?;
        Ok::<_, Refused>(configuration.keys_mut().update(tenant, call.id(), patch, now)?)
    });
    let record = changed.await??;
    Ok(call.answer(&View::short(&record)))
}

/// `DELETE /kie/kv/{id}`
pub(super) async fn remove(call: Call) -> Outcome {
    let tenant = call.tenant()?;
    let removed = call.control().with_config(|configuration, _| {
        let record = known(configuration.keys(), tenant, call.id())?;
        call.permit(Verb::Delete, &record.labels)?;
        Ok::<_, Refused>(configuration.keys_mut().remove(tenant, call.id())?)
    });
    removed.await??;
    Ok(no_content())
}

/// `DELETE /kie/kv`: those of the ids that are there.
pub(super) async fn remove_many(call: Call, body: Body) -> Outcome {
    let Ids { ids } = read(&call, body, IDS_MAX).await?;
    let tenant = call.tenant()?;
    let removed = call.control().with_config(|configuration, _| {
        let keys = configuration.keys_mut();
        for record in ids.iter().filter_map(|id| keys.record(tenant, id)) {
            call.permit(Verb::Delete, &record.labels)?;
        }
        Ok::<_, Refused>(keys.remove_many(tenant, &ids)?)
    });
    removed.await??;
    Ok(no_content())
}

/// Reads a body in the form that the call names.
pub(super) async fn read<T: DeserializeOwned>(call: &Call, body: Body, limit: usize) -> Result<T, Refused> {
    if !call.brings_yaml() {
        return Ok(body::read_lenient(body, limit).await?);
    }
    let bytes = body::read(body, limit).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| fault(&error))?;
    // Depth, nodes, aliases and documents are bounded by the reader.
    serde_saphyr::from_str(text).map_err(|error| fault(&error))
}

fn fault(error: &impl ToString) -> Refused {
    Refused::invalid(format!("decode request body failed: {}", error.to_string()))
}

fn known(keys: &Keys, tenant: Tenant<'_>, id: &str) -> Result<Arc<Record>, ConfigError> {
    keys.record(tenant, id).map(Arc::clone).ok_or(ConfigError::Absent)
}

fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
