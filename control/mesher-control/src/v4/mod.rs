//! The Service Center v4 API: map of its routes.
//! It must not hold logic, and none of its answers may hold `null`: two SDKs break on it.

mod call;
mod health;
mod instances;
mod lookup;
mod services;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use crate::control::Control;

/// What a handler answers.
type Outcome = Result<axum::response::Response, crate::answer::Refused>;

pub(crate) fn routes() -> Router<Arc<Control>> {
    let registry = Router::new()
        .route("/health", get(health::health))
        .route("/health/readiness", get(health::readiness))
        .route("/version", get(health::version))
        .route("/existence", get(services::existence))
        .route("/microservices", post(services::create).get(services::list).delete(services::remove_many))
        .route("/microservices/{service}", get(services::read_one).delete(services::remove))
        .route("/microservices/{service}/properties", put(services::update_properties))
        .route("/microservices/{service}/instances", post(instances::register).get(instances::list))
        .route(
            "/microservices/{service}/instances/{instance}",
            get(instances::read_one).delete(instances::unregister),
        )
        .route("/microservices/{service}/instances/{instance}/heartbeat", put(instances::heartbeat))
        .route("/microservices/{service}/instances/{instance}/status", put(instances::update_status))
        .route("/microservices/{service}/instances/{instance}/properties", put(instances::update_properties))
        .route("/heartbeats", put(instances::heartbeats))
        .route("/instances", get(lookup::find))
        .route("/instances/action", post(lookup::batch_find));
    Router::new().nest("/v4/{project}/registry", registry)
}
