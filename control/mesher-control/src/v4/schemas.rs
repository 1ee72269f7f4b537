//! The contracts of a service, as HTTP: `…/schemas`, and `…/existence?type=schema`.
//! It must not send an empty digest: two SDKs take it for another contract, and only a missing one for none.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use mesher_registry::{NewSchema, SchemaContent};
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::call::{Call, read};
use crate::answer::{self, Refused};

/// Bound of a body with contracts, in bytes. The original's value.
const MAX_SCHEMAS: usize = 2 * 1024 * 1024;
/// Response header that carries the digest of a contract.
const SUMMARY_HEADER: &str = "x-schema-summary";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SchemaBody {
    schema_id: String,
    schema: String,
    summary: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SchemasBody {
    schemas: Vec<SchemaBody>,
}

#[derive(Serialize)]
struct Schemas<'a> {
    schemas: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    schema_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    schema: &'a str,
}

impl<'a> Listed<'a> {
    pub(super) fn new(schema_id: &'a str, content: Option<&'a SchemaContent>, with_text: bool) -> Self {
        let summary = content.map_or("", |content| &content.summary);
        let schema = content.filter(|_| with_text).map_or("", |content| &content.schema);
        Self { schema_id, summary, schema }
    }
}

#[derive(Serialize)]
struct Text<'a> {
    schema: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    service_id: &'a str,
    schema_id: &'a str,
}

/// `GET /microservices/{service}/schemas`
pub(super) async fn list(call: Call) -> Outcome {
    let with_text = match call.parameter("withSchema") {
        "" | "0" => false,
        "1" => true,
        _ => return Err(Refused::invalid("parameter withSchema must be 1 or 0")),
    };
    call.run(|registry, tenant, _| {
        let record = registry.service(tenant, call.service())?;
        let schemas = record.schemas().map(|(id, content)| Listed::new(id, content, with_text));
        Ok(answer::json(&Schemas { schemas: schemas.collect() }))
    })
    .await
}

/// `GET /microservices/{service}/schemas/{schema}`
pub(super) async fn read_one(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let content = registry.schema(tenant, call.service(), call.schema())?;
        Ok(with_summary(content, answer::json(&Text { schema: &content.schema })))
    })
    .await
}

/// `GET /existence?type=schema`. The digest stands in the header only (recorded from the original).
pub(super) async fn exists(call: &Call) -> Outcome {
    let known = Known { service_id: call.parameter("serviceId"), schema_id: call.parameter("schemaId") };
    call.run(|registry, tenant, _| {
        let content = registry.schema(tenant, known.service_id, known.schema_id)?;
        Ok(with_summary(content, answer::json(&known)))
    })
    .await
}

/// `PUT /microservices/{service}/schemas/{schema}`
pub(super) async fn put(call: Call, body: Body) -> Outcome {
    let SchemaBody { schema, summary, .. } = read(body, MAX_SCHEMAS).await?;
    let new = NewSchema { id: call.schema().to_owned(), schema, summary };
    call.run(|registry, tenant, now| registry.put_schema(tenant, call.service(), new, now)).await?;
    Ok(answer::empty())
}

/// `POST /microservices/{service}/schemas`
pub(super) async fn replace(call: Call, body: Body) -> Outcome {
    let SchemasBody { schemas } = read(body, MAX_SCHEMAS).await?;
    let new = |SchemaBody { schema_id, schema, summary }| NewSchema { id: schema_id, schema, summary };
    let schemas = schemas.into_iter().map(new).collect();
    call.run(|registry, tenant, now| registry.replace_schemas(tenant, call.service(), schemas, now)).await?;
    Ok(answer::empty())
}

/// `DELETE /microservices/{service}/schemas/{schema}`
pub(super) async fn remove(call: Call) -> Outcome {
    call.run(|registry, tenant, now| registry.remove_schema(tenant, call.service(), call.schema(), now))
        .await?;
    Ok(answer::empty())
}

fn with_summary(content: &SchemaContent, response: Response) -> Response {
    if content.summary.is_empty() {
        return response;
    }
    ([(SUMMARY_HEADER, &*content.summary)], response).into_response()
}
