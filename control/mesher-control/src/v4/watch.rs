//! Web sockets of the registry, as HTTP: the handshakes of `…/watcher` and `…/heartbeat`.
//! It must not tell a handshake's page from a program's: what stands before all routes does, for reads of every kind.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;

use super::Outcome;
use super::call::Call;
use crate::answer::{self, Refused};
use crate::watch;

/// Pings in one lease: one may be lost.
const PINGS_OF_A_LEASE: u32 = 4;
/// The shortest time between two pings; the longest is that of all web sockets.
const MIN_PING: Duration = Duration::from_secs(1);

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `GET /microservices/{service}/watcher`: a frame for each change of an instance that the service calls, or may.
pub(super) async fn watch(call: Call, upgrade: Upgrade) -> Outcome {
    let upgrade = open(upgrade)?;
    let tenant = call.tenant()?;
    let control = Arc::clone(call.control());
    // The subscription begins before the look at the service: nothing is missed in between.
    let Ok(subscription) = control.watchers.subscribe(tenant, call.service(), call.account()) else {
        return Ok(full());
    };
    if call.run(|registry, tenant, _| registry.service(tenant, call.service()).map(|_| ())).await.is_err() {
        return Ok(upgrade.on_upgrade(async move |socket| {
            watch::tell_unknown_service(socket).await;
            drop(subscription);
        }));
    }
    let closing = control.watchers.closing();
    Ok(upgrade.on_upgrade(async move |socket| {
        if watch::stream(socket, subscription, || call.is_admitted(), closing).await {
            control.metrics.watcher_cut();
        }
    }))
}

/// `GET /microservices/{service}/instances/{instance}/heartbeat`: each pong is a heartbeat.
pub(super) async fn heartbeat(call: Call, upgrade: Upgrade) -> Outcome {
    let upgrade = open(upgrade)?;
    let control = Arc::clone(call.control());
    let Ok(place) = control.watchers.place(call.account()) else { return Ok(full()) };
    let term = call
        .run(|registry, tenant, _| {
            registry.instance(tenant, call.service(), call.instance(), "").map(|found| found.lease_term())
        })
        .await;
    let Ok(term) = term else {
        return Ok(upgrade.on_upgrade(watch::end_unknown_instance));
    };
    let pause = term.map_or(watch::PING, |term| (term / PINGS_OF_A_LEASE).clamp(MIN_PING, watch::PING));
    let closing = control.watchers.closing();
    Ok(upgrade.on_upgrade(async move |socket| {
        let renew = || call.beat().is_ok();
        watch::beat(socket, pause, renew, || call.is_admitted(), closing).await;
        drop(place);
    }))
}

fn open(upgrade: Upgrade) -> Result<WebSocketUpgrade, Refused> {
    upgrade.map(watch::limit).map_err(|_| Refused::invalid("a WebSocket handshake is wanted here"))
}

fn full() -> Response {
    answer::mesh_error(503, "too_many_watchers", "no place is left for another web socket; try again later")
}
