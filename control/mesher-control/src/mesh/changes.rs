//! `/mesher/v1/changes`: what was changed, by whom, how far it has come; and the way back.
//! It must not hold a reader longer than it asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use mesher_model::mesh::Listing;
use mesher_model::rule::{Change, Checked, Convergence, Document};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::place::Place;
use super::rules::{author, checked, dated, refusal, settled, text};
use crate::answer::Written;
use crate::control::Control;
use crate::{answer, rows};

/// The longest wait for convergence.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Bound of a rollback's body, in bytes.
const ROLLBACK_BYTES_MAX: usize = 1024;

/// What of the history is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Only changes after this revision.
    since: u64,
    kind: Option<String>,
    name: Option<String>,
    /// `service:APPLICATION/SERVICE`: only changes of documents that are or were about it.
    target: Option<String>,
    /// Only changes before this revision: where the page before ended.
    next: Option<u64>,
}

/// A service, as a reader names what changes are to be about.
struct Wanted<'t> {
    application: &'t str,
    service: &'t str,
}

impl<'t> Wanted<'t> {
    fn parse(text: &'t str) -> Result<Self, Written> {
        let parts = text.strip_prefix("service:").and_then(|rest| rest.split_once('/'));
        let is_whole = |(application, service): &(&str, &str)| {
            !application.is_empty() && !service.is_empty() && !service.contains('/')
        };
        let parts = parts.filter(is_whole);
        let (application, service) = parts.ok_or_else(|| {
            let detail =
                "a target is written service:APPLICATION/SERVICE, with * for what is about every service";
            answer::mesh_error(400, "bad_query", detail)
        })?;
        Ok(Self { application, service })
    }

    /// Whether a document is or was about it: one that was moved to another service changed both.
    fn is_of(&self, change: &Change) -> bool {
        let is_about = |document: &Document| document.service().as_str() == self.service;
        change.key.application == self.application
            && (change.before.iter().chain(&change.after)).any(is_about)
    }
}

/// `GET /mesher/v1/changes?since=&kind=&name=&service=&target=`: newest first, without the documents.
pub(super) async fn list(
    State(control): State<Arc<Control>>,
    Query(asked): Query<Asked>,
    Query(limits): Query<Limit>,
) -> Result<Response, Written> {
    let target = asked.target.as_deref().map(Wanted::parse).transpose()?;
    let limit = limits.limit.unwrap_or(Limit::USUAL).clamp(1, Limit::MOST);
    let (mut items, total, revision) = control.look_at_rules(|book| {
        let wanted = |change: &&Arc<Change>| {
            change.changed_revision > asked.since
                && asked.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(change.key.kind.as_str()))
                && asked.name.as_ref().is_none_or(|name| *name == change.key.name)
                && limits.app.as_ref().is_none_or(|app| *app == change.key.application)
                && limits.env.as_ref().is_none_or(|env| *env == change.key.environment)
                && limits.service.as_ref().is_none_or(|service| *service == change.service)
                && target.as_ref().is_none_or(|target| target.is_of(change))
        };
        let total = book.changes().filter(wanted).count();
        let page = book
            .changes()
            .filter(wanted)
            .filter(|change| asked.next.is_none_or(|next| change.changed_revision < next));
        // One more than fits, to know whether there is a next page.
        let items: Vec<_> = page.take(limit + 1).cloned().collect();
        (items, total as u64, book.revision())
    });
    let next = (items.len() > limit).then(|| items.truncate(limit)).and_then(|()| items.last());
    let next = next.map(|change| change.changed_revision.to_string());
    let without = |change: &Arc<Change>| Change { before: None, after: None, ..change.as_ref().clone() };
    let items = items.iter().map(without).collect();
    let now_at = rows::date(control.now_moment().unix).unwrap_or_default();
    Ok(answer::json(&Listing { now_at, revision, items, total, next, partial: Vec::new() }))
}

/// What of a list is asked for, beside the history's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limit {
    limit: Option<usize>,
    app: Option<String>,
    env: Option<String>,
    service: Option<String>,
}

impl Limit {
    const USUAL: usize = 100;
    const MOST: usize = 1_000;
}

#[derive(Serialize)]
struct Told<'c> {
    #[serde(flatten)]
    change: &'c Change,
    convergence: Convergence,
}

/// `GET /mesher/v1/changes/{revision}`
pub(super) async fn read_one(
    State(control): State<Arc<Control>>,
    Place(revision): Place<u64>,
    _: Filter,
) -> Result<Response, Written> {
    let change = find(&control, revision)?;
    let convergence = control.links().convergence(&change);
    Ok(dated(&control, Told { change: &change, convergence }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wait {
    wait_seconds: u64,
}

/// `GET /mesher/v1/changes/{revision}/convergence?wait_seconds=`: answered once all serve, one refuses, or the wait ends.
pub(super) async fn convergence(
    State(control): State<Arc<Control>>,
    Place(revision): Place<u64>,
    Query(wait): Query<Wait>,
) -> Result<Response, Written> {
    let change = find(&control, revision)?;
    let links = control.links();
    let mut progress = links.progress();
    let settles = async {
        loop {
            progress.mark_unchanged();
            let found = links.convergence(&change);
            if found.done || (!found.refused.is_empty() && found.waiting.is_empty()) {
                return;
            }
            // The other end lives as long as the control plane.
            let _ = progress.changed().await;
        }
    };
    let limit = Duration::from_secs(wait.wait_seconds).min(WAIT_MAX);
    let _ = tokio::time::timeout(limit, settles).await;
    Ok(dated(&control, links.convergence(&change)))
}

/// What `POST /mesher/v1/rollback` asks for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// Whose state comes back.
    revision: u64,
    /// Only tells what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /mesher/v1/rollback`: all documents as they stood at a revision, under new ones.
pub(super) async fn rollback(State(control): State<Arc<Control>>, body: Body) -> Result<Response, Written> {
    let body = text(body, ROLLBACK_BYTES_MAX).await?;
    let Rollback { revision, dry_run } = serde_json::from_str(&body)
        .map_err(|error| answer::mesh_error(400, "bad_json", error.to_string()))?;
    let author = author(&control);
    let made = if dry_run {
        control.look_at_rules(|book| book.check(&book.back_to(revision)?))
    } else {
        let made = control.with_rules(|book, _| book.amend(&book.back_to(revision)?, None, &author)).await;
        Ok(settled(&control, made)?)
    };
    let steps = made.map_err(|error| refusal(&control, &error))?;
    Ok(checked(&control, Checked { diagnostics: Vec::new(), steps }))
}

fn find(control: &Control, revision: u64) -> Result<Arc<Change>, Written> {
    let found = control.look_at_rules(|book| book.change(revision).cloned());
    found.ok_or_else(|| {
        let detail =
            format!("the history has no revision {revision}; GET /mesher/v1/changes lists what it has");
        answer::mesh_error(404, "not_found", detail).into()
    })
}
