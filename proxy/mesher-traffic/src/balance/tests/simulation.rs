//! A fleet in which one instance is ten times as slow as the others, call by call, in a time of its own.
//! It must show what callers feel: how long the slowest hundredth of the calls takes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Bench;
use crate::balance::strategy::PEAK_DECAY;
use crate::balance::{InFlight, Strategy, TryEnd};

const INSTANCES: usize = 10;
const CALLS: usize = 60_000;
/// Calls that are not looked at: nothing is known yet.
const FIRST: usize = 6_000;
const SERVICE_SECONDS: f64 = 0.010;
const SLOWER: f64 = 10.0;
const SEED: u64 = 4_711;

/// How an instance takes calls.
#[derive(Clone, Copy)]
struct Shape {
    /// Calls that one instance works on at once; others wait in its queue.
    places: usize,
    calls_per_second: f64,
}

/// Calls that leave at once, however many there are: what is measured is the slow instance and nothing else.
const NO_QUEUE: Shape = Shape { places: usize::MAX, calls_per_second: 2_000.0 };
/// Each instance could take 800 calls a second, the slow one 80; turns give each 300.
const QUEUES: Shape = Shape { places: 8, calls_per_second: 3_000.0 };

struct Call {
    began: f64,
    in_flight: InFlight,
}

/// An instance with those that wait in front of it.
#[derive(Default)]
struct Instance {
    busy: usize,
    waiting: std::collections::VecDeque<usize>,
}

struct Fleet {
    bench: Bench,
    instances: Vec<Instance>,
    shape: Shape,
    /// Ends of calls that are worked on, the next first: nanoseconds, instance, call.
    ends: BinaryHeap<Reverse<(u64, usize, usize)>>,
    calls: Vec<Option<Call>>,
    latencies: Vec<f64>,
    taken_by_slow: usize,
}

impl Fleet {
    fn new(strategy: Strategy, shape: Shape) -> Self {
        let bench = Bench::new(strategy, INSTANCES, &[], SEED);
        let instances = (0..INSTANCES).map(|_| Instance::default()).collect();
        Self {
            bench,
            instances,
            shape,
            ends: BinaryHeap::new(),
            calls: Vec::new(),
            latencies: Vec::new(),
            taken_by_slow: 0,
        }
    }

    /// A time by chance, of this length on average (exponential).
    fn some_time(&mut self, mean: f64) -> f64 {
        let draw = (self.bench.draws.next() >> 11) as f64 / (1_u64 << 53) as f64;
        -mean * (1.0 - draw).ln()
    }

    /// The slowest hundredth of the calls, and the share of the slow instance.
    fn run(mut self) -> (f64, f64) {
        let mut now = 0.0;
        for number in 0..CALLS {
            now += self.some_time(1.0 / self.shape.calls_per_second);
            self.end_until(now);
            self.arrive(number, now);
        }
        self.end_until(f64::INFINITY);
        assert_eq!(self.latencies.len(), CALLS);
        let mut latencies = self.latencies.split_off(FIRST);
        latencies.sort_by(f64::total_cmp);
        (latencies[latencies.len() * 99 / 100], self.taken_by_slow as f64 / CALLS as f64)
    }

    fn arrive(&mut self, number: usize, now: f64) {
        self.bench.now = Duration::from_secs_f64(now);
        let place = self.bench.pick(None, &|_| true).unwrap();
        self.taken_by_slow += usize::from(place == 0);
        self.calls.push(Some(Call { began: now, in_flight: self.bench.loads[place].begin() }));
        if self.instances[place].busy < self.shape.places {
            self.work_on(place, number, now);
        } else {
            self.instances[place].waiting.push_back(number);
        }
    }

    fn work_on(&mut self, place: usize, number: usize, now: f64) {
        let mean = if place == 0 { SERVICE_SECONDS * SLOWER } else { SERVICE_SECONDS };
        let end = now + self.some_time(mean);
        self.instances[place].busy += 1;
        self.ends.push(Reverse(((end * 1e9) as u64, place, number)));
    }

    fn end_until(&mut self, now: f64) {
        while let Some(Reverse((end, place, number))) = self.ends.peek().copied()
            && end as f64 / 1e9 <= now
        {
            self.ends.pop();
            let at = end as f64 / 1e9;
            let Call { began, in_flight } = self.calls[number].take().unwrap();
            let elapsed = (at - began).max(0.0);
            in_flight.load().record(
                Duration::from_secs_f64(at),
                Duration::from_secs_f64(elapsed),
                TryEnd::Answered,
                PEAK_DECAY,
            );
            self.latencies.push(elapsed);
            self.instances[place].busy -= 1;
            if let Some(next) = self.instances[place].waiting.pop_front() {
                self.work_on(place, next, at);
            }
        }
    }
}

/// Demanded: at most half of what turns give.
#[test]
fn the_slowest_calls_are_faster_than_in_turn() {
    for (what, shape) in [("without queues", NO_QUEUE), ("with queues", QUEUES)] {
        let of = |strategy| Fleet::new(strategy, shape).run();
        let (in_turn, share) = of(Strategy::RoundRobin);
        println!("{what}: RoundRobin: p99 {:.1} ms, slow instance {:.2} %", in_turn * 1e3, share * 1e2);
        for strategy in [Strategy::LeastRequest, Strategy::PeakEwma { decay: PEAK_DECAY }] {
            let (p99, share) = of(strategy);
            let ratio = p99 / in_turn;
            let name = strategy.as_str();
            println!(
                "{what}: {name}: p99 {:.1} ms, {ratio:.2} of it, slow instance {:.2} %",
                p99 * 1e3,
                share * 1e2
            );
            assert!(ratio <= 0.5, "{what}, {name}, seed {SEED}: {ratio}");
        }
    }
}
