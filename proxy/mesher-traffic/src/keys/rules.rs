//! What all keys say together, and what each service gets of it.
//! It must keep what held where a key says something that cannot be used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::explain::Said;
use mesher_model::rule::{Kind, ServiceName};

use super::dark_launch;
use super::matching::{Named, Setting};
use super::plan::Reading;
use super::route_rule::{self, Place};
use super::sorted::{Entry, Sorted};
use super::timeout::Timeouts;
use super::yaml::Fault;

use crate::route::RoutePolicy;

/// Routes that keys may make together.
const ROUTES_MAX: usize = 1_000;
/// All automata of these routes together, in bytes.
const PATTERNS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Sentences about keys that are told: who mends these sees the next ones.
const PROBLEMS_MAX: usize = 50;

/// What keys say, and which of them cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    timeouts: Timeouts,
    /// By service. One without a policy has no rule, whatever holds for every service.
    routes: BTreeMap<String, Option<Arc<RoutePolicy>>>,
    global_route: Option<Arc<RoutePolicy>>,
    /// The routes as they were read, by their keys.
    held: BTreeMap<String, Held>,
    /// What `refer` may name, as it was when they were read.
    named: BTreeMap<String, String>,
    /// A sentence for each key that says something which cannot be used, or is passed over.
    pub problems: Vec<String>,
}

/// A route with the value that it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    value: String,
    route: Option<Arc<RoutePolicy>>,
    notices: Vec<String>,
}

/// What the routes of keys take so far.
#[derive(Debug, Default)]
struct Room {
    routes: usize,
    bytes: usize,
}

impl Room {
    /// Counts a key, before it is read: reading costs time.
    fn admits_one_more(&mut self) -> Result<(), Fault> {
        if self.routes == ROUTES_MAX {
            return Err(Fault::whole(format!("there are more than {ROUTES_MAX} keys with routes")));
        }
        self.routes += 1;
        Ok(())
    }

    fn admits(&mut self, route: &RoutePolicy) -> Result<(), Fault> {
        let bytes = self.bytes + route.pattern_bytes();
        if bytes > PATTERNS_BYTES_MAX {
            let most = PATTERNS_BYTES_MAX / 1024 / 1024;
            return Err(Fault::whole(format!(
                "the regular expressions of all keys become automata of more than {most} MiB"
            )));
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl KeyRules {
    /// Reads keys with their values, each of them once. `application` is that of the proxy; `before` is what was read last:
    /// where a key of a route cannot be used, its last good value holds.
    pub fn read<'k>(
        keys: impl IntoIterator<Item = (&'k str, &'k str)>,
        application: &str,
        before: &Self,
    ) -> Self {
        let sorted = Sorted::of(keys);
        let mut rules = Self { named: named(&sorted.named), ..Self::default() };
        for (rest, (key, value)) in &sorted.timeouts {
            rules.problems.extend(rules.timeouts.take(key, rest, value).err());
        }
        let mut room = Room::default();
        for (service, entry) in &sorted.routes {
            let (application, _) = service.split_once(':').unwrap_or((application, service));
            let setting = Setting { service: Some(service), named: &sorted.named };
            let read = |value: &str| route_rule::read(value, Place { application, setting });
            if let Some(route) = rules.hold(*entry, before, &mut room, read) {
                rules.routes.insert((*service).to_owned(), route);
            }
        }
        for (service, entry) in &sorted.dark_launches {
            // A list of rules replaces a dark launch.
            if !rules.routes.contains_key(*service)
                && let Some(route) = rules.hold(*entry, before, &mut room, dark_launch::read)
            {
                rules.routes.insert((*service).to_owned(), route);
            }
        }
        if let Some(entry) = sorted.global_route {
            let setting = Setting { service: None, named: &sorted.named };
            let read = |value: &str| route_rule::read(value, Place { application, setting });
            rules.global_route = rules.hold(entry, before, &mut room, read).flatten();
        }
        let more = rules.problems.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            rules.problems.truncate(PROBLEMS_MAX);
            rules.problems.push(format!("… and {more} more"));
        }
        rules
    }

    /// The route that a key makes; `None` where it is as if the key were not there.
    fn hold(
        &mut self,
        (key, value): Entry<'_>,
        before: &Self,
        room: &mut Room,
        read: impl Fn(&str) -> Result<Reading, Fault>,
    ) -> Option<Option<Arc<RoutePolicy>>> {
        let last = before.held.get(key);
        let is_same = |held: &&Held| held.value == value && before.named == self.named;
        let next = room.admits_one_more().and_then(|()| match last.filter(is_same) {
            Some(held) => Ok(held.clone()),
            None => make(key, value, &read),
        });
        let next = next.and_then(|held| match &held.route {
            Some(route) => room.admits(route).map(|()| held),
            None => Ok(held),
        });
        let held = match (next, last) {
            (Ok(held), _) => held,
            (Err(fault), Some(last)) => {
                self.problems.push(format!("{key}: {fault}; its last good value holds"));
                last.clone()
            }
            (Err(fault), None) => {
                self.problems.push(format!("{key}: {fault}; it is as if the key were not there"));
                return None;
            }
        };
        self.problems.extend(held.notices.iter().cloned());
        let route = held.route.clone();
        self.held.insert(key.to_owned(), held);
        Some(route)
    }

    /// The keys of routes with the values that hold, which are not those that they have where these cannot be used.
    pub fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.held.iter().map(|(key, held)| (key.as_str(), held.value.as_str()))
    }

    /// Whether a key is one of those that are read here. All others are an application's own.
    #[must_use]
    pub fn is_about_calls(key: &str) -> bool {
        let sorted = Sorted::of([(key, "-")]);
        let has_route = sorted.global_route.is_some()
            || [&sorted.routes, &sorted.dark_launches].iter().any(|keys| !keys.is_empty());
        has_route || !sorted.timeouts.is_empty() || sorted.named != Named::default()
    }

    /// How long a call to a service may take; `qualified` is its name as callers of other applications write it.
    #[must_use]
    pub fn request_timeout(&self, service: &str, qualified: &str) -> Option<Duration> {
        self.timeouts.of(service, qualified).map(|limit| limit.time)
    }

    /// Where the calls to a service go; `qualified` as above.
    #[must_use]
    pub fn route(&self, service: &str, qualified: &str) -> Option<&Arc<RoutePolicy>> {
        match self.routes.get(service).or_else(|| self.routes.get(qualified)) {
            Some(own) => own.as_ref(),
            None => self.global_route.as_ref(),
        }
    }

    /// The keys that say so, of a server called `source`.
    #[must_use]
    pub fn said(&self, service: &str, qualified: &str, source: &str) -> Vec<Said> {
        let has_own = [service, qualified].iter().any(|name| self.routes.contains_key(*name));
        let route = self.route(service, qualified).map(|route| (Kind::Route, &route.name, has_own));
        let has_own = self.timeouts.has_own(service, qualified);
        let timeout = self.timeouts.of(service, qualified).map(|limit| (Kind::Timeout, &limit.key, has_own));
        let said = |(kind, key, is_own): (Kind, &String, bool)| Said {
            kind: kind.to_string(),
            name: key.clone(),
            source: source.to_owned(),
            service: if is_own { service } else { ServiceName::EVERY }.to_owned(),
            ..Said::default()
        };
        route.into_iter().chain(timeout).map(said).collect()
    }

    /// Whether they say anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timeouts.is_empty() && self.routes.is_empty() && self.global_route.is_none()
    }
}

fn named(named: &Named<'_>) -> BTreeMap<String, String> {
    let all = named.groups.values().chain(named.templates.values());
    all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn make(key: &str, value: &str, read: impl Fn(&str) -> Result<Reading, Fault>) -> Result<Held, Fault> {
    let said = read(value)?;
    let route = match said.rules.is_empty() {
        true => None,
        false => Some(Arc::new(said.compile(key)?)),
    };
    let notices = said.notices.iter().map(|notice| format!("{key}: {notice}")).collect();
    Ok(Held { value: value.to_owned(), route, notices })
}
