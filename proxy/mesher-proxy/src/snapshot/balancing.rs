//! What rules of kind Balance make of one cluster: which rule is about a call, and the endpoints made ready for it.
//! It must be made anew with every change of the endpoints; what is known of those that stay goes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mesher_traffic::balance::group::{WEIGHT_ONE, weight};
use mesher_traffic::balance::{
    BalancePolicy, CallerSession, Groups, Load, Moment, Persistence, Seat, SessionToken,
};
use mesher_traffic::portion::Portion;
use mesher_traffic::selection::Standing;
use mesher_traffic::{CallView, Policy};

use super::governance::Ground;
use super::guards::PerEndpoint;
use super::{Endpoint, EndpointId};
use crate::clock;

/// The rules of one cluster with what they go by.
#[derive(Debug)]
pub(crate) struct Balancing {
    rules: Standing<BalancePolicy, Remembered>,
    /// By the places of the rules.
    fields: Box<[Field]>,
    loads: PerEndpoint<Load>,
    /// What names each endpoint to callers; empty where no rule has sessions.
    tokens: Box<[SessionToken]>,
}

/// What is remembered for one rule.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    session: CallerSession,
    /// Calls that it has chosen for.
    calls: AtomicU64,
}

/// The endpoints as one rule groups them.
#[derive(Debug)]
struct Field {
    whole: Arc<Groups>,
    /// Those of each portion that rules name.
    parts: Box<[Arc<Groups>]>,
    /// The portions that it is about; all where it is about the whole service.
    about: Option<Box<[bool]>>,
}

/// A rule that is about a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruling<'b> {
    /// Its place among the rules of the cluster.
    pub(crate) place: usize,
    pub(crate) name: &'b str,
    pub(crate) policy: &'b BalancePolicy,
    remembered: &'b Remembered,
    field: &'b Field,
    balancing: &'b Balancing,
}

impl Balancing {
    /// `None` where no rule is there.
    pub(crate) fn new(policy: &Policy, ground: &Ground<'_>, before: Option<&Self>) -> Option<Self> {
        let endpoints = ground.endpoints;
        let rules = policy.balance.as_ref()?;
        let portions: Vec<_> = policy.portions().collect();
        let field = |rule: &BalancePolicy| Field::new(rule, &portions, ground);
        let fields = rules.entries().iter().map(|entry| field(&entry.item)).collect();
        let has_sessions = rules.entries().iter().any(|entry| entry.item.persistence.is_some());
        let token = |endpoint: &Endpoint| match endpoint.instance.as_ref() {
            "" => SessionToken::of(&endpoint.address.to_string()),
            instance => SessionToken::of(instance),
        };
        let now = clock::now();
        Some(Self {
            rules: Standing::new(rules, before.map(|before| &before.rules), |_| Remembered::default()),
            fields,
            loads: PerEndpoint::new(endpoints, before.map(|before| &before.loads), |_| {
                Load::known_since(now)
            }),
            tokens: endpoints.iter().filter(|_| has_sessions).map(token).collect(),
        })
    }

    /// The rule that is about a call which a route sends to `portion`; the call is only looked at where a rule asks for anything
    /// of it.
    pub(crate) fn ruling<'v>(
        &self,
        call: impl FnOnce() -> CallView<'v>,
        portion: Option<u16>,
    ) -> Option<Ruling<'_>> {
        let call = std::cell::LazyCell::new(call);
        let is_about = |(place, field): (usize, &Field)| {
            let (entry, _) = self.rules.at(place)?;
            let is_it = field.is_about(portion) && (entry.is_about_all() || entry.is_about(&call));
            is_it.then(|| self.rule(place)).flatten()
        };
        self.fields.iter().enumerate().find_map(is_about)
    }

    /// The rule at a place.
    pub(crate) fn rule(&self, place: usize) -> Option<Ruling<'_>> {
        let (entry, remembered) = self.rules.at(place)?;
        let (name, policy, field) = (entry.name.as_ref(), &entry.item, self.fields.get(place)?);
        Some(Ruling { place, name, policy, remembered: remembered.as_ref(), field, balancing: self })
    }

    /// What is known of the endpoint at a place.
    pub(crate) fn load(&self, place: usize) -> Option<&Arc<Load>> {
        self.loads.at(place)
    }

    /// Each rule by its name, in words, with the calls that it has chosen for.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &BalancePolicy, u64)> {
        self.rules.all().map(|(entry, remembered)| {
            (entry.name.as_ref(), &entry.item, remembered.calls.load(Ordering::Relaxed))
        })
    }

    /// How many endpoints are left alone, because they asked for that.
    pub(crate) fn avoided_count(&self) -> usize {
        let now = clock::now();
        self.loads.all().iter().filter(|load| load.is_avoided(now)).count()
    }
}

impl Field {
    fn new(rule: &BalancePolicy, portions: &[&Portion], ground: &Ground<'_>) -> Self {
        let Ground { endpoints, parts, own } = *ground;
        let names: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
        let seats: Vec<_> = (0..).zip(endpoints).zip(&names).map(|(at, name)| seat(rule, at, name)).collect();
        let whole = Arc::new(rule.groups(own, &seats));
        let groups = |part: &[bool]| {
            let of_part = seats.iter().filter(|seat| part.get(seat.place) == Some(&true)).copied();
            let of_part: Vec<_> = of_part.collect();
            match of_part.len() == seats.len() {
                true => Arc::clone(&whole),
                false => Arc::new(rule.groups(own, &of_part)),
            }
        };
        let mut made: Vec<Arc<Groups>> = Vec::new();
        for part in parts {
            // Tables take a while to make, and portions often have the same endpoints.
            let known = parts.iter().zip(&made).find(|(other, _)| *other == part);
            let known = known.map(|(_, groups)| Arc::clone(groups));
            made.push(known.unwrap_or_else(|| groups(part)));
        }
        let about = rule.subset.as_ref().map(|subset| {
            portions.iter().map(|portion| matches!(portion, Portion::Of(other) if other == subset)).collect()
        });
        Self { whole, parts: made.into(), about }
    }

    fn is_about(&self, portion: Option<u16>) -> bool {
        self.about.as_ref().is_none_or(|about| {
            portion.and_then(|portion| about.get(usize::from(portion))).copied().unwrap_or(false)
        })
    }

    /// The endpoints of a portion; of the whole service without one.
    fn groups(&self, portion: Option<u16>) -> &Groups {
        let part = portion.and_then(|portion| self.parts.get(usize::from(portion)));
        part.unwrap_or(&self.whole)
    }
}

fn seat<'e>(rule: &BalancePolicy, (place, endpoint): (usize, &'e Endpoint), name: &'e str) -> Seat<'e> {
    let labels = endpoint.labels.as_deref();
    let property = rule.weight_property.as_deref();
    let said = labels.zip(property).and_then(|(labels, property)| labels.properties.get(property));
    Seat {
        place,
        name,
        weight: said.and_then(|text| weight(text)).unwrap_or(WEIGHT_ONE),
        region: labels.map_or("", |labels| &labels.region),
        zone: labels.map_or("", |labels| &labels.zone),
    }
}

impl<'b> Ruling<'b> {
    /// What is known of each endpoint, by its place.
    pub(crate) fn loads(&self) -> &'b [Arc<Load>] {
        self.balancing.loads.all()
    }

    /// The place of the endpoint that takes a call of a portion, of those that may: the one that the call asks for, or that
    /// all calls stay with, before any other.
    pub(crate) fn pick(
        &self,
        portion: Option<u16>,
        asked: Option<SessionToken>,
        moment: &mut Moment<'_>,
        may_take: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let groups = self.field.groups(portion);
        let now = moment.now;
        let of_session = self.of_session(asked, moment).filter(|place| may_take(*place));
        if of_session.is_some() || !self.policy.heeds_retry_after {
            return of_session.or_else(|| self.policy.pick(groups, moment, may_take));
        }
        let is_avoided = |place: usize| self.loads().get(place).is_some_and(|load| load.is_avoided(now));
        let unavoided = self.policy.pick(groups, moment, &|place| !is_avoided(place) && may_take(place));
        unavoided.or_else(|| self.policy.pick(groups, moment, may_take))
    }

    fn of_session(&self, asked: Option<SessionToken>, moment: &Moment<'_>) -> Option<usize> {
        if let Some(Persistence::Caller { idle_limit, failures_max }) = self.policy.persistence {
            let id = self.remembered.session.stays(moment.now, idle_limit, failures_max)?;
            return self.balancing.loads.place(EndpointId(id));
        }
        let asked = asked?;
        self.balancing.tokens.iter().position(|token| *token == asked)
    }

    /// A call goes to an endpoint.
    pub(crate) fn begins(&self, now: std::time::Duration, endpoint: EndpointId) {
        self.remembered.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(Persistence::Caller { .. }) = self.policy.persistence {
            self.remembered.session.uses(now, endpoint.0);
        }
    }

    /// A try of a call ended.
    pub(crate) fn ended(&self, endpoint: EndpointId, has_failed: bool) {
        if let Some(Persistence::Caller { .. }) = self.policy.persistence {
            self.remembered.session.ended(endpoint.0, has_failed);
        }
    }

    /// The header field by which the calls that follow stay with the endpoint at a place, for a call that did not ask for it.
    pub(crate) fn session_field(
        &self,
        place: usize,
        asked: Option<SessionToken>,
    ) -> Option<(&'b str, String)> {
        let token = *self.balancing.tokens.get(place)?;
        if asked == Some(token) {
            return None;
        }
        self.policy.persistence.as_ref()?.field(token)
    }
}
