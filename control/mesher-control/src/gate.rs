//! What every request passes before a route is chosen: bounds on the target, and other spellings of known paths.
//! It must not look at bodies or headers.

use std::borrow::Cow;

use axum::http::uri::PathAndQuery;
use axum::http::{Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::answer;

/// The longest target, in bytes. The original refuses from here on.
const MAX_TARGET: usize = 2_048;
/// Ends that the original refuses.
const BAD_ENDS: [u8; 5] = *b";&?+@";

/// Why a request passes no gate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadTarget {
    /// It is too long for `/mesher/v1`, which says so.
    TooLong,
    /// The original's one word for the rest.
    Invalid,
}

impl IntoResponse for BadTarget {
    fn into_response(self) -> Response {
        match self {
            Self::TooLong => answer::mesh_error(
                414,
                "target_too_long",
                format!("a target has fewer than {MAX_TARGET} bytes"),
            ),
            Self::Invalid => answer::text(StatusCode::BAD_REQUEST, "Invalid Request URI"),
        }
    }
}

/// Lets a request pass, its path in the one spelling that the routes know.
pub(crate) fn admit<B>(mut request: Request<B>) -> Result<Request<B>, BadTarget> {
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    if target.len() >= MAX_TARGET {
        let is_ours = target.starts_with("/mesher/");
        return Err(if is_ours { BadTarget::TooLong } else { BadTarget::Invalid });
    }
    let is_registry = target.starts_with("/v4/") || target.starts_with("/registry/v3/");
    if is_registry && target.as_bytes().last().is_some_and(|last| BAD_ENDS.contains(last)) {
        return Err(BadTarget::Invalid);
    }
    if let Cow::Owned(path) = respell(request.uri().path()) {
        let uri = with_path(request.uri(), path).ok_or(BadTarget::Invalid)?;
        *request.uri_mut() = uri;
    }
    Ok(request)
}

/// The v3 API is the v4 API of project `default`; doubled slashes count once (recorded from the original).
fn respell(path: &str) -> Cow<'_, str> {
    let mut path = Cow::Borrowed(path);
    if path.contains("//") {
        let mut single = String::with_capacity(path.len());
        for character in path.chars() {
            if character != '/' || !single.ends_with('/') {
                single.push(character);
            }
        }
        path = Cow::Owned(single);
    }
    match &*path {
        "/version" => Cow::Owned("/v4/default/registry/version".to_owned()),
        "/health" => Cow::Owned("/v4/default/registry/health".to_owned()),
        other => match other.strip_prefix("/registry/v3/") {
            Some(rest) => Cow::Owned(format!("/v4/default/registry/{rest}")),
            None => path,
        },
    }
}

fn with_path(uri: &Uri, path: String) -> Option<Uri> {
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_maybe_shared(bytes::Bytes::from(target)).ok()?);
    Uri::from_parts(parts).ok()
}
