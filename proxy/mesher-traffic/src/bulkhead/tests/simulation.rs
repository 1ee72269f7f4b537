//! A callee that is pressed beyond what it bears, event by event: how much of its work is of use to anybody.
//! Time must be that of the simulation alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::bulkhead::{AdaptivePolicy, Bulkhead, BulkheadPolicy, Place};
use crate::chance::Chance;

/// Beyond this an answer is of no use to its caller.
const USEFUL: f64 = 0.1;

/// A callee with so many threads, each of which takes so long for a call on average.
#[derive(Clone, Copy)]
struct Callee {
    threads: usize,
    work: f64,
}

impl Callee {
    /// Calls that it can answer in a second.
    fn capacity(self) -> f64 {
        self.threads as f64 / self.work
    }
}

struct Call {
    began: f64,
    place: Option<Place>,
}

#[derive(Default)]
struct Score {
    useful: u32,
    latencies: Vec<f64>,
    refused: u32,
    offered: u32,
}

impl Score {
    fn p99(&mut self) -> f64 {
        self.latencies.sort_by(f64::total_cmp);
        self.latencies.get(self.latencies.len() * 99 / 100).copied().unwrap_or_default()
    }
}

struct Simulation {
    now: f64,
    chance: Chance,
    bulkhead: Option<Arc<Bulkhead>>,
    waiting: VecDeque<Call>,
    busy: usize,
    /// Calls that are being worked on, by when they end.
    ending: BinaryHeap<Reverse<(u64, usize)>>,
    worked_on: Vec<Option<Call>>,
}

impl Simulation {
    fn new(policy: Option<AdaptivePolicy>, seed: u64) -> Self {
        Self {
            now: 0.0,
            chance: Chance::new(seed),
            bulkhead: policy.map(|policy| Arc::new(Bulkhead::new(BulkheadPolicy::Adaptive(policy)))),
            waiting: VecDeque::new(),
            busy: 0,
            ending: BinaryHeap::new(),
            worked_on: Vec::new(),
        }
    }

    /// Calls come at `rate` for so many seconds, whether or not they are answered.
    fn run(&mut self, callee: Callee, rate: f64, seconds: f64) -> Score {
        let mut score = Score::default();
        let end = self.now + seconds;
        let mut arrival = self.now + self.chance.exponential(1.0 / rate);
        loop {
            let ending = self.ending.peek().map_or(f64::MAX, |Reverse((nanos, _))| *nanos as f64 / 1e9);
            self.now = arrival.min(ending);
            if self.now >= end {
                return score;
            }
            if ending <= arrival {
                self.end_one(&mut score);
            } else {
                self.arrive(&mut score);
                arrival += self.chance.exponential(1.0 / rate);
            }
            self.begin(callee);
        }
    }

    fn arrive(&mut self, score: &mut Score) {
        score.offered += 1;
        let place = match &self.bulkhead {
            None => None,
            Some(bulkhead) => match bulkhead.enter() {
                Ok(place) => Some(place),
                Err(_) => {
                    score.refused += 1;
                    return;
                }
            },
        };
        self.waiting.push_back(Call { began: self.now, place });
    }

    fn begin(&mut self, callee: Callee) {
        while self.busy < callee.threads {
            let Some(call) = self.waiting.pop_front() else { return };
            self.busy += 1;
            // Half of the work is the same for all calls, half of it varies.
            let work = callee.work / 2.0 + self.chance.exponential(callee.work / 2.0);
            let place = self.worked_on.iter().position(Option::is_none).unwrap_or(self.worked_on.len());
            if place == self.worked_on.len() {
                self.worked_on.push(None);
            }
            self.worked_on[place] = Some(call);
            self.ending.push(Reverse((((self.now + work) * 1e9) as u64, place)));
        }
    }

    fn end_one(&mut self, score: &mut Score) {
        let Some(Reverse((_, place))) = self.ending.pop() else { return };
        let Some(call) = self.worked_on[place].take() else { return };
        self.busy -= 1;
        let latency = self.now - call.began;
        score.latencies.push(latency);
        score.useful += u32::from(latency <= USEFUL);
        if let Some(place) = call.place {
            let now = Duration::from_secs_f64(self.now);
            place.learn(now, Duration::from_secs_f64(latency));
        }
    }

    fn limit(&self) -> u32 {
        self.bulkhead.as_ref().map_or(0, |bulkhead| bulkhead.told().limit)
    }
}

const CALLEE: Callee = Callee { threads: 20, work: 0.01 };

#[test]
fn pressed_three_times_over_it_does_nearly_all_it_can() {
    let mut worst = (f64::MAX, 0.0_f64);
    for seed in 1..=5 {
        let mut simulation = Simulation::new(Some(AdaptivePolicy::default()), seed);
        simulation.run(CALLEE, CALLEE.capacity() * 0.5, 5.0);
        let mut score = simulation.run(CALLEE, CALLEE.capacity() * 3.0, 90.0);
        let (goodput, p99) = (f64::from(score.useful) / 90.0 / CALLEE.capacity(), score.p99());
        println!(
            "seed {seed}: goodput {goodput:.3} of capacity, p99 {:.1} ms, limit {}, refused {} of {}",
            p99 * 1e3,
            simulation.limit(),
            score.refused,
            score.offered
        );
        worst = (worst.0.min(goodput), worst.1.max(p99));
    }
    assert!(worst.0 >= 0.9, "goodput {} of capacity", worst.0);
    assert!(worst.1 <= 0.05, "p99 {} s, of work that takes 10 ms", worst.1);
}

#[test]
fn without_a_limit_nothing_of_it_is_of_use() {
    // What the limit is for: the simulation has to show the trouble that it mends.
    let mut simulation = Simulation::new(None, 1);
    let score = simulation.run(CALLEE, CALLEE.capacity() * 3.0, 20.0);
    assert!(f64::from(score.useful) / 20.0 / CALLEE.capacity() < 0.1, "{}", score.useful);
}

#[test]
fn a_callee_at_ease_is_asked_everything() {
    for seed in 1..=5 {
        let mut simulation = Simulation::new(Some(AdaptivePolicy::default()), seed);
        let score = simulation.run(CALLEE, CALLEE.capacity() * 0.6, 130.0);
        let refused = f64::from(score.refused) / f64::from(score.offered);
        println!("seed {seed}: refused {refused:.5}, limit {}", simulation.limit());
        assert!(refused < 0.005, "seed {seed}: {refused} of the calls are refused");
    }
}

#[test]
fn it_finds_its_way_from_a_start_under_pressure() {
    // Fewer threads than the limit begins with, pressed from the first call: what is measured first has a queue in it.
    let callee = Callee { threads: 4, work: 0.01 };
    for seed in 1..=5 {
        let mut simulation = Simulation::new(Some(AdaptivePolicy::default()), seed);
        simulation.run(callee, callee.capacity() * 3.0, 30.0);
        let mut score = simulation.run(callee, callee.capacity() * 3.0, 30.0);
        let goodput = f64::from(score.useful) / 30.0 / callee.capacity();
        println!(
            "seed {seed}: goodput {goodput:.3}, p99 {:.1} ms, limit {}",
            score.p99() * 1e3,
            simulation.limit()
        );
        assert!(goodput >= 0.8, "seed {seed}: goodput {goodput} of capacity");
        assert!(score.p99() <= USEFUL, "seed {seed}");
    }
}

#[test]
fn it_follows_a_callee_that_loses_and_regains_half_its_threads() {
    for seed in 1..=5 {
        let mut simulation = Simulation::new(Some(AdaptivePolicy::default()), seed);
        simulation.run(CALLEE, CALLEE.capacity() * 1.5, 20.0);
        let half = Callee { threads: CALLEE.threads / 2, ..CALLEE };
        for callee in [half, CALLEE] {
            simulation.run(callee, CALLEE.capacity() * 1.5, 10.0);
            let mut score = simulation.run(callee, CALLEE.capacity() * 1.5, 60.0);
            let goodput = f64::from(score.useful) / 60.0 / callee.capacity();
            println!(
                "seed {seed}: {} threads: goodput {goodput:.3}, p99 {:.1} ms, limit {}",
                callee.threads,
                score.p99() * 1e3,
                simulation.limit()
            );
            assert!(goodput >= 0.85, "seed {seed}: {goodput} of what {} threads can", callee.threads);
            assert!(score.p99() <= USEFUL, "seed {seed}");
        }
    }
}

#[test]
fn it_follows_a_callee_that_becomes_slower_for_all() {
    // Each call takes five times as long, without a queue: that is no pressure, and must not be taken for it for ever.
    for seed in 1..=5 {
        let mut simulation = Simulation::new(Some(AdaptivePolicy::default()), seed);
        simulation.run(CALLEE, CALLEE.capacity() * 1.2, 10.0);
        let slow = Callee { threads: CALLEE.threads, work: CALLEE.work * 5.0 };
        simulation.run(slow, slow.capacity() * 1.5, 90.0);
        let score = simulation.run(slow, slow.capacity() * 1.5, 60.0);
        let done = score.latencies.len() as f64 / 60.0 / slow.capacity();
        println!("seed {seed}: done {done:.3} of capacity, limit {}", simulation.limit());
        assert!(done >= 0.9, "seed {seed}: {done} of capacity");
    }
}
