//! The breaker against a plain model of the same rules, over any order of calls.
//! The model must be too simple to be wrong: no packed words, no atomics, every call remembered.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::breaker::Standing;

#[derive(Debug, Clone)]
enum Step {
    Wait(u16),
    Ask,
    Record { which: u8, is_failure: bool, is_slow: bool },
    Drop(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => prop_oneof![0_u16..40, 0_u16..1500].prop_map(Step::Wait),
        5 => Just(Step::Ask),
        5 => (any::<u8>(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(which, is_failure, is_slow)| Step::Record { which, is_failure, is_slow }),
        1 => any::<u8>().prop_map(Step::Drop),
    ];
    proptest::collection::vec(step, 1..250)
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    span: Span,
    minimum: u32,
    percent: u32,
    slow_percent: Option<u32>,
    open: u64,
    probes: u32,
}

fn rules() -> impl Strategy<Value = Rules> {
    let span = prop_oneof![
        (1_u32..12).prop_map(Span::Calls),
        (1_u64..20).prop_map(|tenths| Span::Time(at(tenths * 100)))
    ];
    let rest = (1_u32..8, 1_u32..=100, proptest::option::of(1_u32..=100), 0_u64..800, 1_u32..5);
    (span, rest).prop_map(|(span, (minimum, percent, slow_percent, open, probes))| Rules {
        span,
        minimum,
        percent,
        slow_percent,
        open,
        probes,
    })
}

const SLOW: Duration = at(50);

impl Rules {
    fn policy(self) -> BreakerPolicy {
        let policy = BreakerPolicy::new(self.span, percent_of(self.percent), at(self.open))
            .with_minimum_calls(self.minimum)
            .with_probes(self.probes);
        let slow = self.slow_percent.map(percent_of);
        slow.map_or(policy, |rate| policy.with_slow_calls(rate, SLOW))
    }

    fn is_too_bad(self, calls: usize, failed: usize, slow: usize) -> bool {
        let reaches = |some: usize, percent: u32| some > 0 && some * 100 >= percent as usize * calls;
        reaches(failed, self.percent) || self.slow_percent.is_some_and(|percent| reaches(slow, percent))
    }
}

/// What became of a call: when, whether it failed, whether it was slow.
type Past = (u64, bool, bool);

enum Phase {
    Closed(VecDeque<Past>),
    Open(u64),
    HalfOpen { begun: u32, ended: Vec<Past>, last: u64 },
}

struct Model {
    rules: Rules,
    phase: Phase,
    /// Of the phase: whoever began in another one is not heard.
    number: u32,
}

impl Model {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.number += 1;
    }

    /// The phase in which a call begins, and whether it is a probe; `None` where it is refused.
    fn ask(&mut self, now: u64) -> Option<(u32, bool)> {
        match &mut self.phase {
            Phase::Closed(_) => return Some((self.number, false)),
            Phase::Open(until) if now < *until => return None,
            Phase::Open(_) => self.enter(Phase::HalfOpen { begun: 1, ended: Vec::new(), last: now }),
            Phase::HalfOpen { begun, last, .. } if *begun < self.rules.probes => {
                *begun += 1;
                *last = now;
            }
            Phase::HalfOpen { last, .. } if now >= *last + self.rules.open.max(1) => *last = now,
            Phase::HalfOpen { .. } => return None,
        }
        Some((self.number, true))
    }

    fn record(&mut self, number: u32, past: Past) {
        if number != self.number {
            return;
        }
        let (rules, now) = (self.rules, past.0);
        let count = |calls: &mut dyn Iterator<Item = &Past>| {
            calls.fold((0, 0, 0), |(calls, failed, slow), past| {
                (calls + 1, failed + usize::from(past.1), slow + usize::from(past.2))
            })
        };
        match &mut self.phase {
            Phase::Open(_) => {}
            Phase::Closed(calls) => {
                calls.push_back(past);
                let least = match rules.span {
                    Span::Calls(window) => {
                        while calls.len() > window as usize {
                            calls.pop_front();
                        }
                        rules.minimum.min(window)
                    }
                    Span::Time(time) => {
                        let part = (time.as_millis() / 10) as u64;
                        calls.retain(|call| call.0 / part + 10 > now / part);
                        rules.minimum
                    }
                };
                let (all, failed, slow) = count(&mut calls.iter());
                if all >= least as usize && rules.is_too_bad(all, failed, slow) {
                    self.enter(Phase::Open(now + rules.open));
                }
            }
            Phase::HalfOpen { ended, begun, .. } => {
                ended.push(past);
                *begun = (*begun).max(ended.len() as u32);
                let (_, failed, slow) = count(&mut ended.iter());
                let left = rules.probes as usize - ended.len();
                let probes = rules.probes as usize;
                if rules.is_too_bad(probes, failed, slow) {
                    self.enter(Phase::Open(now + rules.open));
                } else if left == 0 || !rules.is_too_bad(probes, failed + left, slow + left) {
                    self.enter(Phase::Closed(VecDeque::new()));
                }
            }
        }
    }

    fn give_back(&mut self, (number, is_probe): (u32, bool)) {
        match &mut self.phase {
            Phase::HalfOpen { begun, ended, .. } if number == self.number && is_probe => {
                *begun = begun.saturating_sub(1).max(ended.len() as u32);
            }
            _ => {}
        }
    }

    fn standing(&self, now: u64) -> Standing {
        match self.phase {
            Phase::Closed(_) => Standing::Closed,
            Phase::Open(until) if now < until => Standing::Open,
            _ => Standing::HalfOpen,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_does_what_the_model_does(rules in rules(), steps in steps()) {
        let breaker = breaker(rules.policy());
        let mut model = Model { rules, phase: Phase::Closed(VecDeque::new()), number: 0 };
        let (mut now, mut under_way) = (0_u64, Vec::new());
        for step in steps {
            match step {
                Step::Wait(millis) => now += u64::from(millis),
                Step::Ask => {
                    prop_assert_eq!(breaker.foretell(at(now)).is_ok(), breaker.ask(at(now)).is_ok_and(|permit| {
                        under_way.push((Some(permit), None));
                        true
                    }));
                    let expected = model.ask(now);
                    let is_allowed = under_way.last().is_some_and(|(_, begun)| begun.is_none());
                    prop_assert_eq!(is_allowed, expected.is_some(), "at {}", now);
                    if let (Some(begun), Some((_, slot))) = (expected, under_way.last_mut()) {
                        *slot = Some(begun);
                    }
                }
                Step::Record { which, is_failure, is_slow } if !under_way.is_empty() => {
                    let (permit, begun) = under_way.swap_remove(usize::from(which) % under_way.len());
                    let elapsed = if is_slow { SLOW } else { MS };
                    permit.unwrap().record(at(now), Seen { is_failure, elapsed });
                    model.record(begun.unwrap().0, (now, is_failure, is_slow && rules.slow_percent.is_some()));
                }
                Step::Drop(which) if !under_way.is_empty() => {
                    let (permit, begun) = under_way.swap_remove(usize::from(which) % under_way.len());
                    drop(permit);
                    model.give_back(begun.unwrap());
                }
                Step::Record { .. } | Step::Drop(_) => {}
            }
            prop_assert_eq!(breaker.told(at(now)).standing, model.standing(now), "at {}", now);
        }
    }
}
