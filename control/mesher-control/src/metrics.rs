//! What the control plane counts of itself, in OpenMetrics text.
//! It must not use a label that a caller can choose: routes are named by their template.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mesher_registry::ServiceRecord;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Exposition;

use tracing::warn;

use crate::answer;
use crate::control::Control;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requests {
    api: Api,
    code: u16,
}

/// The template of a route; no route stands for all unknown paths. Shared with the router: counting copies no text.
#[derive(Debug, Clone)]
struct Api(Option<MatchedPath>);

impl Api {
    fn as_str(&self) -> &str {
        self.0.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
}

impl PartialEq for Api {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Api {}

impl Hash for Api {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl EncodeLabelValue for Api {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

/// The counters, and the exposition that shows them.
#[derive(Debug)]
pub(crate) struct Metrics {
    exposition: Exposition,
    requests: Family<Requests, Counter>,
    services: Gauge,
    instances: Family<Status, Gauge>,
    lease_expired: Counter,
    expiry_paused: Gauge,
    watchers: Gauge,
    watchers_cut: Counter,
    keys: Gauge,
    waiting: Gauge,
    not_kept: Counter,
    store_bytes: Gauge,
    store_revision: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut exposition = Exposition::with_prefix("mesher_control");
        let (requests, services) = (Family::default(), Gauge::default());
        let (instances, lease_expired) = (Family::default(), Counter::default());
        exposition.register("requests", "Requests answered, by route and status", requests.clone());
        exposition.register("services", "Service versions registered", services.clone());
        exposition.register("instances", "Instances registered, by status", instances.clone());
        exposition.register("lease_expired", "Instances whose lease ran out", lease_expired.clone());
        let (expiry_paused, watchers, watchers_cut) =
            (Gauge::default(), Gauge::default(), Counter::default());
        let help = "1 while leases that ended wait, since nearly all instances are silent";
        exposition.register("expiry_paused", help, expiry_paused.clone());
        exposition.register("watchers", "Web sockets that watch, or send heartbeats", watchers.clone());
        let help = "Watchers cut off because they read too slowly";
        exposition.register("watchers_cut", help, watchers_cut.clone());
        let (keys, waiting) = (Gauge::default(), Gauge::default());
        exposition.register("keys", "Keys of the configuration", keys.clone());
        let help = "Calls that wait for a change of the configuration";
        exposition.register("waiting_calls", help, waiting.clone());
        let not_kept = Counter::default();
        let help = "Failures of the store; the changes that it did not keep were taken back";
        exposition.register("store_failures", help, not_kept.clone());
        let (store_bytes, store_revision) = (Gauge::default(), Gauge::default());
        exposition.register("store_bytes", "Size of the store's file", store_bytes.clone());
        exposition.register(
            "store_revision",
            "Number of the last change that was kept",
            store_revision.clone(),
        );
        Self {
            exposition,
            requests,
            services,
            instances,
            lease_expired,
            expiry_paused,
            watchers,
            watchers_cut,
            keys,
            waiting,
            not_kept,
            store_bytes,
            store_revision,
        }
    }
}

impl Metrics {
    pub(crate) fn lease_expired(&self) {
        self.lease_expired.inc();
    }

    /// Keeps and tells whether the end of leases waits.
    pub(crate) fn expiry_paused(&self, is_paused: bool) {
        let before = self.expiry_paused.get() != 0;
        if before == is_paused {
            return;
        }
        self.expiry_paused.set(is_paused.into());
        if is_paused {
            warn!("nearly all instances are silent: those whose lease ended are kept for one lease more");
        } else {
            warn!("enough instances are heard of again, or gone: leases end as usual");
        }
    }

    pub(crate) fn watcher_cut(&self) {
        self.watchers_cut.inc();
    }

    pub(crate) fn not_kept(&self) {
        self.not_kept.inc();
    }

    fn take<'a>(&self, records: impl Iterator<Item = &'a ServiceRecord>) {
        let words = ["UP", "DOWN", "STARTING", "TESTING", "OUTOFSERVICE"];
        let (mut services, mut counts) = (0, [0; 5]);
        for record in records {
            services += 1;
            for instance in record.instances() {
                let place = words.iter().position(|word| *word == instance.instance().status);
                if let Some(place) = place {
                    counts[place] += 1;
                }
            }
        }
        self.services.set(services);
        for (status, count) in words.into_iter().zip(counts) {
            self.instances.get_or_create(&Status { status }).set(count);
        }
    }
}

/// Counts each answer under its route.
pub(crate) async fn count(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let api = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let labels = Requests { api: Api(api), code: response.status().as_u16() };
    control.metrics.requests.get_or_create(&labels).inc();
    response
}

/// `GET /metrics`.
pub(crate) async fn show(State(control): State<Arc<Control>>) -> Response {
    control.look(|registry, _| control.metrics.take(registry.all_services()));
    control.metrics.watchers.set(i64::try_from(control.watchers.count()).unwrap_or(i64::MAX));
    let keys = control.look_at_config(|configuration| configuration.keys().count_of_all());
    control.metrics.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
    control.metrics.waiting.set(i64::try_from(control.waiters().count()).unwrap_or(i64::MAX));
    if let Some(keep) = control.keep() {
        let status = keep.store().status();
        control.metrics.store_bytes.set(i64::try_from(status.file_bytes).unwrap_or(i64::MAX));
        control.metrics.store_revision.set(i64::try_from(status.revision.0).unwrap_or(i64::MAX));
    }
    let mut text = String::new();
    match encode(&mut text, &control.metrics.exposition) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => answer::mesh_error(500, "internal", "the metrics cannot be written"),
    }
}
