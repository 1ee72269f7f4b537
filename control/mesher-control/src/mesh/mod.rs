//! The API of `/mesher/v1`, for the page, the command and programs: map of its routes.
//! It must not hold logic.

mod backup;
mod filter;
mod instances;
pub(crate) mod listing;
mod place;
mod proxies;
mod services;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, put};

use crate::control::Control;

pub(crate) fn routes() -> Router<Arc<Control>> {
    let mesh = Router::new()
        .route("/backup", get(backup::download))
        .route("/services", get(services::list))
        .route("/services/{app}/{name}", get(services::read_one))
        .route("/instances", get(instances::list))
        .route("/proxies", get(proxies::list))
        .route("/proxies/{id}", put(proxies::announce).delete(proxies::remove));
    Router::new().nest("/mesher/v1", mesh)
}
