//! `/mesher/v1/proxies/{id}/link`: the handshake of the native link.
//! It must not tell a handshake's page from a program's: what stands before all routes does.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::response::Response;
use mesher_access::{Caller, Scope};

use super::place::Place;
use crate::control::Control;
use crate::{answer, links};

/// `GET /mesher/v1/proxies/{id}/link`
pub(super) async fn open(
    State(control): State<Arc<Control>>,
    Place(id): Place<String>,
    reach: Option<Extension<Scope>>,
    caller: Option<Extension<Caller>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return answer::mesh_error(426, "upgrade_required", "a WebSocket handshake is wanted here");
    };
    let (reach, caller) = (reach.map(|Extension(scope)| scope), caller.map(|Extension(caller)| caller));
    let guest = links::Guest { id, reach, caller };
    let Ok(held) = control.watchers.place(guest.caller.as_ref().map(|caller| caller.name.as_str())) else {
        return answer::mesh_error(
            503,
            "too_many_links",
            "no place is left for another link; try again later",
        );
    };
    links::limit(upgrade).on_upgrade(async move |socket| {
        links::serve(&control, &guest, socket).await;
        drop(held);
    })
}
