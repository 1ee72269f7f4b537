//! Changes of a scope as they happen, by web socket: `…/refresh/items`.
//! It must send a scope as it is by then: whoever reads slowly gets fewer messages, and none that is out of date.

use std::collections::{BTreeMap, VecDeque};
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

/// Source: config-center v3, web socket.
#[derive(Serialize)]
struct Event<'a> {
    action: &'static str,
    /// The scope that changed.
    key: &'a str,
    /// What the client sees of all of its scopes, as JSON.
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
            self.waiting = messages(&self.known, &present);
            self.known = present;
            if self.waiting.is_empty() {
                told.await;
            }
        }
    }
}

/// One message for each scope that changed.
fn messages(before: &[Items], after: &[Items]) -> VecDeque<Utf8Bytes> {
    // Later scopes count more.
    let seen: BTreeMap<_, _> = after.iter().flat_map(|scope| &scope.values).collect();
    // Texts under texts: JSON can say all of it.
    let value = serde_json::to_string(&seen).unwrap_or_default();
    let is_alone = after.iter().filter(|scope| !scope.values.is_empty()).count() == 1;
    let changed = before.iter().zip(after).filter(|(before, after)| before.values != after.values);
    changed
        .filter_map(|(before, after)| message(action(before, after, is_alone), &after.name, &value))
        .collect()
}

/// Go takes the value for all that it sees, whatever the scope. Java takes it for that of the scope, but for `CREATE`: then
/// it asks for all scopes. So what is no scope's alone is told as one that is new.
fn action(before: &Items, after: &Items, is_alone: bool) -> &'static str {
    if after.values.is_empty() {
        "DELETE"
    } else if before.values.is_empty() || !is_alone {
        "CREATE"
    } else {
        "UPDATE"
    }
}

fn message(action: &'static str, scope: &str, value: &str) -> Option<Utf8Bytes> {
    let event = Event { action, key: scope, value: value.to_owned() };
    let text = serde_json::to_string(&event).unwrap_or_default();
    if text.len() > MESSAGE_MAX {
        warn!(?scope, bytes = text.len(), "a scope is too large to be pushed; its clients have to poll");
        return None;
    }
    Some(text.into())
}
