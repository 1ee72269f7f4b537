//! What a store keeps of the documents, under which keys.
//! It must not know a store.

use mesher_model::rule::{Kind, RuleKey};
use serde_json::Value;

/// Before the keys of documents.
const DOCUMENTS: &str = "rules/documents/";
/// Before the keys of changes.
const CHANGES: &str = "rules/changes/";
/// Digits of a revision in a key, so that keys are ordered as revisions are.
const REVISION_DIGITS: usize = 20;
/// Stands for the empty environment in a key: no environment is called so.
const NO_ENVIRONMENT: &str = "-";

/// One record that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Which: `rules/documents/KIND/ENVIRONMENT/APPLICATION/NAME`, `rules/changes/REVISION`.
    pub key: String,
    /// The record before; `None` for none.
    pub before: Option<Value>,
    /// The record after; `None` for none.
    pub after: Option<Value>,
}

impl Edit {
    /// Whether it is about a document, and not about the history.
    #[must_use]
    pub fn is_of_document(&self) -> bool {
        self.key.starts_with(DOCUMENTS)
    }
}

/// A key, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Document(RuleKey),
    /// Changes made at once, by the revision of the first.
    Changes(u64),
}

pub(crate) fn document(key: &RuleKey) -> String {
    let environment = if key.environment.is_empty() { NO_ENVIRONMENT } else { &key.environment };
    // No part can hold a slash.
    format!("{DOCUMENTS}{}/{environment}/{}/{}", key.kind, key.application, key.name)
}

pub(crate) fn changes(revision: u64) -> String {
    format!("{CHANGES}{revision:0REVISION_DIGITS$}")
}

pub(crate) fn parse(key: &str) -> Option<Place> {
    if let Some(revision) = key.strip_prefix(CHANGES) {
        return revision.parse().ok().map(Place::Changes);
    }
    let mut parts = key.strip_prefix(DOCUMENTS)?.split('/').map(str::to_owned);
    let (kind, environment, application, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let environment = if environment == NO_ENVIRONMENT { String::new() } else { environment };
    let key = RuleKey { kind: Kind::parse(&kind)?, environment, application, name };
    parts.next().is_none().then_some(Place::Document(key))
}
