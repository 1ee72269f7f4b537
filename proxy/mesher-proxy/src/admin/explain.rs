//! `/explain`: why calls go where they go. Text for people; JSON where the caller asks for it.
//! It must send nothing to a callee.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mesher_model::explain::{CallFilter, CallRow, Explanation, HeaderField, Question};
use mesher_model::rule::link::{Ask, Told};
use serde_json::json;

use crate::explain;
use crate::status::Status;

/// Calls of a list, where no number is asked for.
const CALLS_USUAL: u64 = 20;

/// `GET /explain?to=…`, or without a host the calls that are remembered.
pub(super) async fn look(
    State(status): State<Arc<Status>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match read(query.as_deref().unwrap_or_default()) {
        Ok(ask) => tell(&headers, explain::ask(&status, ask).await),
        Err(detail) => refused(StatusCode::BAD_REQUEST, "bad_query", &detail),
    }
}

/// `GET /explain/{id}`
pub(super) async fn read_one(
    State(status): State<Arc<Status>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    tell(&headers, explain::ask(&status, Ask::Call { id }).await)
}

fn read(query: &str) -> Result<Ask, String> {
    let mut question = Question::default();
    let mut filter = CallFilter { only_failed: false, limit: CALLS_USUAL };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match name.as_ref() {
            "to" => question.to = value,
            "method" => question.method = value,
            "path" => question.path = value,
            "address" => {
                let address = value.parse().map_err(|_| format!("address={value}: that is no IP address"))?;
                question.address = Some(address);
            }
            "header" => {
                let (name, value) = value
                    .split_once(':')
                    .ok_or_else(|| format!("header={value}: write it as header=NAME:VALUE"))?;
                let field = HeaderField { name: name.trim().to_owned(), value: value.trim().to_owned() };
                question.headers.push(field);
            }
            "failed" => filter.only_failed = value != "false",
            "limit" => {
                filter.limit = value.parse().map_err(|_| format!("limit={value}: that is no number"))?
            }
            other => {
                return Err(format!(
                    "{other:?} is not known; there are to, method, path, header, address, and for the list failed and limit"
                ));
            }
        }
    }
    let is_question = question != Question::default();
    if is_question && question.to.is_empty() {
        return Err("name the host that is called: to=HOST".to_owned());
    }
    Ok(if is_question { Ask::Question(question) } else { Ask::Calls(filter) })
}

fn tell(headers: &HeaderMap, told: Told) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_program = accept.contains("json");
    match told {
        Told::Explanation(told) if is_program => Json::<Explanation>(*told).into_response(),
        Told::Explanation(told) => format!("{told}\n").into_response(),
        Told::Calls { rows } if is_program => Json(json!({"items": rows})).into_response(),
        Told::Calls { rows } => rows.iter().map(CallRow::to_string).collect::<String>().into_response(),
        Told::Nothing { reason } => refused(StatusCode::NOT_FOUND, "not_found", &reason),
        Told::Unknown => refused(StatusCode::NOT_FOUND, "not_found", "there is no answer"),
    }
}

fn refused(status: StatusCode, error: &str, detail: &str) -> Response {
    (status, Json(json!({"error": error, "detail": detail}))).into_response()
}
