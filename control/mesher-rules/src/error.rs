//! Why a change of documents is refused.
//! It must say what to do next.

use mesher_model::rule::{RuleKey, RuleRow};

use crate::book::{DOCUMENTS_AT_ONCE_MAX, DOCUMENTS_MAX};

/// Why a change is refused. The caller is to blame.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The document changed since it was read.
    #[error("{} {} was changed meanwhile: it is at {}, not at {}; read it again", key.kind, key.name, revision_of(current.as_deref()), named(*base))]
    Stale {
        /// Which document.
        key: RuleKey,
        /// What the change began with; 0: no document.
        base: u64,
        /// As it stands; `None`: it is gone.
        current: Option<Box<RuleRow>>,
    },
    /// Nothing says what the change begins with.
    #[error("it is not said what {} {} was read at; name its revision, or 0 for a new one", key.kind, key.name)]
    NoBase {
        /// Which document.
        key: RuleKey,
    },
    /// There is no such document.
    #[error("there is no {} {:?} in application {:?}, environment {:?}", key.kind, key.name, key.application, key.environment)]
    Missing {
        /// Which document.
        key: RuleKey,
    },
    /// Documents that cannot hold together.
    #[error("{0}")]
    Conflict(String),
    /// A document stands in the text twice.
    #[error("{} {} stands there twice", key.kind, key.name)]
    Repeated {
        /// Which document.
        key: RuleKey,
    },
    /// More documents than fit.
    #[error("there would be more than {DOCUMENTS_MAX} documents")]
    Full,
    /// More documents at once than are made as a whole.
    #[error("{0} documents would change; at most {DOCUMENTS_AT_ONCE_MAX} change at once")]
    TooMany(usize),
    /// A revision that no history reaches.
    #[error("the history reaches from revision {oldest} to {newest}; {revision} is not in it")]
    NoSuchRevision {
        /// What was asked for.
        revision: u64,
        /// The oldest state that is known.
        oldest: u64,
        /// The state now.
        newest: u64,
    },
}

fn revision_of(row: Option<&RuleRow>) -> String {
    named(row.map_or(0, |row| row.changed_revision))
}

fn named(revision: u64) -> String {
    if revision == 0 { "no document".to_owned() } else { format!("r{revision}") }
}
