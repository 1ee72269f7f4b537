//! Match groups and source templates: which of their values can be used, and the last good ones of those that cannot.
//! It must leave it to the rules that refer to them what becomes of a rule.

use std::collections::BTreeMap;

use super::last_good::LAST_HOLDS;
use super::matching::{self, Called, Named, Setting};
use super::sorted::Entry;
use super::yaml::Fault;

/// By their keys, the values that could be used last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LastGood(BTreeMap<String, String>);

impl LastGood {
    /// Puts the last good value in the place of each that cannot be used, and marks those that never could.
    pub(super) fn restore<'k>(named: &mut Named<'k>, before: &'k Self, problems: &mut Vec<String>) -> Self {
        let mut good = Self::default();
        // What a group says of the service that is called is known to whoever refers to it.
        let setting = Setting { called: Called::Whoever, named: &Named::default() };
        let check_group =
            |(key, value): Entry<'_>| matching::of_group(key, value, setting, &mut Vec::new()).map(drop);
        let check_template =
            |(key, value): Entry<'_>| matching::of_template(key, value, setting, &mut Vec::new()).map(drop);
        let mut unusable = BTreeMap::new();
        for entry in named.groups.values_mut() {
            good.keep(entry, before, check_group, &mut unusable, problems);
        }
        for entry in named.templates.values_mut() {
            good.keep(entry, before, check_template, &mut unusable, problems);
        }
        named.unusable = unusable;
        good
    }

    fn keep<'k>(
        &mut self,
        entry: &mut Entry<'k>,
        before: &'k Self,
        check: impl Fn(Entry<'_>) -> Result<(), Fault>,
        unusable: &mut BTreeMap<&'k str, String>,
        problems: &mut Vec<String>,
    ) {
        let key = entry.0;
        let last = before.0.get(key).map(String::as_str);
        if last != Some(entry.1)
            && let Err(fault) = check(*entry)
        {
            let Some(last) = last else {
                unusable.insert(key, fault.to_string());
                return;
            };
            problems.push(format!("{fault}{LAST_HOLDS}"));
            entry.1 = last;
        }
        self.0.insert(key.to_owned(), entry.1.to_owned());
    }

    /// Keys and values that hold.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
