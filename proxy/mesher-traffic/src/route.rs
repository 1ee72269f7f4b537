//! Routes, compiled: the first rule that is about a call decides, and shares its calls out without chance.
//! It must decide alike for like calls and counts: nothing here remembers.

use mesher_model::rule::{CallMatch, Document, Fallback, Route, RouteRule};

use crate::matching::call::CallView;
use crate::matching::condition::{Condition, FurtherPath, Request};
use crate::policy::PolicyError;
pub use crate::portion::{Member, Portion};

/// Turns a count into draws that are spread evenly: 2³² divided by the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u32 = 0x9E37_79B9;
/// The same for the draws of a reserve, which must not follow from those before: 2³² times the broken part of the root of 2.
const SPREAD_OF_RESERVE: u32 = 0x6A09_E667;
/// All automata of one route together, in bytes.
const PATTERNS_BYTES_MAX: usize = 1024 * 1024;

/// Where the calls of a service go.
#[derive(Debug, PartialEq, Eq)]
pub struct RoutePolicy {
    /// Name of the document.
    pub name: String,
    rules: Box<[Rule]>,
    /// The portions of the service that rules name, each once.
    portions: Vec<Portion>,
}

/// A rule before it is compiled: what a document says, or what keys of ServiceComb say, which may be more.
pub(crate) struct Plan<'r> {
    /// Its name, or its number.
    pub(crate) name: String,
    /// It is about a call for which one of these holds; about every call where there is none.
    pub(crate) matches: Vec<(&'r CallMatch, &'r [FurtherPath])>,
    /// Who takes the calls, with their weights.
    pub(crate) shares: Vec<(Portion, u32)>,
    /// Who takes those for which the chosen portion has no instance, with their weights.
    pub(crate) reserve: Vec<(Portion, u32)>,
    /// Who takes those for which that has none either.
    pub(crate) rest: Option<Portion>,
    /// Whether every instance takes those that are left.
    pub(crate) fallback: Fallback,
}

impl<'r> Plan<'r> {
    fn of_document(place: usize, rule: &'r RouteRule) -> Self {
        let backends = rule.backends.iter();
        Self {
            name: rule.name.as_ref().map_or_else(|| (place + 1).to_string(), ToString::to_string),
            matches: rule.matches.iter().map(|part| (part, [].as_slice())).collect(),
            shares: backends.map(|backend| (Portion::Of(backend.subset.clone()), backend.weight)).collect(),
            reserve: Vec::new(),
            rest: None,
            fallback: rule.fallback,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// Its name, or its number.
    name: String,
    /// It is about a call for which one of these holds; about every call where there is none.
    conditions: Box<[Condition]>,
    shares: Shares,
    /// Of the calls for which the chosen portion has no instance; there may be none.
    reserve: Shares,
    rest: Option<u16>,
    fallback: Fallback,
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
}

/// What a route made of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The rule that decided, as a place among those of the route.
    pub rule: u16,
    /// The instances that take the call, as a place among [`RoutePolicy::portions`].
    pub subset: u16,
    /// Those that take it where that portion has none, one after the other.
    pub then: [Option<u16>; 2],
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
        self.conditions.is_empty()
            || self.conditions.iter().any(|condition| condition.check(call, request).is_ok())
    }
}

impl RoutePolicy {
    /// Compiles a document of this kind.
    ///
    /// # Errors
    /// [`PolicyError`], with the name of the document, the rule and the place in it.
    pub(crate) fn compile(document: &Document, route: &Route) -> Result<Self, PolicyError> {
        let plans = route.rules.iter().enumerate().map(|(place, rule)| Plan::of_document(place, rule));
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
        let (mut rules, mut portions, mut bytes) = (Vec::new(), Vec::new(), 0);
        for plan in plans {
            let rule = Rule::build(name, plan, &mut portions)?;
            bytes += rule.pattern_bytes();
            if bytes > PATTERNS_BYTES_MAX {
                return Err(PolicyError::Patterns { name: name.to_owned(), most: PATTERNS_BYTES_MAX });
            }
            rules.push(rule);
        }
        Ok(Self { name: name.to_owned(), rules: rules.into(), portions })
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
        let (place, rule) = self.deciding(call)?;
        let place = u16::try_from(place).ok()?;
        let is_one = rule.shares.each.len() == 1 && rule.reserve.each.len() <= 1;
        let count = if is_one { 0 } else { count(place) };
        let subset = rule.shares.draw(count.wrapping_mul(SPREAD))?;
        let reserve = rule.reserve.draw(count.wrapping_mul(SPREAD_OF_RESERVE));
        Some(match reserve {
            // Whoever is left over takes a call after the reserve, also where he was chosen before it.
            Some(reserve) if Some(subset) == rule.rest => {
                Choice { rule: place, subset: reserve, then: [rule.rest, None] }
            }
            _ => Choice { rule: place, subset, then: [reserve, rule.rest.filter(|rest| *rest != subset)] },
        })
    }

    fn deciding(&self, call: &CallView<'_>) -> Option<(usize, &Rule)> {
        let first = self.rules.first()?;
        if first.conditions.is_empty() {
            return Some((0, first));
        }
        let request = call.head.message().map(Request::of);
        self.rules.iter().enumerate().find(|(_, rule)| rule.is_about(call, request))
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
    pub fn fallback(&self, rule: u16) -> Fallback {
        self.rules.get(usize::from(rule)).map_or(Fallback::None, |rule| rule.fallback)
    }

    /// Whether properties or zones of instances have to be known.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        self.portions.iter().any(Portion::is_particular)
    }
}

impl Rule {
    fn build(policy: &str, plan: Plan<'_>, portions: &mut Vec<Portion>) -> Result<Self, PolicyError> {
        let shares = Shares::build(plan.shares, portions).filter(|shares| shares.total > 0);
        let reserve = Shares::build(plan.reserve, portions);
        let (Some(shares), Some(reserve)) = (shares, reserve) else {
            return Err(PolicyError::NoShare { name: policy.to_owned(), rule: plan.name });
        };
        let conditions = conditions(&plan.matches).map_err(|(place, reason)| PolicyError::Condition {
            name: policy.to_owned(),
            rule: plan.name.clone(),
            place,
            reason,
        })?;
        let rest = plan.rest.and_then(|rest| place_of(rest, portions));
        Ok(Self { name: plan.name, conditions, shares, reserve, rest, fallback: plan.fallback })
    }

    fn pattern_bytes(&self) -> usize {
        self.conditions.iter().map(Condition::pattern_bytes).sum()
    }
}

impl Shares {
    /// `None` where weights are more than can be counted.
    fn build(shares: Vec<(Portion, u32)>, portions: &mut Vec<Portion>) -> Option<Self> {
        let (mut each, mut total) = (Vec::new(), 0_u32);
        for (portion, weight) in shares.into_iter().filter(|(_, weight)| *weight > 0) {
            // Weights and their number are bounded where they are read; a sum beyond that is none we can keep.
            total = total.checked_add(weight)?;
            each.push(Share { subset: place_of(portion, portions)?, end: total });
        }
        Some(Self { each: each.into(), total })
    }

    /// The portion of a draw out of 2³²; `None` where there is no share.
    fn draw(&self, draw: u32) -> Option<u16> {
        let draw = (u64::from(draw) * u64::from(self.total)) >> 32;
        let found = self.each.iter().find(|share| draw < u64::from(share.end)).or_else(|| self.each.first());
        found.map(|share| share.subset)
    }
}

fn place_of(portion: Portion, portions: &mut Vec<Portion>) -> Option<u16> {
    let place = portions.iter().position(|known| *known == portion).unwrap_or_else(|| {
        portions.push(portion);
        portions.len() - 1
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
