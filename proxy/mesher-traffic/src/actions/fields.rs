//! Changes of header fields: which do not pass, and which lines are added.
//! It must keep the order of what is added, and must name in lower case what does not pass.

use mesher_model::rule::{HeaderLine, HeaderModifier};

/// Changes of the fields of one head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldEdits {
    /// Names of fields that do not pass, in lower case.
    pub left_out: Box<[Box<str>]>,
    /// Lines that are added, name and value, in order.
    pub added: Box<[(Box<str>, Box<str>)]>,
}

impl FieldEdits {
    /// The names that are changed, each once, in lower case.
    pub(super) fn names(&self) -> Vec<String> {
        let added = self.added.iter().map(|(name, _)| name.to_ascii_lowercase());
        let mut names: Vec<_> = self.left_out.iter().map(ToString::to_string).chain(added).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Makes these changes, and then those of `modifier`, which also changes what was added by these.
    pub(super) fn then(&mut self, modifier: &HeaderModifier) {
        let HeaderModifier { set, add, remove } = modifier;
        let ended: Vec<Box<str>> =
            set.iter().map(|line| &line.name).chain(remove).map(|name| lower(name)).collect();
        let is_ended = |name: &str| ended.contains(&lower(name));
        let kept = self.added.iter().filter(|(name, _)| !is_ended(name)).cloned();
        let line = |line: &HeaderLine| (line.name.as_str().into(), line.value.as_str().into());
        self.added = kept.chain(set.iter().chain(add).map(line)).collect();
        let before = self.left_out.iter().filter(|name| !is_ended(name)).cloned().collect::<Vec<_>>();
        self.left_out = before.into_iter().chain(ended).collect();
    }
}

fn lower(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}
