//! Rules before they are compiled: what a document says, or keys of ServiceComb, which may say more.
//! It must decide nothing about a call.

use mesher_model::rule::{CallMatch, RouteFallback, RouteRule};

use crate::actions::Actions;
use crate::matching::condition::FurtherPath;
use crate::portion::Portion;
use crate::sticky::StickyValue;

/// A rule before it is compiled: what a document says, or what keys of ServiceComb say, which may be more.
pub(crate) struct Plan<'r> {
    /// Its name, or its number.
    pub(crate) name: String,
    /// It is about a call for which one of these holds; about every call where there is none.
    pub(crate) matches: Vec<(&'r CallMatch, &'r [FurtherPath])>,
    /// Who takes the calls.
    pub(crate) shares: Vec<PlannedShare>,
    /// Who takes those for which the chosen portion has no instance, with their weights.
    pub(crate) reserve: Vec<(Portion, u32)>,
    /// Who takes those for which that has none either.
    pub(crate) rest: Option<Portion>,
    /// Whether every instance takes those that are left.
    pub(crate) fallback: RouteFallback,
    /// How it answers in place of all of these.
    pub(crate) answer: Option<Actions>,
    /// What decides in place of a count who takes a call.
    pub(crate) sticky: Option<StickyValue>,
}

/// A part of the calls of a rule.
pub(crate) struct PlannedShare {
    /// Who takes them.
    pub(crate) portion: Portion,
    /// How many, in proportion to the others.
    pub(crate) weight: u32,
    /// What is done with them.
    pub(crate) actions: Actions,
}

impl PlannedShare {
    /// Calls with which nothing is done.
    pub(crate) fn plain((portion, weight): (Portion, u32)) -> Self {
        Self { portion, weight, actions: Actions::default() }
    }
}

impl<'r> Plan<'r> {
    pub(crate) fn of_document(place: usize, rule: &'r RouteRule, of_rule: Actions) -> Self {
        let shares = rule.backends.iter().map(|backend| PlannedShare {
            portion: Portion::Of(backend.subset.clone()),
            weight: backend.weight,
            actions: of_rule.clone().followed_by(&backend.filters),
        });
        Self {
            name: rule.name.as_ref().map_or_else(|| (place + 1).to_string(), ToString::to_string),
            matches: rule.matches.iter().map(|part| (part, [].as_slice())).collect(),
            shares: shares.collect(),
            reserve: Vec::new(),
            rest: None,
            fallback: rule.fallback,
            answer: Some(of_rule).filter(|actions| actions.answer.is_some()),
            sticky: rule.sticky.as_ref().map(StickyValue::compile),
        }
    }
}
