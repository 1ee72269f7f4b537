//! Labels: names and values that a record stands under, or that a caller asks for.
//! It must keep them sorted by name: ids are made of that form.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The form of no labels at all.
const NONE: &str = "none";

/// Names and values, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a label.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a label. Answers what it was before.
    pub fn set(&mut self, name: &str, value: &str) -> Option<String> {
        self.0.insert(name.to_owned(), value.to_owned())
    }

    /// Sets all of these.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.clone());
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether `whole` has each of these.
    #[must_use]
    pub fn is_part_of(&self, whole: &Self) -> bool {
        self.0.iter().all(|(name, value)| whole.0.get(name) == Some(value))
    }

    /// `k1=v1::k2=v2` sorted by name, or `none`. Neither names nor values may hold either divider, so that no two sets
    /// of labels have one form.
    ///
    /// Source: kie v1, `label_format`.
    #[must_use]
    pub fn format(&self) -> String {
        if self.0.is_empty() {
            return NONE.to_owned();
        }
        let mut text = String::new();
        for (name, value) in &self.0 {
            let divider = if text.is_empty() { "" } else { "::" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{divider}{name}={value}");
        }
        text
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
