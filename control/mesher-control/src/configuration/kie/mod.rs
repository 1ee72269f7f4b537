//! The kie v1 API: map of its routes.
//! It must not hold logic.

mod duration;
mod history;
mod list;
mod records;
mod upload;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::control::Control;

#[cfg(test)]
mod tests;

pub(super) fn routes() -> Router<Arc<Control>> {
    let many = get(list::list).post(records::create).delete(records::remove_many);
    let one = get(records::read_one).put(records::update).delete(records::remove);
    Router::new()
        .route("/v1/{project}/kie/kv", many)
        .route("/v1/{project}/kie/kv/{id}", one)
        .route("/v1/{project}/kie/file", post(upload::upload))
        .route("/v1/{project}/kie/revision/{id}", get(history::versions))
        .route("/v1/{project}/kie/track", get(history::polls))
        .route("/v1/health", get(history::health))
}
