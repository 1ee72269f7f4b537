//! What a reader of `/mesher/v1` asks for: filters, page, tenant.
//! It must not pass over a filter that it cannot read: a wrong page looks like a right one.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use mesher_access::Scope;
use mesher_model::DOMAIN_HEADER;
use mesher_registry::Tenant;

use crate::answer::MeshRefused;
use crate::control::Control;

/// Items of a page where none are asked for.
const DEFAULT_LIMIT: usize = 100;
/// The most items of a page.
const MAX_LIMIT: usize = 1_000;

/// The parameters of a list. Every text is compared as it stands; an absent one holds for all.
#[derive(Debug)]
pub(crate) struct Filter {
    domain: String,
    project: String,
    pub(crate) app: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) service: Option<String>,
    /// Part of a name, lower case.
    part: String,
    pub(crate) limit: usize,
    /// The key after which the page begins.
    pub(crate) after: Option<String>,
    /// What the caller's permission reaches; everything when absent.
    scope: Option<Scope>,
}

impl FromRequestParts<Arc<Control>> for Filter {
    type Rejection = MeshRefused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Control>) -> Result<Self, MeshRefused> {
        let Query(pairs): Query<Vec<(String, String)>> = Query::try_from_uri(&parts.uri)
            .map_err(|_| MeshRefused(400, "bad_query", "the query is no valid text".to_owned()))?;
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let domain = parts.headers.get(DOMAIN_HEADER).and_then(|value| value.to_str().ok());
        let filter = Self {
            domain: domain.unwrap_or_default().to_owned(),
            project: get("project").unwrap_or_default(),
            app: get("app"),
            env: get("env"),
            version: get("version"),
            service: get("service"),
            part: get("q").unwrap_or_default().to_lowercase(),
            limit: limit(get("limit"))?,
            after: after(get("next"))?,
            scope: parts.extensions.get::<Scope>().cloned(),
        };
        Tenant::new(&filter.domain, &filter.project)
            .map_err(|error| MeshRefused(400, "bad_tenant", error.to_string()))?;
        Ok(filter)
    }
}

fn limit(text: Option<String>) -> Result<usize, MeshRefused> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| MeshRefused(400, "bad_limit", format!("limit is a number from 1 to {MAX_LIMIT}")))
}

fn after(cursor: Option<String>) -> Result<Option<String>, MeshRefused> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
    let key = super::listing::read_cursor(&cursor);
    key.map(Some)
        .ok_or_else(|| MeshRefused(400, "bad_cursor", "next is not what an earlier page gave".to_owned()))
}

impl Filter {
    /// Whose records are read.
    pub(crate) fn tenant(&self) -> Tenant<'_> {
        // Checked when the filter was read.
        Tenant::new(&self.domain, &self.project).unwrap_or(Tenant::DEFAULT)
    }

    /// Whether the caller may see a service.
    pub(crate) fn sees(&self, env: &str, app: &str, service: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.admits(env, app, service))
    }

    /// Whether application and environment are asked for.
    pub(crate) fn admits_place(&self, app: &str, env: &str) -> bool {
        self.app.as_ref().is_none_or(|wanted| wanted == app)
            && self.env.as_ref().is_none_or(|wanted| wanted == env)
    }

    /// Whether a name is asked for.
    pub(crate) fn admits_name(&self, name: &str) -> bool {
        self.part.is_empty() || name.to_lowercase().contains(&self.part)
    }

    /// Whether a version is asked for.
    pub(crate) fn admits_version(&self, version: &str) -> bool {
        self.version.as_ref().is_none_or(|wanted| wanted == version)
    }
}
