//! What checks say of the endpoints of a cluster, as long as rules want it to be checked and calls go there.
//! It must make no check, and must be asked off the request path only, but for the word that a call goes there.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_traffic::checkup::Checkup;
use mesher_traffic::ejection::{CheckRule, Question};
use serde_json::{Value, json};

use super::Endpoint;
use super::guards::PerEndpoint;
use crate::bootstrap::PortProtocol;
use crate::clock;
use crate::health::{Outcome, Trouble};

/// How long endpoints are checked after the last call.
const USED_TIME_MAX: Duration = Duration::from_secs(300);

/// The endpoints of a cluster under one rule.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) rule: CheckRule,
    probes: PerEndpoint<Probe>,
    tally: Arc<Tally>,
}

/// What is known of the cluster as a whole.
#[derive(Debug, Default)]
struct Tally {
    /// Set by calls, taken back by whoever makes checks.
    is_called: AtomicBool,
    /// When that was seen last, in milliseconds; 0: never.
    called_at: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
}

/// What is known of one endpoint. Off the request path a lock is fine.
#[derive(Debug)]
pub(crate) struct Probe(Mutex<State>);

#[derive(Debug)]
struct State {
    checkup: Checkup,
    /// When it is asked; not before somebody wants to know.
    due_at: Option<Duration>,
    is_asked: bool,
    bad_in_a_row: u32,
    /// What was wrong with the last check.
    trouble: Option<String>,
}

/// When an endpoint is to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    At(Duration),
    /// It is being checked, or cannot be asked this.
    Never,
}

impl Tally {
    fn was_called_lately(&self, now: Duration) -> bool {
        let last = self.called_at.load(Ordering::Relaxed);
        last > 0 && millis(now).saturating_sub(last) < millis(USED_TIME_MAX)
    }
}

impl Checked {
    /// What is known of an endpoint stays as long as the rule says the same.
    pub(super) fn new(rule: &CheckRule, endpoints: &[Endpoint], before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.rule == *rule);
        Self {
            probes: PerEndpoint::new(endpoints, before.map(|before| &before.probes), |_| Probe::new(rule)),
            tally: before.map(|before| Arc::clone(&before.tally)).unwrap_or_default(),
            rule: rule.clone(),
        }
    }

    /// A call goes there. Written once between two looks: all others only read.
    pub(crate) fn called(&self) {
        if !self.tally.is_called.load(Ordering::Relaxed) {
            self.tally.is_called.store(true, Ordering::Relaxed);
        }
    }

    /// Whether calls went there lately.
    pub(crate) fn is_used(&self, now: Duration) -> bool {
        let Tally { is_called, called_at, .. } = &*self.tally;
        if is_called.load(Ordering::Relaxed) {
            is_called.store(false, Ordering::Relaxed);
            called_at.store(millis(now).max(1), Ordering::Relaxed);
        }
        self.tally.was_called_lately(now)
    }

    /// Whether an endpoint can be asked what the rule asks.
    pub(crate) fn is_about(&self, endpoint: &Endpoint) -> bool {
        matches!(self.rule.question, Question::Tcp) || endpoint.protocol == PortProtocol::Rest
    }

    /// What is known of the endpoint at a place.
    pub(crate) fn probe(&self, place: usize) -> Option<&Arc<Probe>> {
        self.probes.at(place)
    }

    /// The same of each endpoint, by place.
    pub(crate) fn probes(&self) -> &[Arc<Probe>] {
        self.probes.all()
    }

    /// The place of an endpoint of which this is known.
    pub(crate) fn place(&self, probe: &Arc<Probe>) -> Option<usize> {
        self.probes.all().iter().position(|known| Arc::ptr_eq(known, probe))
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        let counts = Outcome::ALL.iter().zip(&self.tally.outcomes);
        let mut own = counts.filter(|(one, _)| **one == outcome);
        own.next().into_iter().for_each(|(_, count)| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// How many checks ended in which way.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Outcome, u64)> {
        let counts = self.tally.outcomes.iter().map(|count| count.load(Ordering::Relaxed));
        Outcome::ALL.into_iter().zip(counts)
    }

    /// How many endpoints do not work, as checks say.
    pub(crate) fn unhealthy_count(&self) -> usize {
        self.probes.all().iter().filter(|probe| !probe.is_healthy()).count()
    }

    /// What is wrong with the endpoint at a place, in words.
    pub(super) fn words(&self, place: usize) -> Option<String> {
        let state = self.probes.at(place)?.state();
        let (count, question) = (state.bad_in_a_row, &self.rule.question);
        let trouble = state.trouble.as_deref()?;
        Some(format!("{count} checks of {question} in a row failed: it {trouble}"))
    }

    /// All of it, for people.
    pub(super) fn view(&self) -> Value {
        json!({"asks_for": self.rule.question.to_string(), "interval": format!("{:?}", self.rule.interval),
            "is_running": self.tally.was_called_lately(clock::now()), "unhealthy": self.unhealthy_count()})
    }
}

impl Probe {
    fn new(rule: &CheckRule) -> Self {
        Self(Mutex::new(State::new(rule)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here is left half-changed by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.state().checkup.is_healthy()
    }

    /// When it is to be checked. The first check comes within an interval, when `draw`, from 0 to 1, says.
    pub(crate) fn due(&self, now: Duration, interval: Duration, draw: impl FnOnce() -> f64) -> Due {
        let mut state = self.state();
        if state.is_asked {
            return Due::Never;
        }
        let due_at = *state.due_at.get_or_insert_with(|| now + interval.mul_f64(draw()));
        if due_at > now { Due::At(due_at) } else { Due::Now }
    }

    /// It is being checked from now on.
    pub(crate) fn asked(&self) {
        self.state().is_asked = true;
    }

    /// A check has ended; the next one is due then. Answers whether it works, where that is news.
    pub(crate) fn heard(&self, result: &Result<(), Trouble>, next: Duration) -> Option<bool> {
        let mut state = self.state();
        state.is_asked = false;
        state.due_at = Some(next);
        state.trouble = result.as_ref().err().map(|trouble| trouble.words.clone());
        state.bad_in_a_row = if result.is_ok() { 0 } else { state.bad_in_a_row.saturating_add(1) };
        state.checkup.seen(result.is_ok())
    }

    /// Nobody checks it any more: what is known of it grows old. One that is being checked is left to the check's end.
    pub(crate) fn forget(&self, rule: &CheckRule) {
        let mut state = self.state();
        if !state.is_asked && state.due_at.is_some() {
            *state = State::new(rule);
        }
    }

    /// For people.
    pub(crate) fn view(&self) -> Value {
        let state = self.state();
        let is_known = state.due_at.is_some();
        json!({"is_healthy": state.checkup.is_healthy(), "is_checked": is_known,
            "failed_in_a_row": state.bad_in_a_row, "last_failure": state.trouble})
    }
}

impl State {
    /// Who is not checked yet counts as well.
    fn new(rule: &CheckRule) -> Self {
        let checkup = Checkup::new(rule.thresholds, true);
        Self { checkup, due_at: None, is_asked: false, bad_in_a_row: 0, trouble: None }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
