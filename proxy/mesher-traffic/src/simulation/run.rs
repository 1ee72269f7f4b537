//! A run: events in the order of their time, what is demanded after each of them, and what came of it all.
//! The same seed must make the same run, to the last event.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::consumer::{CALL_MAX, Call, Consumer, Next, Outcome, TRY_MAX};
use super::instance::End;
use super::setting::{AWAY_MAX, END, SETTLED, Setting};
use crate::balance::Strategy;
use crate::breaker::Standing;
use crate::chance::Chance;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Event {
    Arrive,
    EndTry { call: usize, end: usize },
    TryAgain { call: usize },
    Leave { call: usize },
}

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    /// The same of the calls that began when everything had settled.
    pub(super) settled: BTreeMap<&'static str, u64>,
    pub(super) calls: u64,
    pub(super) tries: u64,
    /// Of all events.
    pub(super) digest: u64,
}

impl Score {
    pub(super) fn of(counts: &BTreeMap<&'static str, u64>, outcome: &str) -> u64 {
        counts.get(outcome).copied().unwrap_or_default()
    }
}

pub(super) struct Run {
    pub(super) consumer: Consumer,
    chance: Chance,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    number: u64,
    calls: Vec<Option<Call>>,
    /// What the limit let pass lately, in requests, and until when that was.
    level: (f64, Duration),
    score: Score,
    hasher: DefaultHasher,
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Good => "good",
        Outcome::Failed => "failed",
        Outcome::Limited => "limited",
        Outcome::BreakerOpen => "breaker open",
        Outcome::BulkheadFull => "bulkhead full",
        Outcome::Left => "left",
    }
}

/// An end as a number and back, so that events can be compared and hashed.
const ENDS: [End; 5] = [
    End::Answered(200),
    End::Answered(503),
    End::Failed(crate::Safety::NothingSent),
    End::Failed(crate::Safety::MayHaveActed),
    End::Never,
];

impl Run {
    pub(super) fn new(setting: Setting, chance: Chance) -> Self {
        Self {
            consumer: Consumer::new(setting),
            chance,
            events: BinaryHeap::new(),
            number: 0,
            calls: Vec::new(),
            level: (0.0, Duration::ZERO),
            score: Score::default(),
            hasher: DefaultHasher::new(),
        }
    }

    /// All that a seed determines.
    pub(super) fn of_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let setting = Setting::drawn(&mut chance);
        Self::new(setting, chance)
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.number += 1;
        self.events.push(Reverse((time, self.number, event)));
    }

    /// Runs to the end, and demands what must hold then.
    pub(super) fn finish(mut self) -> Score {
        self.at(Duration::ZERO, Event::Arrive);
        while let Some(Reverse((now, number, event))) = self.events.pop() {
            (now, number, event).hash(&mut self.hasher);
            match event {
                Event::Arrive => self.arrive(now),
                Event::EndTry { call, end } => self.end_try(now, call, ENDS[end]),
                Event::TryAgain { call } => self.try_again(now, call),
                Event::Leave { call } => self.leave(now, call),
            }
            self.demand();
        }
        self.demand_end();
        self.score.digest = self.hasher.finish();
        self.score
    }

    fn arrive(&mut self, now: Duration) {
        let next = now
            + Duration::from_secs_f64(self.chance.exponential(1.0 / self.consumer.setting.calls_per_second));
        if next < END {
            self.at(next, Event::Arrive);
        }
        let is_idempotent = self.chance.happens(self.consumer.setting.idempotent);
        let mut call = Call::new(now, is_idempotent);
        let next = self.consumer.begin(&mut call, now, &mut self.chance);
        self.score.calls += 1;
        if next != Next::Over(Outcome::Limited) {
            self.passed_limit(now);
        }
        let number = self.calls.len();
        self.calls.push(None);
        if self.chance.happens(self.consumer.setting.leaving) {
            let patience = Duration::from_secs_f64(self.chance.exponential(0.05));
            self.at(now + patience, Event::Leave { call: number });
        }
        self.follow(now, number, call, next);
    }

    fn try_again(&mut self, now: Duration, number: usize) {
        let Some(mut call) = self.calls[number].take() else { return };
        let next = self.consumer.send(&mut call, now, &mut self.chance);
        self.follow(now, number, call, next);
    }

    /// The caller goes away, and with it all that its call holds.
    fn leave(&mut self, now: Duration, number: usize) {
        if let Some(mut call) = self.calls[number].take() {
            self.consumer.leave(&mut call, now);
            self.over(now, call, Outcome::Left);
        }
    }

    fn end_try(&mut self, now: Duration, number: usize, end: End) {
        let Some(mut call) = self.calls[number].take() else { return };
        let draw = self.chance.share();
        let next = self.consumer.end_try(&mut call, now, end, draw);
        self.follow(now, number, call, next);
    }

    fn follow(&mut self, now: Duration, number: usize, call: Call, next: Next) {
        match next {
            Next::Try(place) => {
                self.score.tries += 1;
                let instance = &self.consumer.setting.instances[place];
                let (time, end) = instance.take(now, &mut self.chance);
                let left = (call.began + CALL_MAX).saturating_sub(now).min(TRY_MAX);
                let (time, end) = if time > left { (left, End::Never) } else { (time, end) };
                let end = ENDS.iter().position(|known| *known == end).expect("all are listed");
                self.at(now + time, Event::EndTry { call: number, end });
            }
            Next::Pause(pause) => self.at(now + pause, Event::TryAgain { call: number }),
            Next::Over(outcome) => return self.over(now, call, outcome),
        }
        self.calls[number] = Some(call);
    }

    fn over(&mut self, now: Duration, call: Call, outcome: Outcome) {
        let setting = &self.consumer.setting;
        assert!(call.tries <= setting.retry.tries_max, "{} tries", call.tries);
        assert!(
            call.is_idempotent || call.risky_tries == 0,
            "a call that may not happen twice was tried again"
        );
        assert!(now <= call.began + CALL_MAX, "a call took {:?}", now - call.began);
        *self.score.outcomes.entry(name(outcome)).or_default() += 1;
        if call.began >= SETTLED {
            *self.score.settled.entry(name(outcome)).or_default() += 1;
        }
    }

    /// A call passed the limit: a bucket that leaks as the rule says never holds more than its burst.
    fn passed_limit(&mut self, now: Duration) {
        let Some(limit) = self.consumer.setting.limit else { return };
        let (level, at) = self.level;
        let leaked = (now - at).as_secs_f64() * f64::from(limit.per_second);
        let level = (level - leaked).max(0.0) + 1.0;
        self.level = (level, now);
        assert!(level <= f64::from(limit.burst) + 1e-6, "{level} at once, {} are allowed", limit.burst);
    }

    /// What holds at each moment.
    fn demand(&self) {
        if let Some(watch) = &self.consumer.watch {
            let (outside, count) = (watch.outside().0, self.consumer.loads.len());
            let most = watch.policy().ejected_max(count);
            assert!(outside <= most, "{outside} of {count} are passed over, {most} may be");
        }
    }

    /// What holds when all calls are over.
    fn demand_end(&self) {
        let all: u64 = self.score.outcomes.values().sum();
        assert_eq!(all, self.score.calls, "each call ends, once");
        for load in &self.consumer.loads {
            assert_eq!(load.in_flight(), 0, "a call is still counted");
        }
        if let Some(bulkhead) = &self.consumer.bulkhead {
            assert_eq!(bulkhead.told().in_flight, 0, "a place was not left");
        }
        // All have worked for twenty seconds, and nothing of the rules keeps calls away for longer than three.
        self.demand_readmission();
        if let Some(breaker) = &self.consumer.breaker {
            assert_eq!(breaker.told(END).standing, Standing::Closed, "it has not closed");
        }
        let budget = self.consumer.setting.retry.budget;
        let (percent, floor) =
            (f64::from(budget.percent.hundredths()) / 1e4, f64::from(budget.min_per_second));
        let seconds = END.as_secs_f64() + budget.interval.duration().as_secs_f64();
        // What is always allowed may have gathered for an interval before the first failure.
        let most = self.score.calls as f64 * percent * 1.05 + floor * seconds + 1.0;
        let tries = self.consumer.budgeted;
        assert!(tries as f64 <= most, "{tries} further tries, {most:.0} are allowed");
    }

    /// Nobody is passed over for ever. A caller who leaves may leave the call that was to find out, and another one does so only
    /// seconds later. Who weighs by latency gives calls only later to an instance that has failed, and who has
    /// refused connections for long is suspected for longer than a rule says: both find out later.
    fn demand_readmission(&self) {
        let Consumer { watch: Some(watch), setting, suspects, .. } = &self.consumer else { return };
        let weighs =
            matches!(setting.balance.strategy, Strategy::PeakEwma { .. } | Strategy::WeightedResponse);
        if weighs || setting.leaving > 0.0 || watch.policy().time_max > AWAY_MAX {
            return;
        }
        for (place, member) in watch.members().iter().enumerate() {
            let is_back = member.told(END).ejected.is_none();
            assert!(is_back || !suspects.may_take(place, END, true), "{place} is passed over: {member:?}");
        }
    }
}
