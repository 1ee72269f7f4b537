//! What rules make of one cluster: its policy, with the endpoints of each part that it names.
//! It must be made anew with every change of the endpoints: places are places in their list.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::explain::Said;
use mesher_model::rule::{Kind, RouteFallback};
use mesher_traffic::balance::Locality;
use mesher_traffic::portion::Member;
use mesher_traffic::selection::Entry;
use mesher_traffic::{Actions, CallView, Choice, Policy, RoutePolicy};
use serde_json::{Value, json};

use super::guards::Guards;
use super::{Cluster, Endpoint};
use crate::handlers::chains::Asked;
use crate::handlers::{breaker, bulkhead};

/// The policy of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Governance {
    policy: Arc<Policy>,
    /// For each portion that rules name, which endpoints are part of it.
    parts: Vec<Box<[bool]>>,
    /// What is remembered for its rules.
    pub(crate) guards: Guards,
    /// Handlers whom only its rules ask for.
    pub(crate) asked: Asked,
}

/// What rules find, beside what they say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground<'g> {
    pub(crate) endpoints: &'g [Endpoint],
    /// For each portion that rules name, which endpoints are part of it.
    pub(crate) parts: &'g [Box<[bool]>],
    /// Where the proxy is.
    pub(crate) own: Locality<'g>,
}

impl Governance {
    fn new(policy: Arc<Policy>, endpoints: &[Endpoint], own: Locality<'_>, before: Option<&Guards>) -> Self {
        let members: Vec<_> = endpoints.iter().map(member).collect();
        let parts: Vec<_> = policy.portions().map(|portion| portion.members(&members)).collect();
        let ground = Ground { endpoints, parts: &parts, own };
        let guards = Guards::new(&policy, &ground, before);
        Self { parts, guards, asked: Asked::by(&policy), policy }
    }

    /// What holds.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn route(&self) -> Option<&RoutePolicy> {
        self.policy.route.as_deref()
    }

    /// Who says what holds, and what is shadowed.
    pub(crate) fn said(&self) -> &[Said] {
        &self.policy.said
    }

    pub(crate) fn request_timeout(&self) -> Option<Duration> {
        self.policy.request_timeout.filter(|limit| !limit.is_zero())
    }

    /// The place of the rule that bounds the time of a call, and not of all; asked only where there are such rules.
    pub(crate) fn find_time_limit(&self, call: &CallView<'_>) -> Option<u16> {
        let (place, _) = self.policy.time_limits.as_ref()?.pick(call)?;
        u16::try_from(place).ok()
    }

    /// Whether there are rules that bound the time of some calls.
    pub(crate) fn has_time_limits(&self) -> bool {
        self.policy.time_limits.is_some()
    }

    /// What a call may take that such a rule is about, or else any call.
    pub(crate) fn time_limit(&self, place: Option<u16>) -> Option<Duration> {
        match self.time_limit_rule(place) {
            Some(rule) => Some(rule.item),
            None => self.request_timeout(),
        }
    }

    fn time_limit_rule(&self, place: Option<u16>) -> Option<&Entry<Duration>> {
        self.policy.time_limits.as_ref()?.entries().get(usize::from(place?))
    }

    /// The rule that sets [`Self::time_limit`], in words.
    pub(crate) fn timeout_words(&self, place: Option<u16>) -> Option<String> {
        let own = self.time_limit_rule(place).map(|rule| rule.name.as_ref());
        let is_of_some = |name: &str| {
            let mut rules = self.policy.time_limits.iter().flat_map(|rules| rules.entries());
            rules.any(|rule| &*rule.name == name)
        };
        let is_it = |said: &&Said| {
            let is_named = own.map_or_else(|| !is_of_some(&said.name), |name| said.name == name);
            said.kind == Kind::Timeout.as_str() && said.shadowed_by.is_none() && is_named
        };
        self.said().iter().find(is_it).map(|said| match said.source.as_str() {
            Said::DOCUMENT => format!("{} {}", said.kind, said.name),
            source => format!("the {source} key {}", said.name),
        })
    }

    /// Whether the endpoint at a place belongs to a portion of the service.
    pub(crate) fn is_part(&self, portion: u16, place: usize) -> bool {
        let part = self.parts.get(usize::from(portion));
        part.and_then(|part| part.get(place)).copied().unwrap_or(false)
    }

    /// What is done with a call of this choice.
    pub(crate) fn actions(&self, choice: Choice) -> Option<&Actions> {
        self.route()?.actions(choice)
    }

    /// Whether every endpoint takes the calls for which the chosen portions have none.
    pub(crate) fn takes_any(&self, choice: Choice) -> bool {
        self.route().is_some_and(|route| route.fallback(choice.rule) == RouteFallback::Any)
    }

    /// What holds, for people.
    pub(crate) fn words(&self, now: Duration) -> Value {
        let route = self
            .route()
            .map(|route| json!({"name": route.name, "rules": route.rule_names().collect::<Vec<_>>()}));
        let timeout = self.request_timeout().map(|limit| format!("{limit:?}"));
        let time_limits: Vec<_> = self
            .policy
            .time_limits
            .iter()
            .flat_map(|rules| rules.entries())
            .map(|rule| json!({"rule": rule.name, "limit": format!("{:?}", rule.item)}))
            .collect();
        let mappings: Vec<_> = self.policy.mappings.iter().flat_map(|rules| rules.names()).collect();
        let balance = self.guards.balance.as_ref().map(|balancing| {
            let rules = balancing.rules();
            rules
                .map(|(name, policy, calls)| json!({"rule": name, "says": policy.words(), "calls": calls}))
                .collect::<Vec<_>>()
        });
        let (breakers, bulkheads) = (breaker::view(&self.guards), bulkhead::view(&self.guards));
        let isolation = breaker::view_of_instances(&self.guards);
        let health = self.guards.health.as_ref().map(|health| health.view());
        json!({"route": route, "request_timeout": timeout, "time_limits": time_limits, "mappings": mappings,
            "balance": balance, "breakers": breakers,
            "bulkheads": bulkheads, "isolation": isolation, "health": health, "limits": self.guards.limit_words(now),
            "faults": self.guards.fault_words(), "fallbacks": self.fallback_words()})
    }

    /// What callers get whose calls failed, for people.
    fn fallback_words(&self) -> Vec<Value> {
        let rules = self.policy.fallbacks.iter().flat_map(|rules| rules.entries());
        rules.map(|entry| json!({"rule": &*entry.name, "says": entry.item.words()})).collect()
    }

    /// The instances that take a call, in words.
    pub(crate) fn describe(&self, choice: Choice) -> String {
        let Some(route) = self.route() else { return String::new() };
        let portions: Vec<_> = choice.portions().map(|portion| route.portion_words(portion)).collect();
        format!("{}, which {} chose", portions.join(", or of "), self.rule_words(choice))
    }

    /// The rule that decided, in words.
    pub(crate) fn rule_words(&self, choice: Choice) -> String {
        let Some(route) = self.route() else { return String::new() };
        format!("rule {} of Route {}", route.rule_name(choice.rule), route.name)
    }
}

/// An endpoint, as far as subsets ask for it.
pub(crate) fn member(endpoint: &Endpoint) -> Member<'_> {
    let labels = endpoint.labels.as_deref();
    Member {
        version: &endpoint.version,
        zone: labels.map_or("", |labels| &labels.zone),
        properties: labels.map(|labels| &labels.properties),
    }
}

impl Cluster {
    /// This cluster under a policy, as a proxy at a place sees it; itself where it stands under it already.
    pub(crate) fn governed(self: &Arc<Self>, policy: Option<Arc<Policy>>, own: Locality<'_>) -> Arc<Self> {
        let is_same = match (&self.governance, &policy) {
            (None, None) => true,
            (Some(governance), Some(policy)) => {
                Arc::ptr_eq(&governance.policy, policy) || governance.policy == *policy
            }
            _ => false,
        };
        if is_same {
            return Arc::clone(self);
        }
        let before = self.governance.as_ref().map(|governance| &governance.guards).or(self.guards.as_deref());
        let governance = policy.map(|policy| Governance::new(policy, &self.endpoints, own, before));
        Arc::new(Self { governance, guards: None, ..self.as_ref().clone() })
    }
}
