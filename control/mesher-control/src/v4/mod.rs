//! The Service Center v4 API: map of its routes.
//! It must not hold logic, and none of its answers may hold `null`: two SDKs break on it.

mod call;
mod dependencies;
mod governance;
mod health;
mod instances;
mod lookup;
mod schemas;
mod services;
mod tags;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use crate::control::Control;

/// What a handler answers.
type Outcome = Result<axum::response::Response, crate::answer::Refused>;

/// A path of this API. The routes stand side by side and not nested: a nested router would write each request's target
/// anew.
macro_rules! path {
    ($rest:literal) => {
        concat!("/v4/{project}/registry", $rest)
    };
}

pub(crate) fn routes() -> Router<Arc<Control>> {
    const ONE: &str = path!("/microservices/{service}/instances/{instance}");
    const HEARTBEAT: &str = path!("/microservices/{service}/instances/{instance}/heartbeat");
    const STATUS: &str = path!("/microservices/{service}/instances/{instance}/status");
    const PROPERTIES: &str = path!("/microservices/{service}/instances/{instance}/properties");
    Router::new()
        .route(path!("/health"), get(health::health))
        .route(path!("/health/readiness"), get(health::readiness))
        .route(path!("/version"), get(health::version))
        .route(path!("/existence"), get(services::existence))
        .route(
            path!("/microservices"),
            post(services::create).get(services::list).delete(services::remove_many),
        )
        .route(path!("/microservices/{service}"), get(services::read_one).delete(services::remove))
        .route(path!("/microservices/{service}/properties"), put(services::update_properties))
        .route(path!("/microservices/{service}/instances"), post(instances::register).get(instances::list))
        .route(ONE, get(instances::read_one).delete(instances::unregister))
        .route(HEARTBEAT, put(instances::heartbeat).get(watch::heartbeat))
        .route(STATUS, put(instances::update_status))
        .route(PROPERTIES, put(instances::update_properties))
        .route(path!("/heartbeats"), put(instances::heartbeats))
        .route(path!("/instances"), get(lookup::find))
        .route(path!("/instances/action"), post(lookup::batch_find))
        .route(path!("/instances/status"), put(instances::update_status_of_matching))
        .merge(parts())
        .merge(views())
}

/// What hangs on a service beside its instances.
fn parts() -> Router<Arc<Control>> {
    Router::new()
        .route(path!("/microservices/{service}/schemas"), get(schemas::list).post(schemas::replace))
        .route(
            path!("/microservices/{service}/schemas/{schema}"),
            get(schemas::read_one).put(schemas::put).delete(schemas::remove),
        )
        .route(path!("/microservices/{service}/tags"), get(tags::list).post(tags::replace))
        .route(path!("/microservices/{service}/tags/{tags}"), put(tags::update).delete(tags::remove))
        .route(path!("/dependencies"), post(dependencies::add).put(dependencies::replace))
        .route(path!("/microservices/{service}/providers"), get(dependencies::providers))
        .route(path!("/microservices/{service}/consumers"), get(dependencies::consumers))
        .route(path!("/microservices/{service}/watcher"), get(watch::watch))
}

/// The governance views.
fn views() -> Router<Arc<Control>> {
    Router::new()
        .route("/v4/{project}/govern/microservices", get(governance::list))
        .route("/v4/{project}/govern/microservices/{service}", get(governance::read_one))
        .route("/v4/{project}/govern/statistics", get(governance::statistics))
        .route("/v4/{project}/govern/relations", get(governance::relations))
        .route("/v4/{project}/govern/apps", get(governance::apps))
}
