//! `servicecomb.KIND.NAME`: rules of Java Chassis' governance, each about the calls that `servicecomb.matchGroup.NAME` is
//! about. It must hold what all kinds have in common, and know none of them.
//!
//! Source: Java Chassis, `governance/src/main/java/org/apache/servicecomb/governance`.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::last_good::unusable;
use super::matching::{self, Called, Named, Setting};
use super::rules::{About, Own};
use super::sorted::Entry;
use super::yaml::Fault;
use crate::selection::{Entry as Rule, Selection};

/// What a value says, beside what all kinds have in common.
pub(super) struct Frame<T> {
    /// `services`: the services whose proxies carry it out, as `a,b:1.0.0`; all of them where empty.
    pub(super) services: Option<Spanned<String>>,
    /// `order`: smaller ones are tried first.
    pub(super) order: Option<Spanned<String>>,
    pub(super) item: T,
    /// What somebody should look at.
    pub(super) notices: Vec<Fault>,
}

/// A value that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held<T> {
    key: String,
    value: String,
    name: String,
    order: i64,
    /// Whether this proxy carries it out.
    is_ours: bool,
    item: T,
}

/// All values of one kind, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family<T>(Vec<Held<T>>);

impl<T> Default for Family<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Family<T> {
    /// Reads the values of a kind, by their names. Where one cannot be used, its last good one holds.
    pub(super) fn read(
        entries: Option<&BTreeMap<&str, Entry<'_>>>,
        own: &Own,
        before: &Self,
        problems: &mut Vec<String>,
        read: impl Fn(&str) -> Result<Frame<T>, Fault>,
    ) -> Self {
        let mut all = Vec::new();
        for (name, (key, value)) in entries.into_iter().flatten() {
            match hold(name, (key, value), own, problems, &read) {
                Ok(held) => all.push(held),
                Err(fault) => {
                    let last = before.0.iter().find(|held| held.key == *key);
                    problems.push(unusable(key, fault, last.is_some()));
                    all.extend(last.cloned());
                }
            }
        }
        all.sort_by(|one, other| (one.order, &one.name).cmp(&(other.order, &other.name)));
        Self(all)
    }

    /// What they say about some calls.
    pub(super) fn selection(
        &self,
        groups: &BTreeMap<String, (String, String)>,
        about: &About,
    ) -> Option<Selection<T>> {
        let borrowed =
            groups.iter().map(|(name, (key, value))| (name.as_str(), (key.as_str(), value.as_str())));
        let named = Named { groups: borrowed.collect(), ..Named::default() };
        let called = match about {
            About::Called { service, .. } => Called::Service(service),
            About::Provider => Called::Own,
        };
        let setting = Setting { called, named: &named };
        let compile = |held: &Held<T>| {
            let (key, value) = named.groups.get(held.name.as_str())?;
            // What is wrong with the group was told where it was read.
            let ways = matching::of_group(key, value, setting, &mut Vec::new()).ok()?;
            if ways.is_none() {
                return None;
            }
            let matches = ways.0.iter().filter(|_| !ways.is_every());
            let matches = matches.map(|way| (&way.call, way.further.as_slice()));
            Rule::compile(held.key.as_str(), matches, held.item.clone()).ok()
        };
        Selection::of(self.0.iter().filter(|held| held.is_ours).filter_map(compile).collect())
    }

    /// The keys with the values that hold.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|held| (held.key.as_str(), held.value.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn hold<T>(
    name: &str,
    (key, value): Entry<'_>,
    own: &Own,
    problems: &mut Vec<String>,
    read: impl Fn(&str) -> Result<Frame<T>, Fault>,
) -> Result<Held<T>, Fault> {
    let Frame { services, order, item, notices } = read(value)?;
    let order = match &order {
        Some(order) => order.value.trim().parse().map_err(|_| {
            Fault::at(
                order,
                format!(
                    "{:?} is no order: it is a whole number, and smaller ones are tried first",
                    order.value
                ),
            )
        })?,
        None => 0,
    };
    let is_ours = services.is_none_or(|services| own.is_among(&services.value));
    problems.extend(notices.iter().map(|notice| format!("{key}: {notice}")));
    let (key, value, name) = (key.to_owned(), value.to_owned(), name.to_owned());
    Ok(Held { key, value, name, order, is_ours, item })
}
