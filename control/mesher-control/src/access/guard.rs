//! What every request passes before its route: who calls, and whether it may.
//! It must not trust anything but the token and the connection: no header that names a client, an address, another
//! path or another method.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mesher_access::{AccessError, Caller, Grant};

use super::Gatekeeper;
use super::rules::{self, Need, Subject};
use super::subjects;
use crate::answer::{self, Refused};
use crate::control::Control;

/// What a token is preceded by (RFC 6750), in any case.
const SCHEME: &str = "bearer ";

/// Lets a request pass that may, with its caller and what of a list it may see; refuses any other.
pub(crate) async fn admit(
    State((control, gatekeeper)): State<(Arc<Control>, Arc<Gatekeeper>)>,
    request: Request,
    next: Next,
) -> Response {
    match examine(&control, &gatekeeper, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    }
}

async fn examine(
    control: &Control,
    gatekeeper: &Gatekeeper,
    mut request: Request,
) -> Result<Request, Response> {
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let need = rules::need(request.method(), template);
    if need == Need::Nothing {
        return Ok(request);
    }
    let is_mesh = request.uri().path().starts_with("/mesher/");
    let refuse = |error: AccessError| refusal(&error, is_mesh);
    let token = token(request.headers()).map_err(refuse)?;
    let caller = gatekeeper.with(|access, now| access.recognise(token, now)).map_err(refuse)?;
    if let Need::Permission { kind, verb, subject } = need {
        let grant = gatekeeper.with(|access, _| access.grant(&caller, kind, verb)).map_err(refuse)?;
        if let Grant::Part(scope) = grant {
            if matches!(subject, Subject::Listed | Subject::Keys) {
                request.extensions_mut().insert(scope);
            } else {
                let wanted;
                (request, wanted) = subjects::find(control, request, subject).await?;
                // What is about everything names nothing; a part is not enough for it.
                let wanted = wanted.ok_or_else(|| refuse(for_everything(kind, verb.as_str())))?;
                scope.check(kind, verb, &wanted).map_err(refuse)?;
            }
        }
    }
    request.extensions_mut().insert::<Caller>(caller);
    Ok(request)
}

fn for_everything(kind: &str, verb: &str) -> AccessError {
    AccessError::NoPermission(format!("role has no permissions[{kind}:{verb}] without labels"))
}

/// The token of the one `Authorization` field.
fn token(headers: &HeaderMap) -> Result<&str, AccessError> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let field = fields.next().ok_or(AccessError::NoToken)?;
    let bad = |reason: &str| AccessError::Unauthorized(reason.to_owned());
    if fields.next().is_some() {
        return Err(bad("there is more than one Authorization field"));
    }
    let text = field.to_str().map_err(|_| bad("the Authorization field is no text"))?;
    let scheme = text.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    Ok(scheme.map_or(text, |scheme| text.get(scheme.len()..).unwrap_or_default()).trim())
}

/// The answer to who may not: in the form of the API that was asked.
pub(super) fn refusal(error: &AccessError, is_mesh: bool) -> Response {
    let status = error.status();
    let mut answer = if is_mesh {
        let word = if status == 401 { "unauthorized" } else { "forbidden" };
        let body = error.body();
        answer::mesh_error(status, word, format!("{}: {}", body.error_message, body.detail))
    } else {
        Refused::access(error).into_response()
    };
    if status == 401 {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

/// A request whose body was read, as it was.
pub(super) fn whole(parts: axum::http::request::Parts, body: bytes::Bytes) -> Request {
    Request::from_parts(parts, Body::from(body))
}
