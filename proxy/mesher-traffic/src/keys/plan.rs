//! Rules as keys say them, and what becomes of them: the same compiled form as that of documents, within the same bounds.
//! It must refuse a value whole where a part of it cannot be kept: half a canary is another rule.

use std::cmp::Reverse;

use mesher_model::rule::{CallMatch, Route, RouteFallback, RouteRule, Subset};
use serde_json::json;

use super::ways::Ways;
use super::yaml::Fault;
use crate::plan::{Plan, PlannedShare};
use crate::policy::PolicyError;
use crate::portion::Portion;
use crate::route::RoutePolicy;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeyRule {
    /// For people.
    pub(super) name: String,
    pub(super) ways: Ways,
    pub(super) shares: Vec<(Portion, u32)>,
    pub(super) reserve: Vec<(Portion, u32)>,
    pub(super) rest: Option<Portion>,
    pub(super) fallback: RouteFallback,
}

/// What a value says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    /// Its rules, each with its precedence: higher ones are tried first, equal ones in the order in which they stand.
    pub(super) rules: Vec<(i64, KeyRule)>,
    /// What somebody should look at.
    pub(super) notices: Vec<Fault>,
}

impl Reading {
    /// Compiles it under the name of its key.
    pub(super) fn compile(&self, key: &str) -> Result<RoutePolicy, Fault> {
        // A rule that is about no call decides none.
        let mut rules: Vec<_> = self.rules.iter().filter(|(_, rule)| !rule.ways.is_none()).collect();
        rules.sort_by_key(|(precedence, _)| Reverse(*precedence));
        let rules: Vec<_> = rules.into_iter().map(|(_, rule)| rule).collect();
        check_bounds(&rules)?;
        RoutePolicy::build(key, rules.into_iter().map(KeyRule::plan)).map_err(|error| fault(&error))
    }
}

impl KeyRule {
    fn plan(&self) -> Plan<'_> {
        let ways = self.ways.0.iter().filter(|_| !self.ways.is_every());
        Plan {
            name: self.name.clone(),
            matches: ways.map(|way| (&way.call, way.further.as_slice())).collect(),
            shares: self.shares.iter().cloned().map(PlannedShare::plain).collect(),
            reserve: self.reserve.clone(),
            rest: self.rest.clone(),
            fallback: self.fallback,
            answer: None,
            sticky: None,
        }
    }

    /// The same as far as a document can say it, read as one: whatever is out of its bounds is a fault.
    fn checked(&self) -> Result<RouteRule, Fault> {
        let within = |error: serde_json::Error| Fault::whole(format!("{}: {error}", self.name));
        let ways = || self.ways.0.iter().filter(|_| !self.ways.is_every());
        for further in ways().flat_map(|way| &way.further) {
            serde_json::from_value::<CallMatch>(json!({"path": further.path})).map_err(within)?;
        }
        // Paths stand for themselves above; one that has to be something is counted here.
        let matches = ways().map(|way| {
            let path = way.further.first().map(|further| further.path.clone());
            CallMatch { path, ..way.call.clone() }
        });
        let shares = [&self.shares, &self.reserve];
        for subset in shares.into_iter().flatten().flat_map(|(portion, _)| subsets(portion)) {
            serde_json::from_value::<Subset>(json!(subset)).map_err(within)?;
        }
        // What is left over is written by nobody.
        let is_written = |(portion, _): &&(Portion, u32)| !matches!(portion, Portion::NoneOf(_));
        let counts = shares.map(|shares| shares.iter().filter(is_written).count());
        let count = counts.into_iter().max().unwrap_or_default().max(1);
        let backends = vec![json!({}); count];
        let matches: Vec<_> = matches.collect();
        let rule = match matches.is_empty() {
            true => json!({"backends": backends}),
            false => json!({"matches": matches, "backends": backends}),
        };
        serde_json::from_value(rule).map_err(within)
    }
}

/// The subsets that a portion names itself.
fn subsets(portion: &Portion) -> Vec<&Subset> {
    match portion {
        Portion::Of(subset) | Portion::Newest(subset) => vec![subset],
        Portion::AnyOf(subsets) => subsets.iter().collect(),
        Portion::NoneOf(_) => Vec::new(),
    }
}

/// The bounds of documents hold for keys.
fn check_bounds(rules: &[&KeyRule]) -> Result<(), Fault> {
    if rules.is_empty() {
        return Ok(());
    }
    let rules = rules.iter().map(|rule| rule.checked()).collect::<Result<Vec<_>, _>>()?;
    serde_json::from_value::<Route>(json!({"service": "any", "rules": rules}))
        .map_err(|error| Fault::whole(error.to_string()))?;
    Ok(())
}

fn fault(error: &PolicyError) -> Fault {
    Fault::whole(match error {
        PolicyError::Condition { rule, place, reason, .. } => format!("{rule}, {place}: {reason}"),
        PolicyError::NoShare { rule, .. } => format!("{rule}: no part of the service has a weight"),
        PolicyError::Patterns { most, .. } => format!(
            "its regular expressions become automata of more than {} KiB together; repeat less, or compare with prefix",
            most / 1024
        ),
        error => error.to_string(),
    })
}
