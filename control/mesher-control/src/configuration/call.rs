//! What a handler of configuration knows of its request: tenant, query, caller, and what of the keys he may touch.
//! It must not let a handler pass a record by its caller's permission: every look and every change asks here.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesher_access::{AccessError, Caller, Grant, Labels as Wanted, Scope, Verb};
use mesher_config::{Labels, Record, Tenant};
use mesher_model::{DEFAULT, DOMAIN_HEADER};
use serde::{Deserialize, Serialize};

use super::refused::Refused;
use crate::answer;
use crate::connection::Peer;
use crate::control::Control;

/// The kind of resource in permissions.
const KIND: &str = "config";
/// Older name of the field for the domain.
const TENANT_HEADER: &str = "x-tenant-name";
/// Names the environment in calls to config-center.
const ENVIRONMENT_HEADER: &str = "x-environment";
/// The other form that kie reads and writes.
pub(super) const YAML: &str = "text/yaml";

/// The variable parts of a path; those that the route lacks are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ids {
    project: String,
    id: String,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    control: Arc<Control>,
    ids: Ids,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    peer: Option<Peer>,
    path: String,
    /// What of the keys the caller's permission reaches; everything when absent.
    scope: Option<Scope>,
    /// Absent where access control is off.
    caller: Option<Caller>,
}

impl FromRequestParts<Arc<Control>> for Call {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refused> {
        let Path(ids) = Path::from_request_parts(parts, control)
            .await
            .map_err(|_| Refused::invalid("the path is no valid text"))?;
        let Query(query) =
            Query::try_from_uri(&parts.uri).map_err(|_| Refused::invalid("the query is no valid text"))?;
        Ok(Self {
            control: Arc::clone(control),
            ids,
            query,
            headers: parts.headers.clone(),
            peer: parts.extensions.get::<Peer>().copied(),
            path: parts.uri.path().to_owned(),
            scope: parts.extensions.remove::<Scope>(),
            caller: parts.extensions.remove::<Caller>(),
        })
    }
}

impl Call {
    pub(super) const fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Whose keys a call to kie is about. No header names a domain there, and our tokens name none.
    pub(super) fn tenant(&self) -> Result<Tenant<'_>, Refused> {
        Ok(Tenant::new(DEFAULT, &self.ids.project)?)
    }

    /// Whose keys a call to config-center is about.
    pub(super) fn tenant_of_header(&self) -> Result<Tenant<'_>, Refused> {
        let domain = match self.header(DOMAIN_HEADER)? {
            "" => self.header(TENANT_HEADER)?,
            domain => domain,
        };
        Ok(Tenant::new(domain, &self.ids.project)?)
    }

    /// The environment of a call to config-center.
    pub(super) fn environment(&self) -> Result<&str, Refused> {
        self.header(ENVIRONMENT_HEADER)
    }

    /// Id of the record in the path.
    pub(super) fn id(&self) -> &str {
        &self.ids.id
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The other end of the connection.
    pub(super) fn address(&self) -> String {
        self.peer.map(|peer| peer.0.ip().to_string()).unwrap_or_default()
    }

    pub(super) fn user_agent(&self) -> &str {
        self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A header field; empty where there is none.
    pub(super) fn header(&self, name: &str) -> Result<&str, Refused> {
        let value = self.headers.get(name).map(HeaderValue::to_str).transpose();
        value.map(Option::unwrap_or_default).map_err(|_| Refused::invalid(format!("{name} is no text")))
    }

    /// Whether the body is YAML.
    pub(super) fn brings_yaml(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(YAML))
    }

    /// The first parameter of this name; empty where there is none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every parameter of this name.
    pub(super) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A good answer, in the form that the caller reads.
    pub(super) fn answer(&self, body: &impl Serialize) -> Response {
        let wants_yaml = self.headers.get(ACCEPT).is_some_and(|form| form == YAML);
        match wants_yaml.then(|| serde_saphyr::to_string(body)) {
            None => answer::json(body),
            Some(Ok(text)) => {
                (StatusCode::OK, [(CONTENT_TYPE, HeaderValue::from_static(YAML))], text).into_response()
            }
            // None of our types can fail to serialize.
            Some(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    /// The account that calls; none where access control is off.
    pub(super) fn account(&self) -> Option<&str> {
        self.caller.as_ref().map(|caller| caller.name.as_str())
    }

    /// Refuses a caller whose token counts no more: for what lasts longer than a look.
    pub(super) fn check_token(&self) -> Result<(), AccessError> {
        self.control.check(self.caller.as_ref())
    }

    /// Whether the caller may see a record.
    pub(super) fn sees(&self, record: &Record) -> bool {
        is_seen(self.scope.as_ref(), &record.labels)
    }

    /// Refuses what the caller's permission does not reach. `verb` is that of the route.
    pub(super) fn permit(&self, verb: Verb, labels: &Labels) -> Result<(), AccessError> {
        self.scope.as_ref().map_or(Ok(()), |scope| scope.check(KIND, verb, &[wanted(labels)]))
    }

    /// Refuses what the caller has no permission for beside that of the route.
    pub(super) fn permit_also(&self, verb: Verb, labels: &Labels) -> Result<(), AccessError> {
        let scope = reach(&self.control, self.caller.as_ref(), verb)?;
        scope.map_or(Ok(()), |scope| scope.check(KIND, verb, &[wanted(labels)]))
    }
}

/// What of the keys a caller has permission for; everything when absent.
pub(crate) fn reach(
    control: &Control,
    caller: Option<&Caller>,
    verb: Verb,
) -> Result<Option<Scope>, AccessError> {
    let Some((gatekeeper, caller)) = control.gatekeeper.as_ref().zip(caller) else { return Ok(None) };
    Ok(match gatekeeper.with(|access, _| access.grant(caller, KIND, verb))? {
        Grant::All => None,
        Grant::Part(scope) => Some(scope),
    })
}

/// Whether a record under these labels is within a scope.
pub(crate) fn is_seen(scope: Option<&Scope>, labels: &Labels) -> bool {
    scope.is_none_or(|scope| {
        let [environment, app, service] = places(labels);
        scope.admits(environment, app, service)
    })
}

/// What a record is found by in permissions, in either spelling of its labels: environment, application, service.
fn places(labels: &Labels) -> [&str; 3] {
    let either = |names: &[&str]| names.iter().find_map(|name| labels.value(name)).unwrap_or_default();
    [either(&["environment"]), either(&["app", "appId"]), either(&["service", "serviceName"])]
}

fn wanted(labels: &Labels) -> Wanted {
    let [environment, app, service] = places(labels).map(str::to_owned);
    Wanted { environment, app, service }
}
