//! `/mesher/v1/instances`: one row for each instance.
//! It must not show the registry's own instance.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::filter::Filter;
use super::listing;
use crate::control::Control;
use crate::{answer, rows};

/// `GET /mesher/v1/instances?service=`
pub(super) async fn list(State(control): State<Arc<Control>>, filter: Filter) -> Response {
    let page = control.look(|registry, now| {
        let records = registry.services(filter.tenant(), false).filter(|record| {
            let service = record.service();
            filter.sees(&service.environment, &service.app_id, &service.service_name)
                && filter.admits_place(&service.app_id, &service.environment)
                && filter.admits_name(&service.service_name)
                && filter.admits_version(&service.version)
                && filter.service.as_ref().is_none_or(|name| *name == service.service_name)
        });
        let keyed = records.flat_map(|record| rows::instances(record, now)).map(|row| {
            let parts = [&row.app, &row.env, &row.service, &row.version, &row.service_id, &row.instance_id];
            (listing::key(&parts.map(String::as_str)), row)
        });
        listing::page(keyed.collect(), &filter, registry.revision(), now)
    });
    answer::json(&page)
}
