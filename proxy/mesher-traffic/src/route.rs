//! Routes, compiled: the first rule that is about a call decides, and shares its calls out without chance.
//! It must decide alike for like calls and counts: nothing here remembers.

use mesher_model::rule::{CallMatch, Document, Kind, Route, RouteFallback};

use crate::actions::Actions;
use crate::matching::call::{CallView, Message};
use crate::matching::condition::{Condition, FurtherPath, Request};
use crate::matching::gate::{Facts, Gate, Names};
use crate::plan::{Plan, PlannedShare};
use crate::policy::PolicyError;
use crate::portion::Portion;
use crate::sticky::StickyValue;

/// Turns a count into draws that are spread evenly: 2³² divided by the golden ratio (Knuth, TAOCP 3, 6.4).
pub(crate) const SPREAD: u32 = 0x9E37_79B9;
/// The same for the draws of a reserve, which must not follow from those before: 2³² times the broken part of the root of 2.
const SPREAD_OF_RESERVE: u32 = 0x6A09_E667;
/// All automata of one route together, in bytes; those of all documents of another kind about one service as well.
pub(crate) const PATTERNS_BYTES_MAX: usize = 1024 * 1024;

/// Where the calls of a service go.
#[derive(Debug, PartialEq, Eq)]
pub struct RoutePolicy {
    /// Name of the document.
    pub name: String,
    rules: Box<[Rule]>,
    /// Every match of every rule, in their order: most are told from a call in a few steps.
    entries: Box<[Entry]>,
    /// The header fields that matches ask for.
    names: Names,
    /// The portions of the service that rules name, each once.
    portions: Vec<Portion>,
    /// What is done with calls, for those rules and backends that do anything.
    actions: Vec<Actions>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// Its name, or its number.
    name: String,
    /// It is about a call for which one of these holds; about every call where there is none.
    conditions: Box<[Condition]>,
    /// Whether the first of these holds for every path, as that of a rule without matches does in the Gateway API.
    takes_every_path: bool,
    shares: Shares,
    /// Of the calls for which the chosen portion has no instance; there may be none.
    reserve: Shares,
    rest: Option<u16>,
    fallback: RouteFallback,
    /// Where the rule answers itself: how, as a place among the route's actions. It has no shares then.
    answer: Option<u16>,
    /// What decides in place of a count which share takes a call.
    sticky: Option<StickyValue>,
}

#[derive(Debug, PartialEq, Eq)]
struct Shares {
    each: Box<[Share]>,
    total: u32,
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
    /// The instances that take the call, as a place among [`RoutePolicy::portions`]; of no meaning where the rule answers
    /// itself.
    pub subset: u16,
    /// Those that take it where that portion has none, one after the other.
    pub then: [Option<u16>; 2],
    /// Which of the rule's matches holds, as a place among them.
    pub matched: u16,
    /// What is done with the call, as a place among the route's actions; `None` where it goes on as it came.
    pub actions: Option<u16>,
}

impl Choice {
    /// The portions that take the call: each where those before it have no instance.
    pub fn portions(self) -> impl Iterator<Item = u16> {
        [Some(self.subset)].into_iter().chain(self.then).flatten()
    }
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
        (0..self.conditions.len().max(1)).any(|place| self.fits(place, call, request))
    }

    /// Whether it is about a call for the match at a place; for none, where it has none.
    fn fits(&self, place: usize, call: &CallView<'_>, request: Option<Request<'_>>) -> bool {
        // A flow of bytes has no words for an answer.
        let can_answer = self.answer.is_none() || request.is_some();
        let condition = self.conditions.get(place);
        can_answer
            && condition
                .map_or(self.conditions.is_empty(), |condition| condition.check(call, request).is_ok())
    }
}

impl RoutePolicy {
    /// Compiles a document of this kind.
    ///
    /// # Errors
    /// [`PolicyError`], with the name of the document, the rule and the place in it.
    pub(crate) fn compile(document: &Document, route: &Route) -> Result<Self, PolicyError> {
        let application = document.metadata.application.as_str();
        let mut mirror_count: u16 = 0;
        let plans = route.rules.iter().enumerate().map(|(place, rule)| {
            let actions = Actions::of_rule(rule, application, mirror_count);
            // Rules and their filters are bounded where they are read.
            mirror_count = mirror_count.saturating_add(actions.mirrors.len() as u16);
            Plan::of_document(place, rule, actions)
        });
        Self::build(document.metadata.name.as_str(), plans)
    }

    /// Compiles rules, in the order in which they are tried.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub(crate) fn build<'r>(
        name: &str,
        plans: impl IntoIterator<Item = Plan<'r>>,
    ) -> Result<Self, PolicyError> {
        let (mut rules, mut parts, mut bytes) = (Vec::new(), Parts::default(), 0);
        for plan in plans {
            let rule = Rule::build(name, plan, &mut parts)?;
            bytes += rule.pattern_bytes();
            if bytes > PATTERNS_BYTES_MAX {
                return Err(PolicyError::Patterns {
                    kind: Kind::Route,
                    name: name.to_owned(),
                    most: PATTERNS_BYTES_MAX,
                });
            }
            rules.push(rule);
        }
        let Parts { portions, actions } = parts;
        let (entries, names) = Entry::all(&rules);
        Ok(Self { name: name.to_owned(), rules: rules.into(), entries, names, portions, actions })
    }

    /// How much room its automata take, in bytes.
    pub(crate) fn pattern_bytes(&self) -> usize {
        self.rules.iter().map(Rule::pattern_bytes).sum()
    }

    /// What becomes of a call; `None` where no rule is about it, so that any instance takes it.
    ///
    /// `count` tells how many calls a rule has decided before. Over any run of its calls each of its shares gets its part
    /// but for a few calls, without chance.
    #[must_use]
    pub fn choose(&self, call: &CallView<'_>, count: impl FnOnce(u16) -> u32) -> Option<Choice> {
        let (place, rule, matched) = self.deciding(call)?;
        let (place, matched) = (u16::try_from(place).ok()?, u16::try_from(matched).ok()?);
        if rule.answer.is_some() {
            return Some(Choice { rule: place, matched, subset: 0, then: [None; 2], actions: rule.answer });
        }
        let Rule { shares, reserve, rest, .. } = rule;
        if let ([share], []) = (&*shares.each, &*reserve.each) {
            let then = [None, rest.filter(|rest| *rest != share.subset)];
            return Some(Choice { rule: place, matched, subset: share.subset, then, actions: share.actions });
        }
        let is_shared = shares.each.len() > 1;
        let sticky = rule.sticky.as_ref().filter(|_| is_shared);
        let sticky = sticky.and_then(|sticky| sticky.place(call, shares.total));
        let is_counted = (is_shared && sticky.is_none()) || reserve.each.len() > 1;
        let count = if is_counted { count(place) } else { 0 };
        let share = shares.at(sticky.unwrap_or_else(|| spread(count, shares.total)))?;
        let reserve =
            reserve.at(spread_by(SPREAD_OF_RESERVE, count, reserve.total)).map(|share| share.subset);
        let (subset, then) = match reserve {
            // Whoever is left over takes a call after the reserve, also where he was chosen before it.
            Some(reserve) if Some(share.subset) == *rest => (reserve, [*rest, None]),
            _ => (share.subset, [reserve, rest.filter(|rest| *rest != share.subset)]),
        };
        Some(Choice { rule: place, matched, subset, then, actions: share.actions })
    }

    /// The first rule that is about a call, and which of its matches holds.
    fn deciding(&self, call: &CallView<'_>) -> Option<(usize, &Rule, usize)> {
        let first = self.rules.first()?;
        let message = call.head.message();
        if first.conditions.is_empty() && (first.answer.is_none() || message.is_some()) {
            return Some((0, first, 0));
        }
        let begins_with_slash = |message: Message<'_>| message.path_and_query.first() == Some(&b'/');
        if first.takes_every_path && message.is_some_and(begins_with_slash) {
            return Some((0, first, 0));
        }
        let request = message.map(Request::of);
        let facts = Facts::of(&self.names, call.head, request);
        let mut candidates = self.entries.iter().filter(|entry| entry.gate.may_pass(facts));
        candidates.find_map(|entry| {
            let (place, matched) = (usize::from(entry.rule), usize::from(entry.condition));
            let rule = self.rules.get(place)?;
            rule.fits(matched, call, request).then_some((place, rule, matched))
        })
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
        let weight = |portion| {
            let mut begin = 0;
            let mut weight = 0;
            for share in &rule.shares.each {
                if share.subset == portion {
                    weight += share.end - begin;
                }
                begin = share.end;
            }
            weight
        };
        // A reserve stands in for the portion whose share it is.
        let weight = choice.portions().map(weight).find(|weight| *weight > 0);
        (weight.unwrap_or_default(), rule.shares.total)
    }

    /// The chosen portion in words.
    #[must_use]
    pub fn subset_words(&self, choice: Choice) -> String {
        self.portion_words(choice.subset)
    }

    /// A portion in words.
    #[must_use]
    pub fn portion_words(&self, place: u16) -> String {
        self.portions.get(usize::from(place)).map(ToString::to_string).unwrap_or_default()
    }

    /// The portions of the service that rules name.
    pub fn portions(&self) -> impl ExactSizeIterator<Item = &Portion> {
        self.portions.iter()
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
    pub fn fallback(&self, rule: u16) -> RouteFallback {
        self.rules.get(usize::from(rule)).map_or(RouteFallback::None, |rule| rule.fallback)
    }

    /// Whether properties or zones of instances have to be known.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        let mut mirrored = self.actions.iter().flat_map(|actions| &actions.mirrors);
        self.portions.iter().any(Portion::is_particular)
            || mirrored.any(|mirror| mirror.subset.is_particular())
    }
}

impl Rule {
    fn build(policy: &str, plan: Plan<'_>, parts: &mut Parts) -> Result<Self, PolicyError> {
        let no_share = || PolicyError::NoShare { name: policy.to_owned(), rule: plan.name.clone() };
        let answer =
            plan.answer.map(|answer| parts.actions(answer).ok_or_else(no_share)).transpose()?.flatten();
        let planned = if answer.is_some() { Vec::new() } else { plan.shares };
        let shares = Shares::build(planned, parts).filter(|shares| shares.total > 0 || answer.is_some());
        let reserve = Shares::build(plan.reserve.into_iter().map(PlannedShare::plain).collect(), parts);
        let (Some(shares), Some(reserve)) = (shares, reserve) else { return Err(no_share()) };
        let conditions = conditions(&plan.matches).map_err(|(place, reason)| PolicyError::Condition {
            name: policy.to_owned(),
            rule: plan.name.clone(),
            place,
            reason,
        })?;
        let rest = plan.rest.and_then(|rest| parts.portion(rest));
        let Plan { name, fallback, sticky, .. } = plan;
        let takes_every_path = conditions.first().is_some_and(Condition::takes_every_path);
        Ok(Self { name, conditions, takes_every_path, shares, reserve, rest, fallback, answer, sticky })
    }

    fn pattern_bytes(&self) -> usize {
        self.conditions.iter().map(Condition::pattern_bytes).sum()
    }
}

/// A match of a rule, as a place among those of its rule; for a rule without any, the one that is not there.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    gate: Gate,
    rule: u16,
    condition: u16,
}

impl Entry {
    /// Those of all rules, with the names that they ask for. Rules and their matches are bounded where they are read.
    fn all(rules: &[Rule]) -> (Box<[Self]>, Names) {
        let (mut entries, mut names) = (Vec::new(), Names::default());
        for (place, rule) in (0..).zip(rules) {
            if rule.conditions.is_empty() {
                entries.push(Self { gate: Gate::default(), rule: place, condition: 0 });
            }
            for (number, condition) in (0..).zip(&rule.conditions) {
                let gate = Gate::of(condition, &mut names);
                entries.push(Self { gate, rule: place, condition: number });
            }
        }
        (entries.into(), names)
    }
}

/// What rules share, as it is put together.
#[derive(Default)]
struct Parts {
    portions: Vec<Portion>,
    actions: Vec<Actions>,
}

impl Parts {
    /// The place of a portion; `None` where there are too many.
    fn portion(&mut self, portion: Portion) -> Option<u16> {
        place_of(portion, &mut self.portions)
    }

    /// The place of these among the actions, if they do anything; `None` where there are too many.
    fn actions(&mut self, actions: Actions) -> Option<Option<u16>> {
        if actions.is_nothing() { Some(None) } else { place_of(actions, &mut self.actions).map(Some) }
    }
}

/// The place of a count among `total`: over any run of counts each place comes up as often as any other, but for a few.
pub(crate) fn spread(count: u32, total: u32) -> u64 {
    spread_by(SPREAD, count, total)
}

fn spread_by(factor: u32, count: u32, total: u32) -> u64 {
    (u64::from(count.wrapping_mul(factor)) * u64::from(total)) >> u32::BITS
}

impl Shares {
    /// `None` where weights are more than can be counted.
    fn build(planned: Vec<PlannedShare>, parts: &mut Parts) -> Option<Self> {
        let (mut each, mut total) = (Vec::new(), 0_u32);
        for PlannedShare { portion, weight, actions } in planned.into_iter().filter(|share| share.weight > 0)
        {
            // Weights and their number are bounded where they are read; a sum beyond that is none we can keep.
            total = total.checked_add(weight)?;
            let (subset, actions) = (parts.portion(portion)?, parts.actions(actions)?);
            each.push(Share { subset, end: total, actions });
        }
        Some(Self { each: each.into(), total })
    }

    /// The share at a place below the total; `None` where there is no share.
    fn at(&self, place: u64) -> Option<&Share> {
        self.each.iter().find(|share| place < u64::from(share.end)).or_else(|| self.each.first())
    }
}

fn place_of<T: PartialEq>(item: T, all: &mut Vec<T>) -> Option<u16> {
    let place = all.iter().position(|known| *known == item).unwrap_or_else(|| {
        all.push(item);
        all.len() - 1
    });
    u16::try_from(place).ok()
}

fn conditions(matches: &[(&CallMatch, &[FurtherPath])]) -> Result<Box<[Condition]>, (String, String)> {
    let compile = |(place, (part, further)): (usize, &(&CallMatch, &[FurtherPath]))| {
        Condition::compile(part, further)
            .map_err(|fault| (format!("match {}, {}", place + 1, fault.place), fault.reason))
    };
    matches.iter().enumerate().map(compile).collect()
}
