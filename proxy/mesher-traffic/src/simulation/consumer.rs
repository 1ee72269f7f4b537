//! A caller's proxy: limit, breaker, bulkhead, retries, balancing and passive health in the order of the chain, around one call.
//! It must ask and tell them as the proxy does, and decide nothing of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::instance::End;
use super::setting::Setting;
use crate::balance::strategy::PEAK_DECAY;
use crate::balance::{Groups, InFlight, Load, Locality, Moment, Seat, TryEnd};
use crate::breaker::{Breaker, Permit, Seen};
use crate::bulkhead::{Bulkhead, Place};
use crate::chance::Chance;
use crate::ejection::{Member, Watch};
use crate::limit::Meter;
use crate::retry::Safety;
use crate::{Budget, RoundRobin, Suspects};

/// What one try may take.
pub(super) const TRY_MAX: Duration = Duration::from_millis(400);
/// What a call may take in all.
pub(super) const CALL_MAX: Duration = Duration::from_secs(1);

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Good,
    Failed,
    Limited,
    BreakerOpen,
    BulkheadFull,
    /// The caller did not wait for it.
    Left,
}

/// What follows for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A try goes to this instance.
    Try(usize),
    /// It is tried again after a pause.
    Pause(Duration),
    Over(Outcome),
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) began: Duration,
    pub(super) is_idempotent: bool,
    pub(super) tries: u32,
    /// Of the tries, those that came after one of which something may have been acted on.
    pub(super) risky_tries: u32,
    tried: Vec<usize>,
    current: Option<(usize, Duration, InFlight)>,
    permit: Option<Permit>,
    place: Option<Place>,
}

impl Call {
    pub(super) fn new(began: Duration, is_idempotent: bool) -> Self {
        Self {
            began,
            is_idempotent,
            tries: 0,
            risky_tries: 0,
            tried: Vec::new(),
            current: None,
            permit: None,
            place: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) setting: Setting,
    meter: Option<Meter>,
    word: AtomicU64,
    pub(super) breaker: Option<Arc<Breaker>>,
    pub(super) bulkhead: Option<Arc<Bulkhead>>,
    pub(super) watch: Option<Watch>,
    groups: Groups,
    pub(super) loads: Vec<Arc<Load>>,
    rotation: RoundRobin,
    pub(super) suspects: Suspects<usize>,
    budget: Budget,
    /// Calls that came to their first try.
    begun: u64,
    /// Further tries that the budget had to allow.
    pub(super) budgeted: u64,
}

impl Consumer {
    pub(super) fn new(setting: Setting) -> Self {
        let count = setting.instances.len();
        let names: Vec<_> = (0..count).map(|place| format!("10.0.0.{place}:8080")).collect();
        let seat = |(place, name): (usize, &'_ String)| (place, name.clone());
        let named: Vec<_> = names.iter().enumerate().map(seat).collect();
        let seats: Vec<_> = named
            .iter()
            .map(|(place, name)| Seat { place: *place, name, weight: 100, region: "", zone: "" })
            .collect();
        let members = || (0..count).map(|_| Arc::new(Member::default()));
        Self {
            meter: setting.meter(),
            word: AtomicU64::new(0),
            breaker: setting.breaker.as_ref().map(|rule| Arc::new(Breaker::new(rule))),
            bulkhead: setting.bulkhead.map(|policy| Arc::new(Bulkhead::new(policy))),
            watch: setting.ejection.map(|policy| Watch::new(policy, members(), None)),
            groups: setting.balance.groups(Locality::default(), &seats),
            loads: (0..count).map(|_| Arc::new(Load::known_since(Duration::ZERO))).collect(),
            rotation: RoundRobin::default(),
            suspects: Suspects::default(),
            budget: Budget::beginning_at(Duration::ZERO, 0, 0.0, setting.retry.budget, 1),
            begun: 0,
            budgeted: 0,
            setting,
        }
    }

    /// The caller of a call goes away: nobody is to blame.
    pub(super) fn leave(&mut self, call: &mut Call, now: Duration) {
        if let Some((place, sent, in_flight)) = call.current.take() {
            in_flight.load().record(now, now - sent, TryEnd::Left, PEAK_DECAY);
            self.suspects.left(place, now);
        }
    }

    /// A call comes: down the chain to its first try.
    pub(super) fn begin(&mut self, call: &mut Call, now: Duration, chance: &mut Chance) -> Next {
        if self.meter.is_some_and(|meter| meter.take(&self.word, now).is_err()) {
            return Next::Over(Outcome::Limited);
        }
        if let Some(breaker) = &self.breaker {
            match breaker.ask(now) {
                Ok(permit) => call.permit = Some(permit),
                Err(_) => return Next::Over(Outcome::BreakerOpen),
            }
        }
        if let Some(bulkhead) = &self.bulkhead {
            match bulkhead.enter() {
                Ok(place) => call.place = Some(place),
                // The permit goes back as if nobody had asked: nothing was learnt of the callee.
                Err(_) => return Next::Over(Outcome::BulkheadFull),
            }
        }
        self.begun += 1;
        self.send(call, now, chance)
    }

    /// A try begins.
    pub(super) fn send(&mut self, call: &mut Call, now: Duration, chance: &mut Chance) -> Next {
        let place = self.choose(call, now, chance);
        self.suspects.chosen(place, now);
        self.watch.iter().for_each(|watch| watch.chosen(place, now));
        call.tries += 1;
        call.current = self.loads.get(place).map(|load| (place, now, load.begin()));
        Next::Try(place)
    }

    /// One that is trusted and was not tried, else one that was not tried, else any.
    fn choose(&mut self, call: &Call, now: Duration, chance: &mut Chance) -> usize {
        let is_first = call.tries == 0;
        let (suspects, watch) = (&self.suspects, &self.watch);
        let is_untried = |place: usize| !call.tried.contains(&place);
        let is_trusted = |place: usize| {
            let is_ejected = watch.as_ref().is_some_and(|watch| watch.is_ejected(place, now, is_first));
            suspects.may_take(place, now, is_first) && !is_ejected
        };
        let ways: [&dyn Fn(usize) -> bool; 3] =
            [&|place| is_untried(place) && is_trusted(place), &is_untried, &|_| true];
        let (balance, groups, loads) = (&self.setting.balance, &self.groups, self.loads.as_slice());
        let mut draw = || chance.bits();
        let rotation = &mut self.rotation;
        let mut moment = Moment { now, key: None, loads, rotation, is_call: true, draw: &mut draw };
        let chosen = ways.into_iter().find_map(|may_take| balance.pick(groups, &mut moment, may_take));
        chosen.expect("there is an instance, and the last way takes any")
    }

    /// A try ends: up the chain, to another one or to the caller.
    pub(super) fn end_try(&mut self, call: &mut Call, now: Duration, end: End, draw: f64) -> Next {
        let Some((place, sent, in_flight)) = call.current.take() else { unreachable!("a try is under way") };
        let elapsed = now - sent;
        let is_answered = matches!(end, End::Answered(_));
        let of_load = if is_answered { TryEnd::Answered } else { TryEnd::Failed };
        in_flight.load().record(now, elapsed, of_load, PEAK_DECAY);
        let is_failure = end != End::Answered(200);
        self.watch.iter().for_each(|watch| watch.ended(place, now, is_failure, elapsed));
        if end == End::Failed(Safety::NothingSent) {
            self.suspects.refused(place, now);
        } else if is_answered {
            self.suspects.answered(place);
        }
        drop(in_flight);
        if is_failure {
            call.tried.push(place);
            if let Some(pause) = self.again(call, now, end, draw) {
                return Next::Pause(pause);
            }
        }
        let outcome = if is_failure { Outcome::Failed } else { Outcome::Good };
        self.settle(call, now, end);
        Next::Over(outcome)
    }

    /// The pause before a further try, where there is one.
    fn again(&mut self, call: &mut Call, now: Duration, end: End, draw: f64) -> Option<Duration> {
        let policy = &self.setting.retry;
        let safety = match end {
            End::Answered(status) if !policy.statuses.contains(status) => return None,
            End::Answered(_) | End::Never => Safety::MayHaveActed,
            End::Failed(safety) => safety,
        };
        if !policy.may_try_again(call.tries, safety, call.is_idempotent) {
            return None;
        }
        let is_refused = safety == Safety::NothingSent;
        let pause = if is_refused { Duration::ZERO } else { policy.pause.after(call.tries, draw) };
        if now + pause >= call.began + CALL_MAX {
            return None;
        }
        if !is_refused && !self.budget.take(now, self.begun, policy.budget, 1) {
            return None;
        }
        self.budgeted += u64::from(!is_refused);
        call.risky_tries += u32::from(!is_refused);
        Some(pause)
    }

    /// What is learnt of a call that ended.
    fn settle(&self, call: &mut Call, now: Duration, end: End) {
        let elapsed = now - call.began;
        if let Some(permit) = call.permit.take() {
            let is_failure = match end {
                End::Answered(status) => permit.is_failure(status),
                End::Failed(_) | End::Never => true,
            };
            permit.record(now, Seen { is_failure, elapsed });
        }
        if let Some(place) = call.place.take()
            && !matches!(end, End::Failed(_))
        {
            place.learn(now, elapsed);
        }
    }
}
