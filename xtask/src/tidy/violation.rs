//! One broken rule: where, which, and what to do about it.
//! Must not know how a rule finds it.

use std::fmt;

/// A place where a house rule does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Path from the root of the workspace.
    pub(crate) path: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) remedy: String,
    /// A warning is printed and does not fail.
    pub(crate) is_warning: bool,
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, rule: &'static str, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, remedy: remedy.into(), is_warning: false }
    }

    pub(crate) fn warning(path: &str, line: usize, rule: &'static str, remedy: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(path, line, rule, remedy) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, remedy, is_warning } = self;
        let kind = if *is_warning { "warning: " } else { "" };
        write!(f, "{path}:{line}: {kind}{rule}: {remedy}")
    }
}
