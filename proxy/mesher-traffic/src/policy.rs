//! What the documents of one service say together, compiled: the form that a proxy holds.
//! It must be valid by construction: what cannot be kept is refused here, before a call meets it.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::explain::Said;
use mesher_model::rule::link::LimitKey;
use mesher_model::rule::{CallMatch, Document, Kind, Rule};

use crate::balance::BalancePolicy;
use crate::breaker::BreakerRule;
use crate::bulkhead::BulkheadRule;
use crate::egress::EgressPolicy;
use crate::ejection::HealthRule;
use crate::fallback::FallbackRule;
use crate::fault;
use crate::limit::LimitRule;
use crate::mapping::Mapping;
use crate::portion::Portion;
use crate::retry::RetryPolicy;
use crate::route::{PATTERNS_BYTES_MAX, RoutePolicy};
use crate::selection::{Entry, Selection};

/// Why documents cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two documents that are equally particular.
    #[error("{kind} {first:?} and {kind} {second:?} are about the same service; one of them has to go")]
    Twice {
        /// Their kind.
        kind: Kind,
        /// Name of the one.
        first: String,
        /// Name of the other.
        second: String,
    },
    /// A route without a share.
    #[error("Route {name:?}, rule {rule}: no backend has a weight")]
    NoShare {
        /// Its name.
        name: String,
        /// Its rule.
        rule: String,
    },
    /// Something that no call can be compared with.
    #[error("Route {name:?}, rule {rule}, {place}: {reason}")]
    Condition {
        /// The document's name.
        name: String,
        /// Its rule.
        rule: String,
        /// The part of the rule.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in the matches of a document that no call can be compared with.
    #[error("{kind} {name:?}, {place}: {reason}")]
    Match {
        /// The document's kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// The part of it.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Regular expressions that take too much room together.
    #[error("{kind} {name:?}: its regular expressions become automata of more than {} KiB together; repeat less, or compare with prefixes", most / 1024)]
    Patterns {
        /// The document's kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// How much they may take.
        most: usize,
    },
}

/// The policy of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Where the calls go; any instance takes them where absent. Shared, for its automata may be large.
    pub route: Option<Arc<RoutePolicy>>,
    /// How long a call may take to the head of its answer. Zero: the proxy's own limits alone hold, whatever keys say;
    /// absent: what keys say holds.
    pub request_timeout: Option<Duration>,
    /// The same for some calls, in place of what is said of all; only where nobody but keys says anything of time.
    pub time_limits: Option<Arc<Selection<Duration>>>,
    /// Which hosts outside the mesh the service may call; all where absent.
    pub egress: Option<Arc<EgressPolicy>>,
    /// When failed calls are tried again; as [`RetryPolicy::default`] says where absent.
    pub retry: Option<Arc<Selection<RetryPolicy>>>,
    /// Which of several endpoints takes a call; each in turn where absent.
    pub balance: Option<Arc<Selection<BalancePolicy>>>,
    /// When calls are refused because too many before them failed.
    pub breaker: Option<Arc<Selection<BreakerRule>>>,
    /// How many calls may be under way at once.
    pub bulkhead: Option<Arc<Selection<BulkheadRule>>>,
    /// The same for each instance by itself.
    pub instance_breaker: Option<Arc<Selection<BreakerRule>>>,
    /// The same for each instance by itself.
    pub instance_bulkhead: Option<Arc<Selection<BulkheadRule>>>,
    /// Which endpoints are passed over.
    pub health: Option<Arc<HealthRule>>,
    /// How many calls pass; each limit that is about a call has to let it.
    pub limits: Option<Arc<Selection<LimitRule>>>,
    /// What of calls is put into their context.
    pub mappings: Option<Arc<Selection<Mapping>>>,
    /// What goes wrong with calls on purpose.
    pub faults: Option<Arc<Selection<fault::Plan>>>,
    /// What callers get where their calls failed.
    pub fallbacks: Option<Arc<Selection<FallbackRule>>>,
    /// Who says so, and what is shadowed. Left empty by [`Self::compile`]: revisions are known to whoever keeps documents.
    pub said: Arc<[Said]>,
}

impl Policy {
    /// Compiles the documents that are about one service, by name or as one of all. Of each kind the most particular
    /// one holds.
    ///
    /// # Errors
    /// [`PolicyError`], with the names of the documents.
    pub fn compile<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Result<Self, PolicyError> {
        let mut holding: [Vec<&Document>; Kind::ALL.len()] = [const { Vec::new() }; Kind::ALL.len()];
        for document in documents {
            let place = Kind::ALL.iter().position(|kind| *kind == document.kind());
            let Some(held) = place.and_then(|place| holding.get_mut(place)) else { continue };
            join(held, document)?;
        }
        let mut policy = Self::default();
        for documents in holding {
            let Some(document) = documents.first() else { continue };
            match &document.rule {
                Rule::Route(route) => policy.route = Some(Arc::new(RoutePolicy::compile(document, route)?)),
                Rule::Timeout(timeout) => {
                    policy.request_timeout = Some(timeout.request.duration());
                }
                Rule::Egress(egress) => {
                    policy.egress = Some(Arc::new(EgressPolicy::compile(document, egress)))
                }
                Rule::Retry(_) => policy.retry = select(&documents, RetryPolicy::of_rule)?,
                Rule::Breaker(_) => policy.breaker = select(&documents, breaker)?,
                Rule::Balance(_) => policy.balance = select(&documents, BalancePolicy::of_rule)?,
                Rule::Bulkhead(_) => policy.bulkhead = select(&documents, bulkhead)?,
                Rule::Fallback(_) => policy.fallbacks = select(&documents, fallback)?,
                Rule::Health(health) => policy.health = Some(Arc::new(HealthRule::of_document(health))),
                Rule::RateLimit(rule) => {
                    let parts = rule.limits.iter().map(|limit| {
                        let key = LimitKey {
                            target: document.target(),
                            limit: format!("{}/{}", document.metadata.name, limit.name),
                        };
                        let item = LimitRule::of_document(limit, key);
                        (limit.name.as_str(), limit.matches.as_slice(), item)
                    });
                    policy.limits = select_parts(document, "limit", parts)?;
                }
                Rule::Fault(rule) => {
                    let parts = rule.faults.iter().map(|part| {
                        (part.name.as_str(), part.matches.as_slice(), fault::Plan::of_document(part))
                    });
                    policy.faults = select_parts(document, "fault", parts)?;
                }
                _ => {}
            }
        }
        Ok(policy)
    }

    /// Adds what another says of which this says nothing; who says so is left as it is.
    pub fn complete(&mut self, other: Self) {
        let Self {
            route,
            request_timeout,
            time_limits,
            egress,
            retry,
            breaker,
            balance,
            bulkhead,
            instance_breaker,
            instance_bulkhead,
            health,
            limits,
            mappings,
            faults,
            fallbacks,
            said: _,
        } = other;
        self.route = self.route.take().or(route);
        if self.request_timeout.is_none() && self.time_limits.is_none() {
            (self.request_timeout, self.time_limits) = (request_timeout, time_limits);
        }
        self.egress = self.egress.take().or(egress);
        self.retry = self.retry.take().or(retry);
        self.breaker = self.breaker.take().or(breaker);
        self.balance = self.balance.take().or(balance);
        self.bulkhead = self.bulkhead.take().or(bulkhead);
        self.instance_breaker = self.instance_breaker.take().or(instance_breaker);
        self.instance_bulkhead = self.instance_bulkhead.take().or(instance_bulkhead);
        self.health = self.health.take().or(health);
        self.limits = self.limits.take().or(limits);
        self.mappings = self.mappings.take().or(mappings);
        self.faults = self.faults.take().or(faults);
        self.fallbacks = self.fallbacks.take().or(fallbacks);
    }

    /// The parts of the service that rules name: those of the route, and behind them those that take calls which failed.
    pub fn portions(&self) -> impl Iterator<Item = &Portion> {
        let of_route = self.route.iter().flat_map(|route| route.portions());
        of_route.chain(self.fallback_rules().filter_map(FallbackRule::portion))
    }

    /// The place among [`Self::portions`] of the part that the fallback at a place leads calls to, where it does.
    #[must_use]
    pub fn fallback_portion(&self, place: usize) -> Option<u16> {
        self.fallback_rules().nth(place)?.portion()?;
        let of_route = self.route.as_ref().map_or(0, |route| route.portions().len());
        let before = self.fallback_rules().take(place).filter_map(FallbackRule::portion).count();
        u16::try_from(of_route + before).ok()
    }

    fn fallback_rules(&self) -> impl Iterator<Item = &FallbackRule> {
        self.fallbacks.iter().flat_map(|rules| rules.entries()).map(|entry| &entry.item)
    }
}

fn breaker(rule: &Rule) -> Option<BreakerRule> {
    match rule {
        Rule::Breaker(breaker) => Some(BreakerRule::of_document(breaker)),
        _ => None,
    }
}

fn bulkhead(rule: &Rule) -> Option<BulkheadRule> {
    match rule {
        Rule::Bulkhead(bulkhead) => Some(BulkheadRule::of_document(bulkhead)),
        _ => None,
    }
}

fn fallback(rule: &Rule) -> Option<FallbackRule> {
    match rule {
        Rule::Fallback(fallback) => FallbackRule::of_document(fallback),
        _ => None,
    }
}

/// What documents of one kind say, each about its calls.
fn select<T>(
    documents: &[&Document],
    item: impl Fn(&Rule) -> Option<T>,
) -> Result<Option<Arc<Selection<T>>>, PolicyError> {
    let mut documents = documents.to_vec();
    documents.sort_by_key(|document| (document.rule.is_about_all(), &document.metadata.name));
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for document in documents {
        let Some(item) = item(&document.rule) else { continue };
        let (kind, name) = (document.kind(), document.metadata.name.to_string());
        let matches = document.rule.matches().iter().map(|part| (part, [].as_slice()));
        let entry = Entry::compile(format!("{kind} {name}"), matches, item)
            .map_err(|(place, reason)| PolicyError::Match { kind, name: name.clone(), place, reason })?;
        bytes += entry.pattern_bytes();
        if bytes > PATTERNS_BYTES_MAX {
            return Err(PolicyError::Patterns { kind, name, most: PATTERNS_BYTES_MAX });
        }
        entries.push(entry);
    }
    Ok(Selection::of(entries).map(Arc::new))
}

/// What the parts of one document say, each about its calls.
fn select_parts<'p, T>(
    document: &Document,
    what: &str,
    parts: impl Iterator<Item = (&'p str, &'p [CallMatch], T)>,
) -> Result<Option<Arc<Selection<T>>>, PolicyError> {
    let (kind, name) = (document.kind(), document.metadata.name.to_string());
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for (part, matches, item) in parts {
        let matches = matches.iter().map(|part| (part, [].as_slice()));
        let entry = Entry::compile(format!("{kind} {name}, {what} {part}"), matches, item).map_err(
            |(place, reason)| {
                let place = format!("{what} {part}, {place}");
                PolicyError::Match { kind, name: name.clone(), place, reason }
            },
        )?;
        bytes += entry.pattern_bytes();
        if bytes > PATTERNS_BYTES_MAX {
            return Err(PolicyError::Patterns { kind, name, most: PATTERNS_BYTES_MAX });
        }
        entries.push(entry);
    }
    Ok(Selection::of(entries).map(Arc::new))
}

/// Adds a document to those of its kind that hold: those about the service itself in place of those about every one.
fn join<'d>(held: &mut Vec<&'d Document>, document: &'d Document) -> Result<(), PolicyError> {
    match held.first().map(|other| (other.service().is_every(), document.service().is_every())) {
        Some((true, false)) => held.clear(),
        Some((false, true)) => return Ok(()),
        _ => {}
    }
    let is_about_one_part = |other: &&&Document| other.rule.subset() == document.rule.subset();
    let is_alike = |other: &&&Document| {
        other.rule.matches().is_empty() && document.rule.matches().is_empty() && is_about_one_part(other)
    };
    if let Some(other) = held.iter().find(is_alike) {
        let mut names = [document, other].map(|document| document.metadata.name.to_string());
        names.sort();
        let [first, second] = names;
        return Err(PolicyError::Twice { kind: document.kind(), first, second });
    }
    held.push(document);
    Ok(())
}
