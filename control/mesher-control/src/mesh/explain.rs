//! `/mesher/v1/explain` and `/mesher/v1/calls`: why calls go where they go, asked of the proxies that decide.
//! It must decide nothing itself, and must send no call.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use mesher_model::explain::{Asked, CallFilter, CallRow, Explanation, tag_of_call};
use mesher_model::mesh::Listing;
use mesher_model::rule::link::{Ask, Told};
use mesher_rules::Book;
use serde::Deserialize;

use super::filter::Filter;
use super::place::Place;
use super::rules::{dated, text};
use crate::answer::Written;
use crate::control::Control;
use crate::{answer, rows};

/// Bound of a question, in bytes.
const QUESTION_BYTES_MAX: usize = 128 * 1024;
/// Proxies of one service that are tried, one after the other.
const TRIES_MAX: usize = 2;
/// The most calls of a list.
const CALLS_MAX: usize = 100;

/// `POST /mesher/v1/explain`
pub(super) async fn explain(State(control): State<Arc<Control>>, body: Body) -> Result<Response, Written> {
    let body = text(body, QUESTION_BYTES_MAX).await?;
    let Asked { from, question } = serde_json::from_str(&body)
        .map_err(|error| answer::mesh_error(400, "bad_json", error.to_string()))?;
    if question.to.is_empty() || from.service.is_empty() {
        let detail = "name the service that calls in from.service, and the host that it calls in question.to";
        return Err(answer::mesh_error(400, "bad_question", detail).into());
    }
    let proxies = control.links().proxies_of(&from);
    if proxies.is_empty() {
        let detail = format!(
            "no proxy of service {:?} of application {:?} is linked to this control plane; `mesher get proxies` lists those that are. A proxy that is not linked can be asked itself: GET /explain of its admin",
            from.service, from.app
        );
        return Err(answer::mesh_error(404, "no_proxy", detail).into());
    }
    let ask = Ask::Question(question);
    let mut reason = "the proxy did not answer in time".to_owned();
    for proxy in proxies.iter().take(TRIES_MAX) {
        match control.links().ask(std::slice::from_ref(proxy), &ask).await.pop() {
            Some(Told::Explanation(told)) => return Ok(dated(&control, *told)),
            Some(Told::Nothing { reason: said }) => reason = said,
            _ => {}
        }
    }
    Err(answer::mesh_error(503, "no_answer", reason).into())
}

/// `GET /mesher/v1/calls/{id}`
pub(super) async fn read_one(
    State(control): State<Arc<Control>>,
    Place(id): Place<String>,
) -> Result<Response, Written> {
    let Some(tag) = tag_of_call(&id) else {
        let detail = format!(
            "{id:?} is no id of a call: those have 16 hexadecimal digits, as `inv=` in the access log and `invocation` in answers"
        );
        return Err(answer::mesh_error(400, "bad_id", detail).into());
    };
    let proxies = control.links().proxies_by_tag(tag);
    let told = control.links().ask(&proxies, &Ask::Call { id: id.to_ascii_lowercase() }).await;
    let is_asked = !proxies.is_empty();
    let found = told.into_iter().find_map(|told| match told {
        Told::Explanation(told) => Some(told),
        _ => None,
    });
    let found: Option<Box<Explanation>> = found;
    found.map(|told| dated(&control, *told)).ok_or_else(|| {
        let detail = if is_asked {
            "the proxy that handled the call does not remember it: of failures it keeps the last few hundred, of other calls a sample"
        } else {
            "no proxy that is linked to this control plane gave this id; that proxy may have ended, and what it remembered with it"
        };
        answer::mesh_error(404, "not_found", detail).into()
    })
}

/// Which calls are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// `failed`: only those that failed.
    outcome: Option<String>,
}

/// `GET /mesher/v1/calls?service=&outcome=failed`: newest first, of a bounded number of proxies.
pub(super) async fn list(
    State(control): State<Arc<Control>>,
    Query(wanted): Query<Wanted>,
    filter: Filter,
) -> Result<Response, Written> {
    let only_failed = match wanted.outcome.as_deref() {
        None => false,
        Some("failed") => true,
        Some(other) => {
            let detail = format!("outcome={other}: there is only outcome=failed");
            return Err(answer::mesh_error(400, "bad_query", detail).into());
        }
    };
    let proxies = control.links().proxies_named(filter.service.as_deref());
    let limit = filter.limit.min(CALLS_MAX);
    let ask = Ask::Calls(CallFilter { only_failed, limit: limit as u64 });
    let told = control.links().ask(&proxies, &ask).await;
    let rows = told.into_iter().flat_map(|told| match told {
        Told::Calls { rows } => rows,
        _ => Vec::new(),
    });
    let mut items: Vec<CallRow> = rows.collect();
    items.sort_by(|one, other| other.call.at.cmp(&one.call.at));
    let total = items.len() as u64;
    items.truncate(limit);
    let revision = control.look_at_rules(Book::revision);
    let now_at = rows::date(control.now_moment().unix).unwrap_or_default();
    Ok(answer::json(&Listing { now_at, revision, items, total, next: None, partial: Vec::new() }))
}
