//! Keys by what they are about, the newer word for a thing in place of the older.
//! It must pass over what it does not know: most keys of a configuration are an application's own.

use std::collections::BTreeMap;

use super::balance::{Part, Word};
use super::commands::AREAS;
use super::matching::Named;
use super::{fault_injection, mapper, rate_limiting, time_limiter};

/// What keys begin with that are about calls, the older words first: those of the Go Mesher's first files, those of
/// ServiceComb's first releases, and today's.
const PREFIXES: [&str; 3] = ["", "cse.", "servicecomb."];

/// Kinds of Java's governance: what stands in front of the name that they share with a match group.
pub(super) const GOVERNED: [&str; 10] = [
    "retry",
    "circuitBreaker",
    "instanceIsolation",
    "bulkhead",
    "instanceBulkhead",
    rate_limiting::KIND,
    rate_limiting::KIND_BY_IDENTIFIER,
    fault_injection::KIND,
    time_limiter::KIND,
    mapper::KIND,
];

/// What stands in front of keys of balancing: of services, and of Java's governance.
pub(super) const LOADBALANCE: &str = "loadbalance";

/// A key with its value.
pub(super) type Entry<'k> = (&'k str, &'k str);

/// All keys that are about calls.
#[derive(Debug, Default)]
pub(super) struct Sorted<'k> {
    /// Each with what stands behind `request.`.
    pub(super) timeouts: Vec<(&'k str, Entry<'k>)>,
    /// By service.
    pub(super) routes: BTreeMap<&'k str, Entry<'k>>,
    /// By service.
    pub(super) dark_launches: BTreeMap<&'k str, Entry<'k>>,
    /// About every service that has neither.
    pub(super) global_route: Option<Entry<'k>>,
    pub(super) named: Named<'k>,
    /// Of balancing, by service and what they say of it.
    pub(super) balances: BTreeMap<(Option<&'k str>, Word), Entry<'k>>,
    /// Of tries and isolation, by what stands behind `loadbalance.`.
    pub(super) further_balances: BTreeMap<&'k str, Entry<'k>>,
    /// By what stands behind `flowcontrol.`.
    pub(super) flow_control: BTreeMap<&'k str, Entry<'k>>,
    /// By what stands behind `governance.`.
    pub(super) older_faults: BTreeMap<&'k str, Entry<'k>>,
    /// Of Java's governance, by kind and name.
    pub(super) governed: BTreeMap<&'k str, BTreeMap<&'k str, Entry<'k>>>,
    /// Of what was taken from Hystrix, by what stands behind the prefix.
    pub(super) commands: BTreeMap<&'k str, Entry<'k>>,
}

impl<'k> Sorted<'k> {
    /// Sorts keys.
    pub(super) fn of(keys: impl IntoIterator<Item = Entry<'k>>) -> Self {
        let keys: Vec<Entry<'k>> = keys.into_iter().collect();
        let mut sorted = Self::default();
        for prefix in PREFIXES {
            for entry in &keys {
                if let Some(rest) = entry.0.strip_prefix(prefix) {
                    sorted.take(prefix, rest, *entry);
                }
            }
        }
        sorted
    }

    fn take(&mut self, prefix: &str, rest: &'k str, entry: Entry<'k>) {
        let timeout = rest.strip_prefix("request.").filter(|_| !prefix.is_empty());
        if let Some(rest) = timeout {
            self.timeouts.push((rest, entry));
            return;
        }
        // Both SDKs take an empty value for none.
        if entry.1.trim().is_empty() {
            return;
        }
        if rest == "globalRouteRule" && !prefix.is_empty() {
            self.global_route = Some(entry);
            return;
        }
        let Some((word, name)) = rest.split_once('.').filter(|(_, name)| !name.is_empty()) else { return };
        match word {
            "routeRule" => {
                self.routes.insert(name, entry);
            }
            "sourceTemplate" => {
                self.named.templates.insert(name, entry);
            }
            // Words that only a prefix makes those of ServiceComb.
            _ if prefix.is_empty() => {}
            "darklaunch" => {
                if let Some(service) = name.strip_prefix("policy.") {
                    self.dark_launches.insert(service, entry);
                }
            }
            "matchGroup" => {
                self.named.groups.insert(name, entry);
            }
            LOADBALANCE => match Part::of(name) {
                Part::Setting(service, word) => {
                    self.balances.insert((service, word), entry);
                }
                Part::Governed => {
                    self.governed.entry(LOADBALANCE).or_default().insert(name, entry);
                }
                Part::Further => {
                    self.further_balances.insert(name, entry);
                }
                Part::Others => {}
            },
            _ if AREAS.contains(&word) && is_of_side(name) => {
                self.commands.insert(rest, entry);
            }
            "flowcontrol" => {
                self.flow_control.insert(name, entry);
            }
            "governance" if fault_injection::is_fault(name) => {
                self.older_faults.insert(name, entry);
            }
            _ if GOVERNED.contains(&word) => {
                self.governed.entry(word).or_default().insert(name, entry);
            }
            // Go's word for the same: a key of three parts, and no other.
            "match" if !name.contains('.') => {
                let is_other = |(key, _): &mut Entry<'k>| key.contains(".matchGroup.");
                if !self.named.groups.get_mut(name).is_some_and(is_other) {
                    self.named.groups.insert(name, entry);
                }
            }
            _ => {}
        }
    }
}

/// Whether a key is about one side of calls, as those are that were taken from Hystrix. A match group of such a name would have
/// to be called `Consumer.…`.
fn is_of_side(name: &str) -> bool {
    ["Consumer.", "Provider."].iter().any(|side| name.starts_with(side)) || name == "scope"
}
