//! Which records a caller wants, and which part of the list of them.
//! It must take as long as the texts are, whatever the pattern.

use std::sync::Arc;

use super::record::{Record, Status};
use super::topic::Topic;

/// What keys a caller wants. Letters count without case, as in the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPattern {
    /// This one.
    Is(String),
    /// Those that begin so.
    Begins(String),
    /// Those in which these pieces follow one another with anything between; the first and the last stand at the ends.
    Pieces(Vec<String>),
}

impl KeyPattern {
    /// `x`, `beginWith(x)` or `wildcard(a*b)`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let inner = |call: &str| text.strip_prefix(call).and_then(|rest| rest.strip_suffix(')'));
        if let Some(begin) = inner("beginwith(") {
            Self::Begins(begin.to_owned())
        } else if let Some(pattern) = inner("wildcard(") {
            Self::Pieces(pattern.split('*').map(str::to_owned).collect())
        } else {
            Self::Is(text)
        }
    }

    fn admits(&self, key: &str) -> bool {
        let key = key.to_ascii_lowercase();
        match self {
            Self::Is(wanted) => key == *wanted,
            Self::Begins(begin) => key.starts_with(begin.as_str()),
            Self::Pieces(pieces) => has_pieces(&key, pieces),
        }
    }
}

/// The first fit of each piece leaves the most room for those after it.
fn has_pieces(text: &str, pieces: &[String]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == text);
    };
    let ends = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
    let Some(mut rest) = ends else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece.as_str()) else { return false };
        rest = after;
    }
    true
}

/// A part of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// How many are passed over.
    pub offset: usize,
    /// How many follow at most; all without.
    pub limit: Option<usize>,
}

impl Page {
    /// The part of `list`. Without a limit it is the whole, whatever the offset, as in the original.
    pub(crate) fn cut<T>(self, list: Vec<T>) -> Vec<T> {
        match self.limit {
            None => list,
            Some(limit) => list.into_iter().skip(self.offset).take(limit).collect(),
        }
    }
}

/// Which records a caller wants.
#[derive(Debug, Clone)]
pub struct Query {
    /// Under which labels.
    pub topic: Topic,
    /// With which key.
    pub key: Option<KeyPattern>,
    /// With this in their value.
    pub value: Option<String>,
    /// With this status.
    pub status: Option<Status>,
    /// Which part of the list of them.
    pub page: Page,
}

impl Query {
    /// All records of a topic.
    #[must_use]
    pub const fn all_of(topic: Topic) -> Self {
        Self { topic, key: None, value: None, status: None, page: Page { offset: 0, limit: None } }
    }

    /// Whether it wants a record whose labels it wants.
    pub(crate) fn admits(&self, record: &Record) -> bool {
        self.status.is_none_or(|status| record.status == status)
            && self.key.as_ref().is_none_or(|key| key.admits(&record.key))
            && self.value.as_ref().is_none_or(|part| record.value.contains(part.as_str()))
    }
}

/// Records that were found, and where the counter stood.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The number of the domain's last change.
    pub revision: u64,
    /// How many there are beside the page.
    pub total: usize,
    /// Those of the page, in the order of the list.
    pub records: Vec<Arc<Record>>,
}

/// The order of every list: larger priorities first, then what changed last.
pub(crate) fn sort(records: &mut [Arc<Record>]) {
    records.sort_by_key(|record| std::cmp::Reverse((record.priority, record.update_revision)));
}
