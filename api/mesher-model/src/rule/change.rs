//! How rule documents change: rows of lists, history, what a check finds, what is asked for.
//! It must not hold a time in any other form than RFC 3339.

use serde::{Deserialize, Serialize};

use super::document::{Document, RuleKey};

/// A document as it stands. Item of `GET /mesher/v1/rules`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleRow {
    /// What names it.
    #[serde(flatten)]
    pub key: RuleKey,
    /// The service that it is about, or `*`.
    pub service: String,
    /// The revision that it was last changed at: its ETag, with an `r` before it.
    pub changed_revision: u64,
    /// When that was, RFC 3339 with milliseconds.
    pub changed_at: String,
    /// Who did it; empty where access control is off.
    pub by: String,
    /// The document itself.
    pub document: Document,
}

impl RuleRow {
    /// The document as a change leaves it; `None` where it is gone.
    #[must_use]
    pub fn after(change: &Change) -> Option<Self> {
        Some(Self {
            key: change.key.clone(),
            service: change.service.clone(),
            changed_revision: change.changed_revision,
            changed_at: change.at.clone(),
            by: change.by.clone(),
            document: change.after.clone()?,
        })
    }
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It says something else.
    Update,
    /// It is gone.
    Delete,
    /// It was written again as it stood.
    None,
}

impl Action {
    /// What leads from one state to another.
    #[must_use]
    pub fn between(before: Option<&Document>, after: Option<&Document>) -> Self {
        match (before, after) {
            (None, Some(_)) => Self::Create,
            (Some(_), None) => Self::Delete,
            (before, after) if before == after => Self::None,
            _ => Self::Update,
        }
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::None => "none",
        }
    }
}

/// One change of one document. Item of `GET /mesher/v1/changes`, body of `GET /mesher/v1/changes/{revision}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// Its number; it only grows.
    pub changed_revision: u64,
    /// When, RFC 3339 with milliseconds.
    pub at: String,
    /// Who; empty where access control is off.
    pub by: String,
    /// The address that the request came from.
    pub from: String,
    /// What became of the document.
    pub action: Action,
    /// Which document.
    #[serde(flatten)]
    pub key: RuleKey,
    /// The service that it is or was about.
    pub service: String,
    /// The revision whose state was asked for, where the change is part of a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<u64>,
    /// The document before; `null` for none.
    pub before: Option<Document>,
    /// The document after; `null` for none.
    pub after: Option<Document>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The documents are refused.
    Error,
    /// They are accepted; somebody should look.
    Warning,
}

/// Something found in the text of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and how to mend it.
    pub message: String,
    /// Where, counted from one; absent where it is about the whole.
    pub line: Option<u64>,
    /// Where in the line, counted from one.
    pub column: Option<u64>,
    /// The line itself.
    pub text: Option<String>,
}

/// Body of `POST /mesher/v1/rules:check` and `POST /mesher/v1/rules:apply`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// One document or several, YAML or JSON.
    pub text: String,
    /// What each document was read at; checked by `rules:apply`, which wants one for each.
    #[serde(default)]
    pub bases: Vec<Base>,
}

/// The state that a change begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Which document.
    pub key: RuleKey,
    /// Its revision; 0: there is none.
    pub revision: u64,
}

/// Answer of `POST /mesher/v1/rules:check`, `rules:apply` and `rollback`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Checked {
    /// What was found; with an error there are no steps.
    pub diagnostics: Vec<Diagnostic>,
    /// What becomes of each document, in the order in which they are changed.
    pub steps: Vec<PlannedStep>,
}

/// What becomes of one document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedStep {
    /// What is done.
    pub action: Action,
    /// To which document, as it stood before.
    pub base: Base,
    /// The revision of the change; absent where nothing was changed.
    pub changed_revision: Option<u64>,
    /// The service that it is about.
    pub service: String,
    /// Proxies that serve calls to that service now.
    pub affected: u64,
    /// The services beside those proxies, in order, the first 20 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected_services: Vec<String>,
    /// The document before.
    pub before: Option<Document>,
    /// The document after; `null` for none.
    pub after: Option<Document>,
}

/// Whether those whom a change concerns serve with it. Body of `GET /mesher/v1/changes/{revision}/convergence`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Convergence {
    /// Whether all do.
    pub done: bool,
    /// How many it concerns.
    pub affected: u64,
    /// How many of them serve with it.
    pub serving: u64,
    /// Those that refused it, and why.
    pub refused: Vec<Behind>,
    /// Those that have not said anything yet.
    pub waiting: Vec<Behind>,
}

/// A proxy that does not serve with a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Behind {
    /// Its id.
    pub instance: String,
    /// The service beside it, as `APPLICATION/NAME`.
    pub service: String,
    /// The revision that it serves with.
    pub serving: u64,
    /// `connected` or `disconnected`.
    pub link: String,
    /// Since when it says so, RFC 3339 with milliseconds.
    pub since_at: Option<String>,
    /// Why it refused the change; absent where it has not said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
