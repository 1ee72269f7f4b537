//! `/mesher/v1/rules`: documents read, written, removed, checked, applied together.
//! It must let nobody write without saying what they have seen.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesher_model::DEFAULT;
use mesher_model::mesh::Detail;
use mesher_model::rule::{Base, Checked, Document, Documents, Kind, RuleKey, RuleRow};
use mesher_rules::{Author, Book, Plan, RuleError, TEXT_BYTES_MAX, parse};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::doubts;
use super::filter::Filter;
use super::listing;
use super::place::Place;
use crate::answer::{MeshRefused, Written};
use crate::audit::Origin;
use crate::body::{self, BodyError};
use crate::control::Control;
use crate::{answer, rows};

/// Bound of `rules:apply`: a text whose every character needs an escape, and bases.
const APPLY_BYTES_MAX: usize = 2 * TEXT_BYTES_MAX + 64 * 1024;
/// Services that are named where a change concerns their proxies.
const SERVICES_TOLD_MAX: usize = 20;

/// What tells a document beside the path.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Where {
    kind: Option<String>,
    app: Option<String>,
    env: Option<String>,
}

/// `GET /mesher/v1/rules?kind=&service=`
pub(super) async fn list(
    State(control): State<Arc<Control>>,
    Query(place): Query<Where>,
    filter: Filter,
) -> Result<Response, Written> {
    let kind = place.kind.as_deref().map(known_kind).transpose()?;
    let now = control.now_moment();
    let page = control.look_at_rules(|book| {
        let rows = book.rows().filter(|row| {
            kind.is_none_or(|kind| kind == row.key.kind)
                && filter.admits_place(&row.key.application, &row.key.environment)
                && filter.admits_name(&row.key.name)
                && filter.service.as_ref().is_none_or(|service| *service == row.service)
        });
        let keyed = rows.map(|row| {
            let RuleKey { kind, environment, application, name } = &row.key;
            (listing::key(&[kind.as_str(), environment, application, name]), row.as_ref().clone())
        });
        listing::page(keyed.collect(), &filter, book.revision(), now)
    });
    Ok(answer::json(&page))
}

/// `GET /mesher/v1/rules/{kind}/{name}?app=&env=`
pub(super) async fn read_one(
    State(control): State<Arc<Control>>,
    Place((kind, name)): Place<(String, String)>,
    Query(place): Query<Where>,
    headers: HeaderMap,
) -> Result<Response, Written> {
    let key = key(&kind, name, place)?;
    let found = control.look_at_rules(|book| (book.row(&key).cloned(), book.revision()));
    let (Some(row), revision) = found else {
        return Err(refusal(&control, &RuleError::Missing { key }).into());
    };
    let tag = tag(row.changed_revision);
    if headers.get(IF_NONE_MATCH).is_some_and(|seen| *seen == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    Ok(detail(&control, StatusCode::OK, revision, row.as_ref()))
}

/// `PUT /mesher/v1/rules/{kind}/{name}`
pub(super) async fn write_one(
    State(control): State<Arc<Control>>,
    Place((kind, name)): Place<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Written> {
    let kind = known_kind(&kind)?;
    let text = text(body, TEXT_BYTES_MAX).await?;
    let document = only_document(&text)?;
    let key = document.key();
    if key.kind != kind || key.name != name {
        let detail = format!("the path names {kind} {name}, the document is {} {}", key.kind, key.name);
        return Err(answer::mesh_error(400, "bad_document", detail).into());
    }
    let is_new = is_any(headers.get(IF_NONE_MATCH));
    let base = if is_new { Some(0) } else { named_revision(headers.get(IF_MATCH))? };
    let plan = Plan::write([document]).map_err(|error| refusal(&control, &error))?;
    let made = amend(&control, &plan, base, &key).await?;
    let found = control.look_at_rules(|book| (book.row(&key).cloned(), book.revision()));
    // Somebody may have removed it in this moment.
    let (Some(row), revision) = found else {
        return Err(refusal(&control, &RuleError::Missing { key }).into());
    };
    let status = if made && is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(detail(&control, status, revision, row.as_ref()))
}

/// `DELETE /mesher/v1/rules/{kind}/{name}?app=&env=`
pub(super) async fn remove(
    State(control): State<Arc<Control>>,
    Place((kind, name)): Place<(String, String)>,
    Query(place): Query<Where>,
    headers: HeaderMap,
) -> Result<Response, Written> {
    let key = key(&kind, name, place)?;
    let base = if is_any(headers.get(IF_MATCH)) {
        control.look_at_rules(|book| book.row(&key).map(|row| row.changed_revision))
    } else {
        named_revision(headers.get(IF_MATCH))?
    };
    amend(&control, &Plan::remove(key.clone()), base, &key).await?;
    let revision = control.look_at_rules(Book::revision);
    let now_at = rows::date(control.now_moment().unix);
    Ok(answer::json(&json!({"now_at": now_at, "revision": revision})))
}

/// `POST /mesher/v1/rules:check`: what `rules:apply` would do. The body is the text of the documents.
pub(super) async fn check(
    State(control): State<Arc<Control>>,
    filter: Filter,
    body: Body,
) -> Result<Response, Written> {
    let text = text(body, TEXT_BYTES_MAX).await?;
    let parsed = match parse(&text) {
        Ok(parsed) => parsed,
        Err(found) => return Ok(checked(&control, Checked { diagnostics: vec![*found], steps: Vec::new() })),
    };
    let diagnostics = doubts::found(&control, &filter, &text, &parsed);
    let plan = Plan::write(parsed.documents).map_err(|error| refusal(&control, &error))?;
    let steps = control.look_at_rules(|book| book.check(&plan)).map_err(|error| refusal(&control, &error))?;
    Ok(checked(&control, Checked { diagnostics, steps }))
}

/// `POST /mesher/v1/rules:apply`: all of the documents or none.
pub(super) async fn apply(
    State(control): State<Arc<Control>>,
    filter: Filter,
    body: Body,
) -> Result<Response, Written> {
    let body = text(body, APPLY_BYTES_MAX).await?;
    let Documents { text, bases } = serde_json::from_str(&body)
        .map_err(|error| answer::mesh_error(400, "bad_json", error.to_string()))?;
    let parsed = match parse(&text) {
        Ok(parsed) => parsed,
        Err(found) => return Err(answer::mesh_diagnostic(&found).into()),
    };
    let diagnostics = doubts::found(&control, &filter, &text, &parsed);
    let plan = Plan::write(parsed.documents).map_err(|error| refusal(&control, &error))?;
    let author = author(&control);
    let made = control.with_rules(|book, _| book.amend(&plan, Some(&bases), &author)).await;
    let steps = settled(&control, made)?;
    Ok(checked(&control, Checked { diagnostics, steps }))
}

/// Makes one change. Whether there was something to change.
async fn amend(control: &Control, plan: &Plan, base: Option<u64>, key: &RuleKey) -> Result<bool, Written> {
    let author = author(control);
    let bases: Vec<_> = base.map(|revision| Base { key: key.clone(), revision }).into_iter().collect();
    let made = control.with_rules(|book, _| book.amend(plan, Some(&bases), &author)).await;
    Ok(settled(control, made)?.iter().any(|step| step.changed_revision.is_some()))
}

/// The outcome of a change, or the answer to give.
pub(super) fn settled<T>(
    control: &Control,
    made: Result<Result<T, RuleError>, crate::keep::NotKept>,
) -> Result<T, Written> {
    match made {
        Ok(made) => made.map_err(|error| refusal(control, &error).into()),
        Err(error) => Err(answer::mesh_error(503, "store_unavailable", error.to_string()).into()),
    }
}

/// Who asks, and when.
pub(super) fn author(control: &Control) -> Author {
    let origin = Origin::current();
    Author {
        who: origin.account().to_owned(),
        from: origin.from.map(|from| from.ip().to_string()).unwrap_or_default(),
        at: rows::date(control.now_moment().unix).unwrap_or_default(),
    }
}

/// The answer to what was checked or done, with those whom it concerns.
pub(super) fn checked(control: &Control, mut checked: Checked) -> Response {
    for step in &mut checked.steps {
        let (count, services) = control.links().audience(step.before.as_ref(), step.after.as_ref());
        step.affected = count;
        step.affected_services = services.into_iter().take(SERVICES_TOLD_MAX).collect();
    }
    dated(control, checked)
}

/// One thing, as every path of this API answers it.
pub(super) fn dated(control: &Control, item: impl Serialize) -> Response {
    let revision = control.look_at_rules(Book::revision);
    let now_at = rows::date(control.now_moment().unix).unwrap_or_default();
    answer::json(&Detail { now_at, revision, item })
}

fn detail(control: &Control, status: StatusCode, revision: u64, row: &RuleRow) -> Response {
    let now_at = rows::date(control.now_moment().unix).unwrap_or_default();
    let body = answer::json(&Detail { now_at, revision, item: row });
    (status, [(ETAG, tag(row.changed_revision))], body).into_response()
}

/// The answer to what is refused.
pub(super) fn refusal(control: &Control, error: &RuleError) -> Response {
    let detail = error.to_string();
    match error {
        RuleError::Stale { key, base, current } => {
            let at_base = control.look_at_rules(|book| book.change(*base).cloned());
            let at_base = at_base.filter(|change| change.key == *key).and_then(|change| change.after.clone());
            let current = current.as_ref().map(|row| {
                json!({"revision": row.changed_revision, "by": row.by, "at": row.changed_at, "document": row.document})
            });
            answer::json_of_status(
                412,
                &json!({
                    "error": "conflict",
                    "detail": detail,
                    "current": current,
                    "base": {"revision": base, "document": at_base},
                }),
            )
        }
        RuleError::NoBase { .. } => answer::mesh_error(
            428,
            "precondition_required",
            "say what was read: If-Match: \"rREVISION\", or If-None-Match: * for a new document",
        ),
        RuleError::Missing { .. } | RuleError::NoSuchRevision { .. } => {
            answer::mesh_error(404, "not_found", detail)
        }
        RuleError::TooMany(_) => answer::mesh_error(413, "too_many", detail),
        RuleError::Full => answer::mesh_error(409, "full", detail),
        _ => answer::mesh_error(422, "bad_document", detail),
    }
}

fn tag(revision: u64) -> HeaderValue {
    // Letters and digits in quotes are always a field value.
    HeaderValue::from_str(&format!("\"r{revision}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"r0\""))
}

fn is_any(value: Option<&HeaderValue>) -> bool {
    value.is_some_and(|value| value == "*")
}

/// The revision of `If-Match`.
fn named_revision(value: Option<&HeaderValue>) -> Result<Option<u64>, Written> {
    let Some(value) = value else { return Ok(None) };
    let revision =
        value.to_str().ok().and_then(|text| text.strip_prefix("\"r")?.strip_suffix('"')?.parse().ok());
    let revision = revision.ok_or_else(|| {
        answer::mesh_error(400, "bad_condition", "If-Match is the ETag of a document, as \"r4710\"").into()
    });
    revision.map(Some)
}

fn known_kind(text: &str) -> Result<Kind, Written> {
    Kind::parse(text).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::as_str).join(", ");
        answer::mesh_error(404, "not_found", format!("unknown kind {text:?}; there are {known}")).into()
    })
}

fn key(kind: &str, name: String, place: Where) -> Result<RuleKey, Written> {
    Ok(RuleKey {
        kind: known_kind(kind)?,
        environment: place.env.unwrap_or_default(),
        application: place.app.unwrap_or_else(|| DEFAULT.to_owned()),
        name,
    })
}

fn only_document(text: &str) -> Result<Document, Written> {
    let mut documents = parse(text).map_err(|found| answer::mesh_diagnostic(&found))?.documents;
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => Ok(document),
        _ => Err(answer::mesh_error(
            400,
            "bad_document",
            "one document is wanted here; several go to rules:apply",
        )
        .into()),
    }
}

pub(super) async fn text(body: Body, limit: usize) -> Result<String, Written> {
    let bytes = body::read(body, limit).await.map_err(|error| {
        let refused = match error {
            BodyError::TooLarge => MeshRefused(413, "too_large", format!("at most {limit} bytes")),
            other => MeshRefused(400, "bad_body", other.to_string()),
        };
        Written::from(refused.into_response())
    })?;
    let text = String::from_utf8(bytes.into());
    text.map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        answer::mesh_error(400, "bad_body", format!("the text is not UTF-8: look at byte {place}")).into()
    })
}
