//! Reads request bodies: bounded in size and time, and as leniently as the original's decoder.
//! It must not look at the content type: the original never did, and some clients send none.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

/// How long a body may take to arrive, in whole.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Why a body cannot be used. The client is to blame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("http: request body too large")]
    TooLarge,
    #[error("the request body did not arrive in time")]
    TooSlow,
    #[error("the request body ended early")]
    Broken,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let whole = tokio::time::timeout(MAX_WAIT, Limited::new(body, limit).collect());
    match whole.await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow),
    }
}

/// Reads JSON as the original does: member names without case, `null` as if absent, unknown members passed over.
pub(crate) async fn read_lenient<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, BodyError> {
    parse_lenient(&read(body, limit).await?)
}

/// As [`read_lenient`], of a body that was read.
pub(crate) fn parse_lenient<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    let value: Value = serde_json::from_slice(bytes)?;
    // A list would be taken for the members in their order.
    if !value.is_object() {
        return Err(serde_json::Error::custom("an object is wanted here").into());
    }
    Ok(serde_json::from_value(tidy(value))?)
}

/// Every member name that a client may send, wherever it stands. No two differ in case only.
pub(crate) const NAMES: [&str; 60] = [
    "alias",
    "appId",
    "availableZone",
    "check",
    "consumer",
    "consumerServiceId",
    "data",
    "dataCenterInfo",
    "dependencies",
    "description",
    "dimensionsInfo",
    "endpoints",
    "environment",
    "force",
    "framework",
    "healthCheck",
    "hostName",
    "ids",
    "instance",
    "instanceId",
    "instances",
    "interval",
    "items",
    "key",
    "keys",
    "labels",
    "level",
    "matches",
    "mode",
    "modTimestamp",
    "name",
    "path",
    "paths",
    "port",
    "priority",
    "properties",
    "property",
    "providers",
    "region",
    "registerBy",
    "rev",
    "rules",
    "schema",
    "schemaId",
    "schemas",
    "service",
    "serviceId",
    "serviceIds",
    "serviceName",
    "services",
    "status",
    "summary",
    "tags",
    "tenant",
    "times",
    "timestamp",
    "url",
    "value",
    "value_type",
    "version",
];

/// Members whose own members are free text, names and all.
const FREE: [&str; 5] = ["items", "labels", "properties", "property", "tags"];

fn tidy(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            let tidied = kept.map(|(name, value)| {
                let name = canonical(name);
                let value = if FREE.contains(&&*name) { tidy_free(value) } else { tidy(value) };
                (name, value)
            });
            Value::Object(tidied.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).collect()),
        other => other,
    }
}

/// In a free map `null` is the empty text, as in the original.
fn tidy_free(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let filled = members.into_iter().map(|(name, value)| {
                let value = if value.is_null() { Value::String(String::new()) } else { value };
                (name, value)
            });
            Value::Object(filled.collect())
        }
        other => other,
    }
}

fn canonical(name: String) -> String {
    match NAMES.iter().find(|known| known.eq_ignore_ascii_case(&name)) {
        Some(known) if *known != name => (*known).to_owned(),
        _ => name,
    }
}
