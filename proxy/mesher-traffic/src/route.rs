//! Routes, compiled: the first rule that is about a call decides, and shares its calls out without chance.
//! It must decide alike for like calls and counts: nothing here remembers.

use std::collections::BTreeMap;

use mesher_model::rule::{Backend, Document, Fallback, Route, RouteRule, Subset};

use crate::actions::Actions;
use crate::matching::call::CallView;
use crate::matching::condition::{Condition, Request, has_all};
use crate::policy::PolicyError;
use crate::sticky::StickyValue;

/// Turns a count into draws that are spread evenly: 2³² divided by the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u32 = 0x9E37_79B9;
/// All automata of one route together, in bytes.
const PATTERNS_BYTES_MAX: usize = 1024 * 1024;

/// Where the calls of a service go.
#[derive(Debug, PartialEq, Eq)]
pub struct RoutePolicy {
    /// Name of the document.
    pub name: String,
    rules: Box<[Rule]>,
    /// The parts of the service that rules name, each once.
    subsets: Vec<Subset>,
    /// What is done with calls, for those rules and backends that do anything.
    actions: Vec<Actions>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// Its name, or its number.
    name: String,
    /// It is about a call for which one of these holds; about every call where there is none.
    conditions: Box<[Condition]>,
    shares: Box<[Share]>,
    total: u32,
    fallback: Fallback,
    /// Where the rule answers itself: how, as a place among the route's actions. It has no shares then.
    answer: Option<u16>,
    /// What decides in place of a count which share takes a call.
    sticky: Option<StickyValue>,
}

#[derive(Debug, PartialEq, Eq)]
struct Share {
    subset: u16,
    /// Draws below this one, and not below that of the share before, are its own.
    end: u32,
    /// What is done with its calls, as a place among the route's actions.
    actions: Option<u16>,
}

/// What a route made of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The rule that decided, as a place among those of the route.
    pub rule: u16,
    /// Which of the rule's matches holds, as a place among them.
    pub matched: u16,
    /// The instances that take the call, as a place among [`RoutePolicy::subsets`]; of no meaning where the rule answers
    /// itself.
    pub subset: u16,
    /// What is done with the call, as a place among the route's actions; `None` where it goes on as it came.
    pub actions: Option<u16>,
}

/// What a rule says of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'r> {
    /// Its name, or its number.
    pub rule: &'r str,
    /// Whether it is about the call.
    pub is_about: bool,
    /// Why its matches are not, each with its first part that the call does not fit.
    pub misses: Vec<Miss>,
}

/// The first part of a match that a call does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The part, in the words of documents.
    pub part: String,
    /// What the call has in its place. Values of header fields, cookies and parameters are left out.
    pub found: String,
}

impl Miss {
    fn find(condition: &Condition, call: &CallView<'_>, request: Option<Request<'_>>) -> Option<Self> {
        let part = condition.check(call, request).err()?;
        Some(Self { part: part.to_string(), found: part.found(call, request) })
    }
}

impl Rule {
    fn is_about(&self, call: &CallView<'_>, request: Option<Request<'_>>) -> bool {
        self.matched(call, request).is_some()
    }

    /// Which of its matches holds for a call; `None` where it is not about it.
    fn matched(&self, call: &CallView<'_>, request: Option<Request<'_>>) -> Option<usize> {
        match self.conditions.as_ref() {
            // A flow of bytes has no words for an answer.
            _ if self.answer.is_some() && request.is_none() => None,
            [] => Some(0),
            conditions => conditions.iter().position(|condition| condition.check(call, request).is_ok()),
        }
    }
}

/// An instance as far as a subset asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its version.
    pub version: &'a str,
    /// Its zone; empty where it is not known.
    pub zone: &'a str,
    /// Its properties, where they are known.
    pub properties: Option<&'a BTreeMap<String, String>>,
}

impl RoutePolicy {
    /// Compiles a document of this kind.
    ///
    /// # Errors
    /// [`PolicyError`], with the name of the document, the rule and the place in it.
    pub(crate) fn compile(document: &Document, route: &Route) -> Result<Self, PolicyError> {
        let name = document.metadata.name.to_string();
        let application = document.metadata.application.to_string();
        let mut parts = Parts { application, ..Parts::default() };
        let mut rules = Vec::with_capacity(route.rules.len());
        let mut bytes = 0;
        for (place, rule) in route.rules.iter().enumerate() {
            let label = rule.name.as_ref().map_or_else(|| (place + 1).to_string(), ToString::to_string);
            let (shares, total, answer) = parts
                .shares(rule)
                .ok_or_else(|| PolicyError::NoShare { name: name.clone(), rule: label.clone() })?;
            let conditions = conditions(rule).map_err(|(place, reason)| PolicyError::Condition {
                name: name.clone(),
                rule: label.clone(),
                place,
                reason,
            })?;
            bytes += conditions.iter().map(Condition::pattern_bytes).sum::<usize>();
            if bytes > PATTERNS_BYTES_MAX {
                return Err(PolicyError::Patterns { name, most: PATTERNS_BYTES_MAX });
            }
            let sticky = rule.sticky.as_ref().map(StickyValue::compile);
            rules.push(Rule {
                name: label,
                conditions,
                shares,
                total,
                fallback: rule.fallback,
                answer,
                sticky,
            });
        }
        let Parts { subsets, actions, .. } = parts;
        Ok(Self { name, rules: rules.into(), subsets, actions })
    }

    /// What becomes of a call; `None` where no rule is about it, so that any instance takes it.
    ///
    /// `count` tells how many calls a rule has decided before. Over any run of its calls each of its shares gets its part
    /// but for a few calls, without chance.
    #[must_use]
    pub fn choose(&self, call: &CallView<'_>, count: impl FnOnce(u16) -> u32) -> Option<Choice> {
        let (place, rule, matched) = self.deciding(call)?;
        let (place, matched) = (u16::try_from(place).ok()?, u16::try_from(matched).ok()?);
        let share = match rule.shares.as_ref() {
            [] => return Some(Choice { rule: place, matched, subset: 0, actions: rule.answer }),
            [only] => only,
            shares => {
                let sticky = rule.sticky.as_ref().and_then(|sticky| sticky.place(call, rule.total));
                let draw = sticky.unwrap_or_else(|| spread(count(place), rule.total));
                shares.iter().find(|share| draw < u64::from(share.end)).or_else(|| shares.first())?
            }
        };
        Some(Choice { rule: place, matched, subset: share.subset, actions: share.actions })
    }

    /// The first rule that is about a call, and which of its matches holds.
    fn deciding(&self, call: &CallView<'_>) -> Option<(usize, &Rule, usize)> {
        let first = self.rules.first()?;
        let message = call.head.message();
        if first.conditions.is_empty() && (first.answer.is_none() || message.is_some()) {
            return Some((0, first, 0));
        }
        let request = message.map(Request::of);
        let mut rules = self.rules.iter().enumerate();
        rules.find_map(|(place, rule)| Some((place, rule, rule.matched(call, request)?)))
    }

    /// What is done with a call of this choice.
    #[must_use]
    pub fn actions(&self, choice: Choice) -> Option<&Actions> {
        self.actions.get(usize::from(choice.actions?))
    }

    /// What each rule says of a call, in their order. The first that is about it decides.
    #[must_use]
    pub fn verdicts(&self, call: &CallView<'_>) -> Vec<Verdict<'_>> {
        let request = call.head.message().map(Request::of);
        let verdicts = self.rules.iter().map(|rule| Verdict {
            rule: &rule.name,
            is_about: rule.is_about(call, request),
            misses: rule.conditions.iter().filter_map(|one| Miss::find(one, call, request)).collect(),
        });
        verdicts.collect()
    }

    /// The part of the calls of a rule that goes to a subset: its weight, and the sum of all.
    #[must_use]
    pub fn share(&self, choice: Choice) -> (u32, u32) {
        let Some(rule) = self.rules.get(usize::from(choice.rule)) else { return (0, 0) };
        let mut begin = 0;
        let mut weight = 0;
        for share in &rule.shares {
            if share.subset == choice.subset {
                weight += share.end - begin;
            }
            begin = share.end;
        }
        (weight, rule.total)
    }

    /// A subset in words.
    #[must_use]
    pub fn subset_words(&self, choice: Choice) -> String {
        let subset = self.subsets.get(usize::from(choice.subset));
        subset.map(|subset| Wording(subset).to_string()).unwrap_or_default()
    }

    /// The parts of the service that rules name.
    pub fn subsets(&self) -> impl ExactSizeIterator<Item = &Subset> {
        self.subsets.iter()
    }

    /// The name of a rule, or its number.
    #[must_use]
    pub fn rule_name(&self, rule: u16) -> &str {
        self.rules.get(usize::from(rule)).map_or("", |rule| &rule.name)
    }

    /// The names of all rules, or their numbers.
    pub fn rule_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Who takes the calls of a rule for which there is no instance.
    #[must_use]
    pub fn fallback(&self, rule: u16) -> Fallback {
        self.rules.get(usize::from(rule)).map_or(Fallback::None, |rule| rule.fallback)
    }

    /// Whether properties or zones of instances have to be known.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        let mirrored = self.actions.iter().flat_map(|actions| &actions.mirrors).map(|mirror| &mirror.subset);
        self.subsets.iter().chain(mirrored).any(Subset::is_particular)
    }
}

/// What rules share, as it is put together.
#[derive(Default)]
struct Parts {
    /// Of the services.
    application: String,
    subsets: Vec<Subset>,
    actions: Vec<Actions>,
    mirror_count: u16,
}

impl Parts {
    /// The shares of a rule with the sum of their weights, or the actions of one that answers itself; `None` where it does
    /// neither.
    fn shares(&mut self, rule: &RouteRule) -> Option<(Box<[Share]>, u32, Option<u16>)> {
        let (mut shares, mut total) = (Vec::new(), 0_u32);
        let of_rule = Actions::of_rule(rule, &self.application, self.mirror_count);
        self.mirror_count += u16::try_from(of_rule.mirrors.len()).ok()?;
        if of_rule.answer.is_some() {
            return Some((Box::default(), 0, self.actions(of_rule)?));
        }
        for Backend { subset, weight, filters } in rule.backends.iter().filter(|backend| backend.weight > 0) {
            // Weights and their number are bounded where documents are read; a sum beyond that is none we can keep.
            total = total.checked_add(*weight)?;
            let known = self.subsets.iter().position(|known| known == subset);
            let place = known.unwrap_or_else(|| {
                self.subsets.push(subset.clone());
                self.subsets.len() - 1
            });
            let actions = self.actions(of_rule.clone().followed_by(filters))?;
            shares.push(Share { subset: u16::try_from(place).ok()?, end: total, actions });
        }
        (!shares.is_empty()).then(|| (shares.into(), total, None))
    }

    /// The place of these among the actions, if they do anything; `None` where there are too many.
    fn actions(&mut self, actions: Actions) -> Option<Option<u16>> {
        if actions.is_nothing() {
            return Some(None);
        }
        let known = self.actions.iter().position(|known| *known == actions);
        let place = known.unwrap_or_else(|| {
            self.actions.push(actions);
            self.actions.len() - 1
        });
        u16::try_from(place).ok().map(Some)
    }
}

/// The place of a count among `total`: over any run of counts each place comes up as often as any other, but for a few.
pub(crate) fn spread(count: u32, total: u32) -> u64 {
    (u64::from(count.wrapping_mul(SPREAD)) * u64::from(total)) >> u32::BITS
}

fn conditions(rule: &RouteRule) -> Result<Box<[Condition]>, (String, String)> {
    let compile = |(place, part)| {
        Condition::compile(part)
            .map_err(|fault| (format!("match {}, {}", place + 1, fault.place), fault.reason))
    };
    rule.matches.iter().enumerate().map(compile).collect()
}

/// Whether an instance belongs to a subset.
#[must_use]
pub fn is_member(subset: &Subset, member: Member<'_>) -> bool {
    subset.version.as_deref().is_none_or(|wanted| wanted == member.version)
        && subset.zone.as_ref().is_none_or(|wanted| wanted.as_str() == member.zone)
        && (subset.properties.is_empty()
            || member.properties.is_some_and(|given| has_all(given, &subset.properties)))
}

impl std::fmt::Display for Wording<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(subset) = self;
        let version = subset.version.iter().map(|version| format!("version {version}"));
        let zone = subset.zone.iter().map(|zone| format!("zone {zone}"));
        let properties = subset.properties.iter().map(|(name, value)| format!("property {name}={value}"));
        let parts: Vec<_> = version.chain(zone).chain(properties).collect();
        if parts.is_empty() {
            formatter.write_str("any version")
        } else {
            formatter.write_str(&parts.join(", "))
        }
    }
}

/// A subset in words, as in "no instance is of version 0.0.2, zone az-1".
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a>(pub &'a Subset);
