//! What the proxy believes, as JSON.
//! It must show no secret, and must be read from the snapshot that calls are served with.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mesher_traffic::balance::Load;
use serde_json::{Value, json};

use crate::clock;
use crate::handlers::chains::all_names;
use crate::request::invocation::Direction;
use crate::snapshot::checked::Probe;
use crate::snapshot::{Cluster, ClusterKind, Endpoint};
use crate::status::{LinkState, Rules, State as ProxyState, Status};
use crate::telemetry::exposition::protocol_word;

pub(super) async fn index() -> &'static str {
    "Mesher proxy admin\n\
     GET  /livez                          the process works\n\
     GET  /readyz                         it may take work\n\
     GET  /metrics                        OpenMetrics\n\
     GET  /config                         settings and snapshot\n\
     GET  /clusters                       services, endpoints\n\
     GET  /explain                        calls that are remembered, newest first\n\
     GET  /explain/{id}                   what became of one of them, and why\n\
     GET  /explain?to=HOST&path=/PATH     what would become of a call; also method=, header=NAME:VALUE, address=\n\
     POST /drain                          end inbound work\n\
     GET  /v1/mesher/version, /health, /metrics, /routeRule/{service}\n"
}

pub(super) async fn config(State(status): State<Arc<Status>>) -> Json<Value> {
    let bootstrap = &status.bootstrap;
    let own = &bootstrap.identity;
    let ports: Vec<_> =
        bootstrap.ports.iter().map(|port| format!("{}:{}", port.protocol.as_str(), port.port)).collect();
    let registry: Vec<_> = bootstrap.registry.iter().map(ToString::to_string).collect();
    Json(json!({
        "instance": status.instance_id,
        "service": {"domain": own.domain, "project": own.project, "app": own.app, "name": own.service,
            "version": own.version, "environment": own.environment, "id": status.service_id()},
        "ports": ports,
        "registry": registry,
        "services_file": bootstrap.services_file,
        "addresses": status.addresses,
        "workers": bootstrap.workers,
        "properties": bootstrap.properties,
        "overload": status.pressure.view(),
        "chains": {"consumer": all_names(Direction::Outbound, &bootstrap.handlers),
            "provider": all_names(Direction::Inbound, &bootstrap.handlers)},
        "rules": rules(&status.rules()),
        "snapshot": snapshot(&status),
    }))
}

/// How the proxy stands to the rules of the control plane.
pub(super) fn rules(rules: &Rules) -> Value {
    let link = match &rules.link {
        LinkState::None => "none".to_owned(),
        LinkState::Connected => "connected".to_owned(),
        LinkState::Away(reason) => format!("away: {reason}"),
    };
    json!({"link": link, "revision": rules.revision, "refused": rules.refused, "key_problems": rules.key_problems})
}

pub(super) async fn clusters(State(status): State<Arc<Status>>) -> Json<Value> {
    Json(snapshot(&status))
}

pub(super) async fn version() -> Json<Value> {
    Json(
        json!({"version": env!("CARGO_PKG_VERSION"), "commit": crate::COMMIT, "built": "", "rust": crate::RUST}),
    )
}

/// As the Go Mesher had it, except that it tells the truth.
pub(super) async fn health(State(status): State<Arc<Status>>) -> (StatusCode, Json<Value>) {
    let own = &status.bootstrap.identity;
    let mut body = json!({"serviceName": own.service, "version": own.version, "connectedMonitoring": false});
    let trouble = match (status.state(), status.registry_trouble()) {
        (ProxyState::Ready, None) => None,
        (ProxyState::Ready, Some((_, reason))) => Some(format!("the registry is away: {reason}")),
        (state, _) => Some(format!("the proxy is {}", state.as_str())),
    };
    let is_red = status.state() != ProxyState::Ready;
    if let Some(members) = body.as_object_mut() {
        members.insert("status".to_owned(), if is_red { "red" } else { "green" }.into());
        if let Some(trouble) = trouble {
            members.insert("error".to_owned(), trouble.into());
        }
    }
    (if is_red { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }, Json(body))
}

fn snapshot(status: &Status) -> Value {
    let (snapshot, now) = (status.snapshot(), status.now());
    let clusters: Vec<_> = snapshot
        .clusters()
        .filter(|cluster| cluster.kind != ClusterKind::Nowhere)
        .map(|one| cluster(one, now))
        .collect();
    json!({"number": snapshot.number, "age_seconds": status.snapshot_age().as_secs(),
        "confirmed_seconds_ago": status.knowledge_age().map(|age| age.as_secs()), "clusters": clusters})
}

fn cluster(cluster: &Cluster, now: Duration) -> Value {
    let kind = match cluster.kind {
        ClusterKind::Local => "local",
        ClusterKind::Service => "service",
        ClusterKind::Outside => "outside",
        ClusterKind::Nowhere => "nowhere",
    };
    let balancing = cluster.governance.as_ref().and_then(|governance| governance.guards.balance.as_ref());
    let load = |place| balancing.and_then(|balancing| balancing.load(place));
    let endpoints = cluster.endpoints.iter().enumerate();
    let checked = cluster.governance.as_ref().and_then(|governance| governance.guards.checked());
    let probe = |place| checked.and_then(|checked| checked.probe(place));
    let endpoints: Vec<_> = endpoints
        .map(|(place, one)| endpoint(one, load(place).map(AsRef::as_ref), probe(place).map(AsRef::as_ref)))
        .collect();
    let rules = cluster.governance.as_ref().map(|governance| governance.words(now));
    json!({"name": &*cluster.name, "kind": kind, "endpoints": endpoints, "rules": rules})
}

fn endpoint(endpoint: &Endpoint, load: Option<&Load>, probe: Option<&Probe>) -> Value {
    let load = load.map(|load| {
        let now = clock::now();
        let latency = load.mean_latency().map(|seconds| (f64::from(seconds) * 1e6).round() / 1e3);
        json!({"active_requests": load.in_flight(), "requests": load.begun(), "latency_ms": latency,
            "left_alone_ms": load.avoided_for(now).map(|rest| rest.as_millis() as u64)})
    });
    json!({
        "address": endpoint.address.to_string(),
        "protocol": protocol_word(endpoint.protocol),
        "instance": &*endpoint.instance,
        "version": &*endpoint.version,
        "ports": endpoint.ports,
        "source": endpoint.origin.as_str(),
        "is_kept": endpoint.is_kept,
        "load": load,
        "checks": probe.map(Probe::view),
    })
}
