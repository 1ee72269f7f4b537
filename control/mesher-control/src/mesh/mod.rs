//! The API of `/mesher/v1`, for the page, the command and programs: map of its routes.
//! It must not hold logic.

mod backup;
mod changes;
mod doubts;
mod explain;
mod filter;
mod instances;
mod link;
pub(crate) mod listing;
mod openapi;
mod place;
mod proxies;
mod rules;
mod services;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use crate::control::Control;

pub(crate) fn routes() -> Router<Arc<Control>> {
    let mesh = Router::new()
        .route("/backup", get(backup::download))
        .route("/openapi.json", get(openapi::describe))
        .route("/schemas/rules.json", get(openapi::rules))
        .route("/services", get(services::list))
        .route("/services/{app}/{name}", get(services::read_one))
        .route("/instances", get(instances::list))
        .route("/proxies", get(proxies::list))
        .route("/proxies/{id}", put(proxies::announce).delete(proxies::remove))
        .route("/proxies/{id}/link", get(link::open))
        .route("/rules", get(rules::list))
        .route("/rules/{kind}/{name}", get(rules::read_one).put(rules::write_one).delete(rules::remove))
        .route("/rules:check", post(rules::check))
        .route("/rules:apply", post(rules::apply))
        .route("/changes", get(changes::list))
        .route("/changes/{revision}", get(changes::read_one))
        .route("/changes/{revision}/convergence", get(changes::convergence))
        .route("/rollback", post(changes::rollback))
        .route("/explain", post(explain::explain))
        .route("/calls", get(explain::list))
        .route("/calls/{id}", get(explain::read_one));
    Router::new().nest("/mesher/v1", mesh)
}
