//! What keys say together about some calls: what of it holds before what, and which keys say so.
//! It must read no value: what cannot be used was told where it was read.

use std::sync::Arc;

use mesher_model::explain::Said;
use mesher_model::rule::{Kind, ServiceName};

use super::rules::{About, KeyRules};
use super::{isolation, rate_limiting, tries};
use crate::fault;
use crate::limit::LimitRule;
use crate::policy::Policy;
use crate::route::RoutePolicy;
use crate::selection::{Entry as Rule, Selection};

/// What no document says: members of the context.
const MAPPER: &str = "Mapper";

/// Who says what, as it is found.
struct Sayings<'s> {
    source: &'s str,
    said: Vec<Said>,
}

impl Sayings<'_> {
    /// A key says something of this kind; `service` is the one that it names, if it does.
    fn add(&mut self, kind: impl ToString, key: &str, service: Option<&str>) {
        self.said.push(Said {
            kind: kind.to_string(),
            name: key.to_owned(),
            source: self.source.to_owned(),
            service: service.unwrap_or(ServiceName::EVERY).to_owned(),
            ..Said::default()
        });
    }

    /// Rules that are about every service.
    fn add_rules<T>(&mut self, kind: Kind, rules: Option<&Selection<T>>) {
        rules.into_iter().flat_map(Selection::names).for_each(|key| self.add(kind, key, None));
    }
}

impl KeyRules {
    /// What they say together about some calls, and which keys of a server called `source` say so; `None` where none does.
    #[must_use]
    pub fn policy(&self, about: &About, source: &str) -> Option<Policy> {
        let mut policy = Policy::default();
        let mut sayings = Sayings { source, said: Vec::new() };
        if let About::Called { service, qualified } = about {
            self.lead(about, (service, qualified), &mut policy, &mut sayings);
            self.choose(about, (service, qualified), &mut policy, &mut sayings);
        }
        let timeout = self.guard(about, &mut policy);
        for rules in [&policy.breaker, &policy.instance_breaker] {
            sayings.add_rules(Kind::Breaker, rules.as_deref());
        }
        for rules in [&policy.bulkhead, &policy.instance_bulkhead] {
            sayings.add_rules(Kind::Bulkhead, rules.as_deref());
        }
        if let Some(key) = timeout {
            sayings.add(Kind::Timeout, key, None);
        }
        policy.limits = self.limits_about(about).map(Arc::new);
        sayings.add_rules(Kind::RateLimit, policy.limits.as_deref());
        policy.faults = self.faults_about(about).map(Arc::new);
        sayings.add_rules(Kind::Fault, policy.faults.as_deref());
        policy.said = sayings.said.into();
        (policy != Policy::default()).then_some(policy)
    }

    /// Adds where calls go, what they bring along, and what time they may take.
    fn lead(
        &self,
        about: &About,
        (service, qualified): (&str, &str),
        policy: &mut Policy,
        sayings: &mut Sayings<'_>,
    ) {
        if let Some(route) = self.route(service, qualified) {
            let has_own = [service, qualified].iter().any(|name| self.routes.contains_key(*name));
            sayings.add(Kind::Route, &route.name, has_own.then_some(service));
            policy.route = Some(Arc::clone(route));
        }
        policy.time_limits = self.time_limits.selection(&self.groups, about).map(Arc::new);
        sayings.add_rules(Kind::Timeout, policy.time_limits.as_deref());
        policy.mappings = self.mappings.selection(&self.groups, about).map(Arc::new);
        for key in policy.mappings.iter().flat_map(|rules| rules.names()) {
            sayings.add(MAPPER, key, None);
        }
        if let Some(limit) = self.timeouts.of(service, qualified) {
            let has_own = self.timeouts.has_own(service, qualified);
            sayings.add(Kind::Timeout, &limit.key, has_own.then_some(service));
            policy.request_timeout = Some(limit.time);
        }
    }

    /// Adds which instance takes a call, and the next one where that fails: of each kind what is about the calls of a match group
    /// first, and behind it what is about the service.
    fn choose(
        &self,
        about: &About,
        (service, qualified): (&str, &str),
        policy: &mut Policy,
        sayings: &mut Sayings<'_>,
    ) {
        let own_or_all = |is_own: bool| is_own.then_some(service);
        let rules = self.group_balances.selection(&self.groups, about);
        sayings.add_rules(Kind::Balance, rules.as_ref());
        let own = self.balances.of(service, qualified);
        if let Some((_, key, is_own)) = &own {
            sayings.add(Kind::Balance, key, own_or_all(*is_own));
        }
        let general = own.map(|(item, key, _)| Rule::about_all(key, item));
        policy.balance = Selection::with_last(rules, general).map(Arc::new);

        let rules = self.retries.selection(&self.groups, about);
        sayings.add_rules(Kind::Retry, rules.as_ref());
        let own = tries::of(&self.tries, service, qualified);
        if let Some((_, key, is_own)) = &own {
            sayings.add(Kind::Retry, key, own_or_all(*is_own));
        }
        let general = own.map(|(item, key, _)| Rule::about_all(key, item));
        policy.retry = Selection::with_last(rules, general).map(Arc::new);

        if let Some((rule, key, is_own)) = isolation::of(&self.isolations, service, qualified) {
            sayings.add(Kind::Health, key, own_or_all(is_own));
            policy.health = Some(Arc::new(rule));
        }
        policy.instance_breaker = self.instance_breakers.selection(&self.groups, about).map(Arc::new);
        policy.instance_bulkhead = self.instance_bulkheads.selection(&self.groups, about).map(Arc::new);
    }

    /// Adds breakers and bulkheads: of Java's governance, which providers carry out, and behind them those that were taken from
    /// Hystrix. Answers the key that limits the time, where one does.
    fn guard(&self, about: &About, policy: &mut Policy) -> Option<&str> {
        let service = match about {
            About::Called { service, .. } => Some(service.as_str()),
            About::Provider => None,
        };
        let (mut breaker, mut bulkhead) = (None, None);
        if service.is_none() {
            breaker = self.breakers.selection(&self.groups, about);
            bulkhead = self.bulkheads.selection(&self.groups, about);
        }
        let said = self.commands.of(service);
        if let Some((key, rule)) = said.breaker {
            breaker = Some(Selection::followed_by(breaker, key, rule));
        }
        if let Some((key, rule)) = said.bulkhead {
            bulkhead = Some(Selection::followed_by(bulkhead, key, rule));
        }
        (policy.breaker, policy.bulkhead) = (breaker.map(Arc::new), bulkhead.map(Arc::new));
        let (key, time) = said.timeout.filter(|_| policy.request_timeout.is_none())?;
        policy.request_timeout = Some(time);
        Some(key)
    }

    /// Who takes calls counts them in periods; both sides do in seconds.
    fn limits_about(&self, about: &About) -> Option<Selection<LimitRule>> {
        let mut rules = Vec::new();
        if *about == About::Provider {
            for family in [&self.limits, &self.limits_by_identifier] {
                let selection = family.selection(&self.groups, about);
                let named = selection.into_iter().flat_map(Selection::into_entries).map(|mut rule| {
                    rule.item.name = rate_limiting::name_of(&rule.name).into();
                    rule
                });
                rules.extend(named);
            }
        }
        rules.extend(self.flow_control.rules(about));
        Selection::of(rules)
    }

    /// What callers do to themselves.
    fn faults_about(&self, about: &About) -> Option<Selection<fault::Plan>> {
        if *about == About::Provider {
            return None;
        }
        let selection = self.faults.selection(&self.groups, about);
        let rules = selection.into_iter().flat_map(Selection::into_entries);
        Selection::of(rules.chain(self.older_faults.rule(about)).collect())
    }

    /// Where the calls to a service go; `qualified` is its name as callers of other applications write it.
    pub(super) fn route(&self, service: &str, qualified: &str) -> Option<&Arc<RoutePolicy>> {
        match self.routes.get(service).or_else(|| self.routes.get(qualified)) {
            Some(own) => own.as_ref(),
            None => self.global_route.as_ref(),
        }
    }
}
