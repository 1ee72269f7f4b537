//! What is remembered of the endpoints of a cluster, and which of them are passed over for it.
//! It must be made anew with every change of the endpoints, of what was remembered before.

use std::sync::Arc;

use mesher_traffic::ejection::{HealthRule, Member, Watch};
use serde_json::{Value, json};

use super::Endpoint;
use super::checked::Checked;
use super::guards::PerEndpoint;
use crate::clock;

/// The endpoints of a cluster under one rule.
#[derive(Debug)]
pub(crate) struct Health {
    rule: Arc<HealthRule>,
    members: PerEndpoint<Member>,
    pub(crate) watch: Watch,
    /// What checks say, where the rule wants any.
    pub(crate) checked: Option<Checked>,
}

impl Health {
    pub(super) fn new(rule: &Arc<HealthRule>, endpoints: &[Endpoint], before: Option<&Self>) -> Self {
        let checked = rule
            .checks
            .as_ref()
            .map(|checks| Checked::new(checks, endpoints, before.and_then(|before| before.checked.as_ref())));
        let before = before.filter(|before| before.rule.judges_alike(rule));
        let members =
            PerEndpoint::new(endpoints, before.map(|before| &before.members), |_| Member::default());
        for (place, member) in members.all().iter().enumerate() {
            let probe = checked.as_ref().and_then(|checked| checked.probe(place));
            member.set_down(probe.is_some_and(|probe| !probe.is_healthy()));
        }
        let watch =
            Watch::new(rule.policy, members.all().iter().cloned(), before.map(|before| &before.watch));
        Self { rule: Arc::clone(rule), members, watch, checked }
    }

    /// Whether what becomes of calls counts.
    pub(crate) fn judges_calls(&self) -> bool {
        self.rule.judges_calls
    }

    /// Whether an answer with this status is a failure.
    pub(crate) fn is_failure(&self, status: u16) -> bool {
        self.rule.failures.contains(status)
    }

    /// How the endpoint at a place stands, in words; `None` where nothing is to be said of it.
    pub(crate) fn words(&self, place: usize) -> Option<String> {
        let told = self.watch.members().get(place)?.told(clock::now());
        let of_calls = told.ejected.map(|(cause, left)| match left.is_zero() {
            true => format!(
                "it was passed over, as {}; the next call finds out whether it works again",
                cause.words()
            ),
            false => {
                format!("it is passed over for another {:.1} s, as {}", left.as_secs_f64(), cause.words())
            }
        });
        let of_checks = || {
            let words = self.checked.as_ref().filter(|_| told.is_passed_over)?.words(place)?;
            Some(match self.watch.outside() {
                (_, true) => format!("it would be passed over, but too few are left: {words}"),
                (_, false) => format!("it is passed over: {words}"),
            })
        };
        of_calls.or_else(of_checks)
    }

    /// All of them, for people.
    pub(crate) fn view(&self) -> Value {
        let (outside, is_panicking) = self.watch.outside();
        let checks = self.checked.as_ref().map(Checked::view);
        json!({"ejected": outside, "uses_all": is_panicking, "ejections": self.watch.ejections(), "checks": checks})
    }
}
