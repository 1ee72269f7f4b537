//! `/mesher/v1/services`: one row for all versions of a service.
//! It must not show the registry's own service: it is no part of the mesh that people built.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use mesher_model::mesh::{Detail, ServiceRow};

use super::filter::Filter;
use super::listing;
use super::place::Place;
use crate::control::Control;
use crate::{answer, rows};

/// `GET /mesher/v1/services`
pub(super) async fn list(State(control): State<Arc<Control>>, filter: Filter) -> Response {
    let page = control.look(|registry, now| {
        let keyed = rows::services(registry.services(filter.tenant(), false)).into_iter();
        let keyed = keyed.filter(|row| admits(&filter, row));
        let keyed = keyed.map(|row| (listing::key(&[&row.app, &row.env, &row.name]), row)).collect();
        listing::page(keyed, &filter, registry.revision(), now)
    });
    answer::json(&page)
}

fn admits(filter: &Filter, row: &ServiceRow) -> bool {
    filter.sees(&row.env, &row.app, &row.name)
        && filter.admits_place(&row.app, &row.env)
        && filter.admits_name(&row.name)
        && row.versions.iter().any(|version| filter.admits_version(version))
}

/// `GET /mesher/v1/services/{app}/{name}`; without `?env=`, the first environment that has it, the empty one first.
pub(super) async fn read_one(
    State(control): State<Arc<Control>>,
    Place((app, name)): Place<(String, String)>,
    filter: Filter,
) -> Response {
    let detail = control.look(|registry, now| {
        let mut of_name = registry.services(filter.tenant(), false).filter(|record| {
            let service = record.service();
            filter.sees(&service.environment, &service.app_id, &service.service_name)
                && service.app_id == app
                && service.service_name == name
                && filter.env.as_ref().is_none_or(|env| *env == service.environment)
        });
        let row = rows::services(&mut of_name).into_iter().next()?;
        let now_at = rows::date(now.unix).unwrap_or_default();
        Some(Detail { now_at, revision: registry.revision(), item: row })
    });
    match detail {
        Some(detail) => answer::json(&detail),
        None => answer::mesh_error(
            404,
            "not_found",
            "no such service; GET /mesher/v1/services lists what there is",
        ),
    }
}
