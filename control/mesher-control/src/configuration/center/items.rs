//! Keys and values of a scope: `…/items`.
//! It must add a revision to an answer for none but those who name one: others take it for a scope.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesher_access::Verb;
use mesher_config::{Dimension, Items, Record, Tenant};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::answer;
use crate::body;
use crate::configuration::Outcome;
use crate::configuration::call::Call;
use crate::configuration::refused::Refused;

/// Bound of a body with keys and values, in bytes.
const ITEMS_MAX: usize = 2 * 1024 * 1024;
/// What a scope that nobody set anything in is left out by; it is of one SDK only.
const DARK_LAUNCH: &str = "darklaunch@";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NewItems {
    dimensions_info: String,
    items: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OldItems {
    dimensions_info: String,
    keys: Vec<String>,
}

#[derive(Serialize)]
struct Done {
    #[serde(rename = "Result")]
    result: &'static str,
}

const DONE: Done = Done { result: "Success" };

#[derive(Serialize)]
struct Version {
    version: String,
}

/// One member for each scope, and one for the revision where it is asked for.
struct Shown<'a> {
    scopes: &'a [Items],
    revision: Option<Version>,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for scope in self.scopes {
            // It would share the length of its name with others: one SDK keeps only one scope of a length.
            if !scope.values.is_empty() || !scope.name.starts_with(DARK_LAUNCH) {
                members.serialize_entry(&scope.name, &scope.values)?;
            }
        }
        if let Some(revision) = &self.revision {
            members.serialize_entry("revision", revision)?;
        }
        members.end()
    }
}

/// `GET …/items?dimensionsInfo=&revision=`
pub(super) async fn read(call: Call) -> Outcome {
    let (tenant, dimension) = (call.tenant_of_header()?, dimension(&call, call.parameter("dimensionsInfo"))?);
    let scopes = look(&call, tenant, &dimension);
    let known = call.parameters("revision").next();
    let version = scopes.iter().map(|scope| scope.revision).max().unwrap_or_default().to_string();
    if known == Some(version.as_str()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    Ok(answer::json(&Shown { scopes: &scopes, revision: known.map(|_| Version { version }) }))
}

/// `POST …/items`
pub(super) async fn put(call: Call, body: Body) -> Outcome {
    let NewItems { dimensions_info, items } = body::read_lenient(body, ITEMS_MAX).await?;
    let (tenant, dimension) = (call.tenant_of_header()?, dimension(&call, &dimensions_info)?);
    let items =
        items.into_iter().map(|(key, value)| Ok((key, text(value)?))).collect::<Result<_, Refused>>()?;
    // Whether a key is new is not known before, and both are one call.
    call.permit(Verb::Create, &dimension.labels())?;
    call.permit_also(Verb::Update, &dimension.labels())?;
    let put = call
        .control()
        .with_config(|configuration, now| configuration.keys_mut().put_items(tenant, &dimension, items, now));
    put.await??;
    Ok(done())
}

/// `DELETE …/items`
pub(super) async fn remove(call: Call, body: Body) -> Outcome {
    let OldItems { dimensions_info, keys } = body::read_lenient(body, ITEMS_MAX).await?;
    let (tenant, dimension) = (call.tenant_of_header()?, dimension(&call, &dimensions_info)?);
    call.permit(Verb::Delete, &dimension.labels())?;
    let removed = call
        .control()
        .with_config(|configuration, _| configuration.keys_mut().remove_items(tenant, &dimension, &keys));
    removed.await?;
    Ok(done())
}

/// The scope that a call names.
pub(super) fn dimension(call: &Call, text: &str) -> Result<Dimension, Refused> {
    Ok(Dimension::parse(text, call.environment()?)?)
}

/// What the caller sees of a scope.
pub(super) fn look(call: &Call, tenant: Tenant<'_>, dimension: &Dimension) -> Vec<Items> {
    let is_seen = |record: &Record| call.sees(record);
    call.control().look_at_config(|configuration| configuration.keys().items(tenant, dimension, is_seen))
}

/// Values are texts; what a tool writes as a number or a truth is the text of it.
fn text(value: Value) -> Result<String, Refused> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(Refused::invalid("items: each value is a text")),
    }
}

fn done() -> Response {
    answer::json(&DONE)
}
