//! The config-center API, version 3 and the paths before it: map of its routes.
//! It must not hold logic.

mod items;
mod members;
mod refresh;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::control::Control;

pub(super) fn routes() -> Router<Arc<Control>> {
    let mut router = Router::new()
        .route("/v3/{project}/configuration/health", get(members::health))
        .route("/v3/{project}/configuration/members", get(members::members))
        .route("/configuration/v2/members", get(members::members))
        .route("/members", get(members::members));
    for (items, refresh) in [
        ("/v3/{project}/configuration/items", "/v3/{project}/configuration/refresh/items"),
        ("/configuration/v2/items", "/configuration/v2/refresh/items"),
    ] {
        router = router
            .route(items, get(items::read).post(items::put).delete(items::remove))
            .route(refresh, get(refresh::refresh));
    }
    router
}
