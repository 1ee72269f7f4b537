//! Changes of a scope as they happen, by web socket: `…/refresh/items`.
//! It must send a scope as it is by then: whoever reads slowly gets fewer messages, and none that is out of date.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use mesher_config::{Dimension, Items, Topic};
use serde::Serialize;
use tracing::warn;

use super::items;
use crate::configuration::Outcome;
use crate::configuration::call::Call;
use crate::configuration::refused::Refused;
use crate::configuration::waiters::Waiter;
use crate::watch::{self, Source, TooSlow};

/// The largest message, in bytes. A scope that is larger is not pushed; its clients poll.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Source: config-center v3, web socket. Go reads the whole scope from `value`, Java reads it or polls.
#[derive(Serialize)]
struct Event<'a> {
    action: &'static str,
    /// The scope.
    key: &'a str,
    /// The keys and values of the scope as JSON.
    value: String,
}

/// `GET …/refresh/items?dimensionsInfo=`
pub(super) async fn refresh(call: Call, upgrade: Upgrade) -> Outcome {
    let upgrade = upgrade.map_err(|_| Refused::invalid("a WebSocket handshake is wanted here"))?;
    let dimension = items::dimension(&call, call.parameter("dimensionsInfo"))?;
    let control = Arc::clone(call.control());
    let place = control.watchers.place(call.account())?;
    let tenant = call.tenant_of_header()?;
    let waiter = control.waiters().join_in(place, tenant, &Topic::Seen(dimension.clone()));
    // The wait begins before the look: nothing is missed in between.
    let known = items::look(&call, tenant, &dimension);
    let closing = control.watchers.closing();
    let call = Arc::new(call);
    let changes = Changes { call: Arc::clone(&call), dimension, waiter, known, waiting: VecDeque::new() };
    let upgrade = watch::limit(upgrade).max_write_buffer_size(MESSAGE_MAX * 2);
    Ok(upgrade.on_upgrade(async move |socket| {
        if watch::stream(socket, changes, || call.check_token().is_ok(), closing).await {
            control.metrics.watcher_cut();
        }
    }))
}

/// The changes of a scope and of all wider ones.
struct Changes {
    call: Arc<Call>,
    dimension: Dimension,
    waiter: Waiter,
    /// As the client knows them.
    known: Vec<Items>,
    /// Messages that are not sent yet.
    waiting: VecDeque<Utf8Bytes>,
}

impl Source for Changes {
    async fn next(&mut self) -> Result<Utf8Bytes, TooSlow> {
        loop {
            let told = self.waiter.told();
            if let Some(message) = self.waiting.pop_front() {
                return Ok(message);
            }
            // The tenant was read before the handshake.
            let Ok(tenant) = self.call.tenant_of_header() else { return Err(TooSlow) };
            let present = items::look(&self.call, tenant, &self.dimension);
            let messages =
                self.known.iter().zip(&present).filter_map(|(before, after)| message(before, after));
            self.waiting = messages.collect();
            self.known = present;
            if self.waiting.is_empty() {
                told.await;
            }
        }
    }
}

/// The message that leads from one state of a scope to the next.
fn message(before: &Items, after: &Items) -> Option<Utf8Bytes> {
    if before.values == after.values {
        return None;
    }
    let action = match (before.values.is_empty(), after.values.is_empty()) {
        (true, _) => "CREATE",
        (_, true) => "DELETE",
        _ => "UPDATE",
    };
    // Texts under texts: JSON can say all of it.
    let value = serde_json::to_string(&after.values).unwrap_or_default();
    let text = serde_json::to_string(&Event { action, key: &after.name, value }).unwrap_or_default();
    if text.len() > MESSAGE_MAX {
        warn!(scope = ?after.name, bytes = text.len(), "a scope is too large to be pushed; its clients have to poll");
        return None;
    }
    Some(text.into())
}
