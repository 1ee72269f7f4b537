//! `/mesher/v1/openapi.json` and `/mesher/v1/schemas/rules.json`: what this API takes and answers, for programs.
//! It must name every route of this API, with the types that the handlers themselves use.

use axum::extract::State;
use axum::response::Response;
use mesher_model::explain::{Asked, CallRow, Explanation};
use mesher_model::mesh::{Detail, InstanceRow, Listing, MeshError, ProxyRow, ServiceRow};
use mesher_model::rule::{Change, Checked, Convergence, Document, Documents, RuleRow};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::changes::Rollback;
use crate::control::Control;
use crate::{VERSION, answer};

/// Where the description says that schemas stand.
const SCHEMAS: &str = "/components/schemas";

/// One call.
struct Call {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    body: Option<Type>,
    answer: Option<Type>,
}

/// Writes the schema of a type, with those that it names.
type Type = fn(&mut SchemaGenerator) -> Value;

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

const PAGE: [&str; 2] = ["limit", "next"];
const OF_SERVICES: &[&str] = &["app", "env", "version", "q", PAGE[0], PAGE[1]];
const OF_INSTANCES: &[&str] = &["app", "env", "version", "service", "q", PAGE[0], PAGE[1]];
const OF_DOCUMENT: &[&str] = &["app", "env"];

/// Every call of the API.
const CALLS: &[Call] = &[
    call(
        "get",
        "/services",
        "Services, all versions of one together",
        OF_SERVICES,
        None,
        Some(of::<Listing<ServiceRow>>),
    ),
    call("get", "/services/{app}/{name}", "One service", &["env"], None, Some(of::<Detail<ServiceRow>>)),
    call("get", "/instances", "Instances", OF_INSTANCES, None, Some(of::<Listing<InstanceRow>>)),
    call(
        "get",
        "/proxies",
        "Proxies, and the rules that they serve with",
        OF_INSTANCES,
        None,
        Some(of::<Listing<ProxyRow>>),
    ),
    call("put", "/proxies/{id}", "A proxy tells of itself", &[], Some(of::<ProxyRow>), None),
    call("delete", "/proxies/{id}", "A proxy ends", &[], None, None),
    call("get", "/proxies/{id}/link", "A proxy's link: a WebSocket", &[], None, None),
    call(
        "get",
        "/rules",
        "Rule documents",
        &["kind", "service", "app", "env", "q", PAGE[0], PAGE[1]],
        None,
        Some(of::<Listing<RuleRow>>),
    ),
    call(
        "get",
        "/rules/{kind}/{name}",
        "One rule document, with its ETag",
        OF_DOCUMENT,
        None,
        Some(of::<Detail<RuleRow>>),
    ),
    call(
        "put",
        "/rules/{kind}/{name}",
        "Writes a rule document: If-Match, or If-None-Match: *",
        &[],
        Some(of::<Document>),
        Some(of::<Detail<RuleRow>>),
    ),
    call("delete", "/rules/{kind}/{name}", "Removes a rule document: If-Match", OF_DOCUMENT, None, None),
    call(
        "post",
        "/rules:check",
        "What applying documents would do",
        &[],
        Some(of::<Document>),
        Some(of::<Detail<Checked>>),
    ),
    call(
        "post",
        "/rules:apply",
        "Applies documents: all or none",
        &[],
        Some(of::<Documents>),
        Some(of::<Detail<Checked>>),
    ),
    call(
        "get",
        "/changes",
        "Changes of rule documents, newest first",
        &["since", "kind", "name", "service", "target", "app", "env", PAGE[0], PAGE[1]],
        None,
        Some(of::<Listing<Change>>),
    ),
    call("get", "/changes/{revision}", "One change", &[], None, Some(of::<Detail<Change>>)),
    call(
        "get",
        "/changes/{revision}/convergence",
        "Which proxies serve with a change",
        &["wait_seconds"],
        None,
        Some(of::<Detail<Convergence>>),
    ),
    call(
        "post",
        "/rollback",
        "All documents as at a revision",
        &[],
        Some(of::<Rollback>),
        Some(of::<Detail<Checked>>),
    ),
    call(
        "post",
        "/explain",
        "What would become of a call, from a proxy that would decide; none is sent",
        &[],
        Some(of::<Asked>),
        Some(of::<Detail<Explanation>>),
    ),
    call(
        "get",
        "/calls",
        "Calls that proxies remember, newest first",
        &["service", "outcome", PAGE[0]],
        None,
        Some(of::<Listing<CallRow>>),
    ),
    call("get", "/calls/{id}", "What became of a call, and why", &[], None, Some(of::<Detail<Explanation>>)),
    call("get", "/backup", "All that the store holds, as one file", &[], None, None),
    call("get", "/openapi.json", "This description", &[], None, None),
    call("get", "/schemas/rules.json", "JSON Schema of rule documents, for editors", &[], None, None),
];

const fn call(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    body: Option<Type>,
    answer: Option<Type>,
) -> Call {
    Call { method, path, summary, query, body, answer }
}

/// `GET /mesher/v1/openapi.json`
pub(super) async fn describe(State(_): State<std::sync::Arc<Control>>) -> Response {
    answer::json(&description())
}

/// `GET /mesher/v1/schemas/rules.json`
pub(super) async fn rules(State(_): State<std::sync::Arc<Control>>) -> Response {
    answer::json(&SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>())
}

fn description() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| settings.definitions_path = SCHEMAS.into());
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for call in CALLS {
        let operation = operation(call, &mut generator);
        let path = paths.entry(format!("/mesher/v1{}", call.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(call.method.to_owned(), operation);
        }
    }
    let error = of::<MeshError>(&mut generator);
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Mesher", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": {"Error": {"description": "Why not", "content": {"application/json": {"schema": error}}}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    })
}

fn operation(call: &Call, generator: &mut SchemaGenerator) -> Value {
    let parts = call.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        parts.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query =
        call.query.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}));
    let parameters: Vec<_> = in_path.chain(in_query).collect();
    let good = match call.answer {
        Some(answer) => {
            json!({"description": "Done", "content": {"application/json": {"schema": answer(generator)}}})
        }
        None => json!({"description": "Done"}),
    };
    let mut operation = json!({
        "summary": call.summary,
        "parameters": parameters,
        "responses": {"2XX": good, "default": {"$ref": "#/components/responses/Error"}},
    });
    if let (Some(body), Some(members)) = (call.body, operation.as_object_mut()) {
        let content = json!({"application/json": {"schema": body(generator)}});
        members.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation
}

#[cfg(test)]
mod tests;
