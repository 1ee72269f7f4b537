//! `route`: finds the rules that are about the call: which part of the service takes it, in its rule's shares, and in what time.
//! It must choose once for each invocation: a further try stays in the same part.

use mesher_model::explain::{ChoiceTold, Explanation, Missed, RuleTold, Verdict};
use mesher_traffic::{Actions, CallView, HeadView};

use crate::explain;
use crate::handlers::Handler;
use crate::request::failure::Failure;
use crate::request::invocation::Invocation;
use crate::snapshot::governance::Governance;
use crate::worker::Worker;

/// Matches of one rule that are told of.
const MISSES_MAX: usize = 4;
/// The longest part that is told of, in bytes.
const PART_BYTES_MAX: usize = 200;

pub(crate) struct Route;

impl Handler for Route {
    fn name(&self) -> &'static str {
        "route"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        let cluster = call.cluster();
        let Some(governance) = cluster.governance.as_ref() else { return Ok(()) };
        let mut limit = None;
        if governance.has_time_limits() {
            limit = governance.find_time_limit(&call.view(worker, head));
        }
        let mut choice = None;
        if let Some(route) = governance.route() {
            let view = call.view(worker, head);
            choice = route.choose(&view, |rule| worker.next_share((cluster.id, rule)));
        }
        (call.choice, call.time_limit) = (choice, limit);
        Ok(())
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        let cluster = call.cluster();
        let Some(governance) = cluster.governance.as_ref() else { return Ok(()) };
        told.said.extend(governance.said().iter().cloned());
        let time_limit = match told.call {
            Some(_) => call.time_limit,
            None => governance.find_time_limit(&call.view(worker, head)),
        };
        let limit = governance.time_limit(time_limit);
        told.timeout_ms = limit.map(|limit| limit.as_millis().try_into().unwrap_or(u64::MAX));
        tell_mapping(governance, &call.view(worker, head), told);
        let Some(route) = governance.route() else { return Ok(()) };
        let view = call.view(worker, head);
        told.rules = tell_rules(&route.verdicts(&view));
        let has_ended = told.call.is_some();
        let choice = if has_ended {
            call.choice
        } else {
            route.choose(&view, |rule| worker.count_of_shared((cluster.id, rule)).wrapping_add(1))
        };
        told.choice = choice.map(|choice| {
            let (weight, total) = route.share(choice);
            ChoiceTold {
                route: route.name.clone(),
                rule: route.rule_name(choice.rule).to_owned(),
                subset: route.subset_words(choice),
                weight,
                total,
                fallback: format!("{:?}", route.fallback(choice.rule)),
            }
        });
        let then: Vec<_> = choice
            .iter()
            .flat_map(|choice| choice.then)
            .flatten()
            .map(|portion| route.portion_words(portion))
            .collect();
        if !then.is_empty() {
            told.notes.push(format!(
                "where no instance is of that subset, the call goes to {}",
                then.join(", then to ")
            ));
        }
        if let Some(actions) = choice.and_then(|choice| route.actions(choice)) {
            tell_actions(actions, told);
        }
        if choice.is_none() {
            told.notes
                .push(format!("no rule of Route {} is about it, so every instance may take it", route.name));
        }
        call.choice = choice;
        Ok(())
    }
}

/// Which members of its context come from the call. Their values are not told.
fn tell_mapping(governance: &Governance, call: &CallView<'_>, told: &mut Explanation) {
    let rules = governance.policy().mappings.as_ref();
    if let Some((_, rule)) = rules.and_then(|rules| rules.pick(call)) {
        let names: Vec<_> = rule.item.names().collect();
        told.notes.push(format!("{} puts into its context: {}", rule.name, names.join(", ")));
    }
}

/// What else the rule does with the call.
fn tell_actions(actions: &Actions, told: &mut Explanation) {
    match actions.request_limit {
        Some(limit) if limit.is_zero() => told.timeout_ms = None,
        Some(limit) => told.timeout_ms = Some(limit.as_millis().try_into().unwrap_or(u64::MAX)),
        None => {}
    }
    told.notes.extend(actions.words().into_iter().map(|words| format!("its rule {words}")));
    if let (Some(_), Some(choice)) = (&actions.answer, &mut told.choice) {
        "the proxy itself".clone_into(&mut choice.subset);
    }
}

/// The verdicts in the form in which they are told: the first rule that is about a call decides.
fn tell_rules(verdicts: &[mesher_traffic::Verdict<'_>]) -> Vec<RuleTold> {
    let deciding = verdicts.iter().position(|verdict| verdict.is_about);
    let tell = |(place, verdict): (usize, &mesher_traffic::Verdict<'_>)| {
        let misses = verdict.misses.iter().take(if verdict.is_about { 0 } else { MISSES_MAX });
        let misses: Vec<_> = misses
            .map(|miss| Missed {
                part: explain::head(&miss.part, PART_BYTES_MAX).to_owned(),
                found: miss.found.clone(),
            })
            .collect();
        RuleTold {
            name: verdict.rule.to_owned(),
            verdict: match deciding {
                Some(first) if first == place => Verdict::Decides,
                _ if verdict.is_about => Verdict::Shadowed,
                _ => Verdict::Differs,
            },
            misses_left_out: if verdict.is_about { 0 } else { (verdict.misses.len() - misses.len()) as u64 },
            misses,
        }
    };
    verdicts.iter().enumerate().map(tell).collect()
}
