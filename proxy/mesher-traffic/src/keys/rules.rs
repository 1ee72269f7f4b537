//! What all keys say together, and what each service gets of it.
//! It must keep what held where a key says something that cannot be used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::DEFAULT;

use super::balance::{self, Balances};
use super::commands::Commands;
use super::dark_launch;
use super::fault_injection::{self, OlderFaults};
use super::flow_control::FlowControl;
use super::governed::Family;
use super::items::Items;
use super::last_good::{AS_IF_ABSENT, LAST_HOLDS, unusable};
use super::matching::{self, Called, Named, Setting};
use super::named::LastGood;
use super::plan::Reading;
use super::rate_limiting;
use super::retry;
use super::route_rule::{self, Place};
use super::sorted::{Entry, LOADBALANCE, Sorted};
use super::timeout::Timeouts;
use super::yaml::{Fault, PASSED_OVER};
use super::{breaker, bulkhead, isolation, mapper, time_limiter, tries};

use crate::balance::BalancePolicy;
use crate::breaker::BreakerRule;
use crate::bulkhead::BulkheadRule;
use crate::fault;
use crate::limit::LimitRule;
use crate::mapping::Mapping;
use crate::retry::RetryPolicy;
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
    pub(super) timeouts: Timeouts,
    /// By service. One without a policy has no rule, whatever holds for every service.
    pub(super) routes: BTreeMap<String, Option<Arc<RoutePolicy>>>,
    pub(super) global_route: Option<Arc<RoutePolicy>>,
    /// The routes as they were read, by their keys.
    held: BTreeMap<String, Held>,
    /// What `refer` may name, as it was when they were read.
    named: BTreeMap<String, String>,
    /// Match groups, by their names: each with its key and its value.
    pub(super) groups: BTreeMap<String, (String, String)>,
    /// Of groups and templates.
    last_good: LastGood,
    /// Of calls of match groups; below the same of services.
    pub(super) retries: Family<RetryPolicy>,
    pub(super) tries: Items,
    pub(super) isolations: Items,
    /// How long calls of match groups may take.
    pub(super) time_limits: Family<Duration>,
    pub(super) mappings: Family<Mapping>,
    pub(super) balances: Balances,
    /// The same for the calls of match groups.
    pub(super) group_balances: Family<BalancePolicy>,
    pub(super) breakers: Family<BreakerRule>,
    pub(super) bulkheads: Family<BulkheadRule>,
    pub(super) instance_breakers: Family<BreakerRule>,
    pub(super) instance_bulkheads: Family<BulkheadRule>,
    pub(super) commands: Commands,
    pub(super) limits: Family<LimitRule>,
    pub(super) limits_by_identifier: Family<LimitRule>,
    pub(super) flow_control: FlowControl,
    pub(super) faults: Family<fault::Plan>,
    pub(super) older_faults: OlderFaults,
    /// A sentence for each key that says something which cannot be used, or is passed over.
    pub problems: Vec<String>,
}

/// The calls that keys are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Calls to a service.
    Called {
        /// Its name.
        service: String,
        /// The same as callers of other applications write it.
        qualified: String,
    },
    /// Calls that the application beside the proxy takes.
    Provider,
}

/// The application beside the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its application.
    pub application: String,
    /// Its service.
    pub service: String,
    /// Its version.
    pub version: String,
}

impl Default for Own {
    fn default() -> Self {
        Self { application: DEFAULT.to_owned(), service: String::new(), version: String::new() }
    }
}

impl Own {
    /// Whether a list such as `a,b:1.0.0` names it; an empty one names all.
    pub(super) fn is_among(&self, services: &str) -> bool {
        let mut names = services.split(',').map(str::trim).filter(|name| !name.is_empty()).peekable();
        let is_own = |name: &str| match name.split_once(':') {
            Some((service, version)) => service.trim() == self.service && version.trim() == self.version,
            None => name == self.service,
        };
        names.peek().is_none() || names.any(is_own)
    }
}

impl About {
    /// Calls to a service of an application.
    #[must_use]
    pub fn called(application: &str, service: &str) -> Self {
        Self::Called { service: service.to_owned(), qualified: format!("{application}:{service}") }
    }
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
    /// Reads keys with their values, each of them once. `own` is the application beside the proxy; `before` is what was read
    /// last: where a key cannot be used, its last good value holds.
    pub fn read<'k>(keys: impl IntoIterator<Item = (&'k str, &'k str)>, own: &Own, before: &'k Self) -> Self {
        let mut sorted = Sorted::of(keys);
        let unmarked = rate_limiting::join_marked(&mut sorted);
        let application = own.application.as_str();
        let mut problems = Vec::new();
        let last_good = LastGood::restore(&mut sorted.named, &before.last_good, &mut problems);
        let mut rules = Self { named: named(&sorted.named), last_good, problems, ..Self::default() };
        for (rest, (key, value)) in &sorted.timeouts {
            rules.problems.extend(rules.timeouts.take(key, rest, value).err());
        }
        let mut room = Room::default();
        for (service, entry) in &sorted.routes {
            let (application, _) = service.split_once(':').unwrap_or((application, service));
            let setting = Setting { called: Called::Service(service), named: &sorted.named };
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
            let setting = Setting { called: Called::Any, named: &sorted.named };
            let read = |value: &str| route_rule::read(value, Place { application, setting });
            rules.global_route = rules.hold(entry, before, &mut room, read).flatten();
        }
        rules.problems.extend(unmarked);
        rules.govern(&sorted, own, before);
        let more = rules.problems.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            rules.problems.truncate(PROBLEMS_MAX);
            rules.problems.push(format!("… and {more} more"));
        }
        rules
    }

    /// Reads what is of Java's governance.
    fn govern(&mut self, sorted: &Sorted<'_>, own: &Own, before: &Self) {
        let groups = sorted.named.groups.iter();
        self.groups = groups
            .map(|(name, (key, value))| ((*name).to_owned(), ((*key).to_owned(), (*value).to_owned())))
            .collect();
        let problems = &mut self.problems;
        let of = |kind: &str| sorted.governed.get(kind);
        self.retries = Family::read(of("retry"), own, &before.retries, problems, retry::read);
        let last = &before.group_balances;
        self.group_balances = Family::read(of(LOADBALANCE), own, last, problems, balance::read_governed);
        self.balances = Balances::read(&sorted.balances, &before.balances, problems);
        self.tries = Items::of(&tries::TABLE, &sorted.further_balances, &before.tries, problems);
        self.isolations =
            Items::of(&isolation::TABLE, &sorted.further_balances, &before.isolations, problems);
        problems.extend(isolation::notices(&self.isolations));
        let limits = of(time_limiter::KIND);
        self.time_limits = Family::read(limits, own, &before.time_limits, problems, time_limiter::read);
        self.mappings = Family::read(of(mapper::KIND), own, &before.mappings, problems, mapper::read);
        self.breakers = Family::read(of("circuitBreaker"), own, &before.breakers, problems, breaker::read);
        self.bulkheads = Family::read(of("bulkhead"), own, &before.bulkheads, problems, bulkhead::read);
        let (breakers, bulkheads) = (&before.instance_breakers, &before.instance_bulkheads);
        self.instance_breakers =
            Family::read(of("instanceIsolation"), own, breakers, problems, breaker::read);
        self.instance_bulkheads =
            Family::read(of("instanceBulkhead"), own, bulkheads, problems, bulkhead::read);
        self.commands = Commands::read(&sorted.commands, &before.commands, problems);
        let limits = of(rate_limiting::KIND);
        self.limits = Family::read(limits, own, &before.limits, problems, rate_limiting::read);
        self.limits_by_identifier = Family::read(
            of(rate_limiting::KIND_BY_IDENTIFIER),
            own,
            &before.limits_by_identifier,
            problems,
            rate_limiting::read_by_identifier,
        );
        self.flow_control = FlowControl::read(&sorted.flow_control, &before.flow_control, problems);
        let faults = of(fault_injection::KIND);
        self.faults = Family::read(faults, own, &before.faults, problems, fault_injection::read);
        self.older_faults = OlderFaults::read(&sorted.older_faults, &before.older_faults, problems);
        for (name, (key, _)) in sorted.governed.values().flatten() {
            match sorted.named.groups.get(name) {
                None => problems.push(format!(
                    "{key}: no key servicecomb.matchGroup.{name} is there, which would say which calls it is about, so that it holds for none"
                )),
                Some((group, value)) => {
                    let setting = Setting { called: Called::Service(""), named: &sorted.named };
                    let mut notices = Vec::new();
                    let fault = matching::of_group(group, value, setting, &mut notices).err();
                    let told = notices.into_iter().chain(fault);
                    problems.extend(told.map(|fault| format!("{key}: {fault}")));
                }
            }
        }
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
            (Ok(held), _) => {
                self.problems.extend(held.notices.iter().cloned());
                held
            }
            // What was to be looked at in the last good value is not what stands there now.
            (Err(fault), Some(last)) => {
                self.problems.push(unusable(key, fault, true));
                last.clone()
            }
            (Err(fault), None) => {
                self.problems.push(unusable(key, fault, false));
                return None;
            }
        };
        let route = held.route.clone();
        self.held.insert(key.to_owned(), held);
        Some(route)
    }

    /// The keys of routes with the values that hold, which are not those that they have where these cannot be used.
    pub fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_routes = self.held.iter().map(|(key, held)| (key.as_str(), held.value.as_str()));
        let of_breakers = self.breakers.holding().chain(self.instance_breakers.holding());
        let of_bulkheads = self.bulkheads.holding().chain(self.instance_bulkheads.holding());
        let of_limits = self.limits.holding().chain(self.limits_by_identifier.holding());
        let of_faults = self.faults.holding().chain(self.older_faults.holding());
        of_routes
            .chain(self.last_good.holding())
            .chain(self.retries.holding())
            .chain(self.tries.holding())
            .chain(self.isolations.holding())
            .chain(self.time_limits.holding())
            .chain(self.mappings.holding())
            .chain(self.balances.holding())
            .chain(self.group_balances.holding())
            .chain(of_breakers)
            .chain(of_bulkheads)
            .chain(self.commands.holding())
            .chain(of_limits)
            .chain(self.flow_control.holding())
            .chain(of_faults)
    }

    /// Whether one of [`Self::problems`] is about a word that is passed over, while all else of its key holds.
    #[must_use]
    pub fn is_passed_over(problem: &str) -> bool {
        problem.contains(PASSED_OVER) && ![LAST_HOLDS, AS_IF_ABSENT].iter().any(|end| problem.ends_with(end))
    }

    /// Whether a key is one of those that are read here. All others are an application's own.
    #[must_use]
    pub fn is_about_calls(key: &str) -> bool {
        let sorted = Sorted::of([(key, "-")]);
        let has_route = sorted.global_route.is_some()
            || [&sorted.routes, &sorted.dark_launches].iter().any(|keys| !keys.is_empty());
        has_route
            || !sorted.governed.is_empty()
            || !sorted.balances.is_empty()
            || !sorted.further_balances.is_empty()
            || !sorted.commands.is_empty()
            || !sorted.flow_control.is_empty()
            || !sorted.older_faults.is_empty()
            || !sorted.timeouts.is_empty()
            || sorted.named != Named::default()
    }

    /// Whether they say anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let has_route = !self.routes.is_empty() || self.global_route.is_some();
        let has_balance = !self.balances.is_empty() || !self.group_balances.is_empty();
        let has_guard = !self.breakers.is_empty()
            || !self.bulkheads.is_empty()
            || !self.instance_breakers.is_empty()
            || !self.instance_bulkheads.is_empty()
            || !self.commands.is_empty();
        let has_limit =
            !self.limits.is_empty() || !self.limits_by_identifier.is_empty() || !self.flow_control.is_empty();
        let has_fault = !self.faults.is_empty() || !self.older_faults.is_empty();
        let has_any = has_route || has_balance || has_guard || has_limit || has_fault;
        let has_tries = !self.retries.is_empty() || !self.tries.is_empty() || !self.isolations.is_empty();
        let has_time = !self.timeouts.is_empty() || !self.time_limits.is_empty();
        !(has_any || has_tries || has_time) && self.mappings.is_empty()
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
