//! The text that a watcher reads of a change.
//! It must not leave `instance` out: one SDK reads it unchecked.

use axum::extract::ws::Utf8Bytes;
use mesher_model::{Instance, Microservice};
use mesher_registry::{Change, ChangeKind};
use serde::Serialize;

/// Source: Service Center v4, `WatchInstanceResponse`.
#[derive(Serialize)]
struct Event<'a> {
    action: &'static str,
    key: ProviderKey<'a>,
    instance: &'a Instance,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProviderKey<'a> {
    tenant: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    environment: &'a str,
    app_id: &'a str,
    service_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    alias: &'a str,
    version: &'a str,
}

/// The event of a change; `None` where watchers hear of none.
pub(super) fn text(change: &Change) -> Option<Utf8Bytes> {
    let instance = change.instance.as_deref()?;
    let Microservice { environment, app_id, service_name, alias, version, .. } = &*change.record;
    let tenant = format!("{}/{}", change.place.domain, change.place.project);
    let key = ProviderKey { tenant, environment, app_id, service_name, alias, version };
    let event = Event { action: action(change.kind)?, key, instance };
    serde_json::to_string(&event).ok().map(Utf8Bytes::from)
}

const fn action(kind: ChangeKind) -> Option<&'static str> {
    match kind {
        ChangeKind::InstanceRegistered => Some("CREATE"),
        ChangeKind::InstanceChanged => Some("UPDATE"),
        ChangeKind::InstanceUnregistered | ChangeKind::InstanceExpired => Some("DELETE"),
        _ => None,
    }
}
