//! `/mesher/v1/proxies`: what proxies say of themselves, and who reads it.
//! It must not ask a proxy anything: proxies speak, the control plane listens.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesher_model::mesh::ProxyRow;

use super::filter::Filter;
use super::listing;
use super::place::Place;
use crate::answer::MeshRefused;
use crate::body::BodyError;
use crate::control::Control;
use crate::proxies::ProxyError;
use crate::{answer, body, rows};

/// Bound of an announcement, in bytes.
const MAX_ANNOUNCEMENT: usize = 8 * 1024;

/// `GET /mesher/v1/proxies`
pub(super) async fn list(State(control): State<Arc<Control>>, filter: Filter) -> Response {
    let mut states = control.links().states();
    let (keyed, now) = control.with_proxies(|proxies, now| {
        let admitted = proxies.recent(now).filter(|(row, _)| {
            filter.sees(&row.env, &row.app, &row.service)
                && filter.admits_place(&row.app, &row.env)
                && filter.admits_name(&row.service)
                && filter.admits_version(&row.version)
                && filter.service.as_ref().is_none_or(|name| *name == row.service)
        });
        let keyed = admitted.map(|(row, seen)| {
            let key = listing::key(&[&row.app, &row.env, &row.service, &row.version, &row.id]);
            let rules = states.remove(&row.id);
            (key, ProxyRow { seen_at: rows::date(seen), rules, ..row.clone() })
        });
        (keyed.collect(), now)
    });
    let revision = control.look(|registry, _| registry.revision());
    answer::json(&listing::page(keyed, &filter, revision, now))
}

/// `PUT /mesher/v1/proxies/{id}`: to be repeated well within half a minute.
pub(super) async fn announce(
    State(control): State<Arc<Control>>,
    Place(id): Place<String>,
    body: Body,
) -> Response {
    let row = match read(body).await {
        Ok(row) => row,
        Err(refusal) => return refusal.into_response(),
    };
    match control.with_proxies(|proxies, now| proxies.announce(id, row, now)) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error @ ProxyError::Invalid(_)) => answer::mesh_error(400, "bad_proxy", error.to_string()),
        Err(error @ ProxyError::Full) => answer::mesh_error(503, "too_many_proxies", error.to_string()),
    }
}

async fn read(body: Body) -> Result<ProxyRow, MeshRefused> {
    let bytes = body::read(body, MAX_ANNOUNCEMENT).await.map_err(|error| match error {
        BodyError::TooLarge => MeshRefused(413, "too_large", format!("at most {MAX_ANNOUNCEMENT} bytes")),
        other => MeshRefused(400, "bad_body", other.to_string()),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| MeshRefused(400, "bad_json", error.to_string()))
}

/// `DELETE /mesher/v1/proxies/{id}`: 204 also for one that is gone already, so that it may be repeated.
pub(super) async fn remove(State(control): State<Arc<Control>>, Place(id): Place<String>) -> StatusCode {
    control.with_proxies(|proxies, _| proxies.remove(&id));
    control.links().forget(&id);
    StatusCode::NO_CONTENT
}
