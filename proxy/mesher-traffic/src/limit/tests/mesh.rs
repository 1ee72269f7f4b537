//! One limit of the whole mesh over twenty proxies: buckets, demand, division and the way between them, simulated.
//! It must count what passes: what is divided is no proof of it.

use std::time::Duration;

use super::Draws;
use crate::limit::lease::{HOLD, SLIDE, WHOLE};
use crate::limit::{Lease, Pace, Share, slices};

const PROXIES: usize = 20;
const LIMIT: u32 = 1000;
/// How often a proxy tells its demand.
const TICK: Duration = Duration::from_millis(250);
/// One way between a proxy and the control plane takes up to so long.
const WAY_MAX: u64 = 40_000_000;
const SEED: u64 = 0x5eed_1000;

/// A proxy with its callers, and its link.
struct Proxy {
    share: Share,
    lease: Lease,
    /// Calls a second.
    rate: f64,
    next_call: u64,
    next_tick: u64,
    /// What it told last, smoothed.
    wanted: f64,
}

/// A message on its way.
enum Message {
    Demand { wanted: u64 },
    Slice { parts: u32 },
}

struct Mesh {
    pace: Pace,
    proxies: Vec<Proxy>,
    /// What the control plane knows of each.
    known: Vec<u64>,
    on_the_way: Vec<(u64, usize, Message)>,
    is_away: bool,
    draws: Draws,
    now: u64,
}

impl Mesh {
    fn new(rates: &[f64], seed: u64) -> Self {
        let mut draws = Draws(seed);
        let begin = 1_000_000_000;
        let proxies = rates.iter().map(|rate| Proxy {
            share: Share::new(Lease::default().parts(Duration::ZERO)),
            lease: Lease::default(),
            rate: *rate,
            next_call: begin,
            next_tick: begin + draws.below(TICK.as_nanos() as u64),
            wanted: 0.0,
        });
        let proxies: Vec<_> = proxies.collect();
        let pace = Pace::new(LIMIT, Duration::from_secs(1), LIMIT).expect("it is a pace");
        Self {
            pace,
            known: vec![0; proxies.len()],
            proxies,
            on_the_way: Vec::new(),
            is_away: false,
            draws,
            now: begin,
        }
    }

    /// Goes on for a time; calls that passed, and all calls.
    fn run(&mut self, span: Duration) -> (f64, f64) {
        let end = self.now + span.as_nanos() as u64;
        let (mut passed, mut all) = (0_u32, 0_u32);
        loop {
            let calls = self.proxies.iter().map(|proxy| proxy.next_call.min(proxy.next_tick));
            let (place, at) = calls.enumerate().min_by_key(|(_, at)| *at).expect("there are proxies");
            let message = (0..self.on_the_way.len()).min_by_key(|place| self.on_the_way[*place].0);
            let message = message.filter(|place| self.on_the_way[*place].0 <= at);
            let next = message.map_or(at, |place| self.on_the_way[place].0);
            if next >= end {
                self.now = end;
                return (f64::from(passed), f64::from(all));
            }
            self.now = next;
            if let Some(message) = message {
                self.deliver(message);
            } else if self.proxies[place].next_tick == at {
                self.tick(place);
            } else {
                let gap = -self.draws.part().ln() / self.proxies[place].rate.max(1e-9);
                let proxy = &mut self.proxies[place];
                proxy.next_call = at + (gap * 1e9).min(1e15) as u64 + 1;
                all += 1;
                passed += u32::from(proxy.share.take(&self.pace, Duration::from_nanos(at)).is_ok());
            }
        }
    }

    fn send(&mut self, to: usize, message: Message) {
        let arrives = self.now + self.draws.below(WAY_MAX);
        self.on_the_way.push((arrives, to, message));
    }

    fn tick(&mut self, place: usize) {
        let now = Duration::from_nanos(self.now);
        let is_away = self.is_away;
        let proxy = &mut self.proxies[place];
        proxy.next_tick += TICK.as_nanos() as u64;
        let asked = proxy.share.take_asked() as f64;
        let latest = asked / (f64::from(LIMIT) * TICK.as_secs_f64()) * f64::from(WHOLE);
        proxy.wanted = f64::midpoint(proxy.wanted, latest);
        if is_away {
            proxy.lease.lose(now);
        }
        proxy.share.set(&self.pace, now, proxy.lease.parts(now));
        let wanted = proxy.wanted as u64;
        if !is_away {
            self.send(place, Message::Demand { wanted });
        }
    }

    fn deliver(&mut self, message: usize) {
        let (_, place, message) = self.on_the_way.swap_remove(message);
        match message {
            Message::Demand { wanted } if !self.is_away => {
                self.known[place] = wanted;
                let parts = slices(&self.known)[place];
                self.send(place, Message::Slice { parts });
            }
            Message::Demand { .. } => {}
            Message::Slice { parts } => {
                let now = Duration::from_nanos(self.now);
                let proxy = &mut self.proxies[place];
                proxy.lease.tell(parts, PROXIES as u32);
                proxy.share.set(&self.pace, now, parts);
            }
        }
    }
}

/// A few that have most of the demand, and many that have little: the demand of each is a part of that of the one before.
fn uneven(total: f64) -> Vec<f64> {
    let parts: Vec<_> = (0..PROXIES).map(|place| 0.7_f64.powi(place as i32)).collect();
    let all: f64 = parts.iter().sum();
    parts.iter().map(|part| part / all * total).collect()
}

/// How far from the limit, or from the demand where that is less, as many as passed are.
fn error(passed: f64, all: f64, span: Duration) -> f64 {
    let right = (f64::from(LIMIT) * span.as_secs_f64()).min(all);
    (passed - right).abs() / right
}

#[test]
fn uneven_demand_gets_the_limit_within_two_percent() {
    for (seed, total) in (SEED..).zip([900.0, 1_100.0, 1_500.0, 3_000.0, 10_000.0]) {
        let mut mesh = Mesh::new(&uneven(total), seed);
        mesh.run(Duration::from_secs(4));
        let span = Duration::from_secs(5);
        let errors = (0..6).map(|_| {
            let (passed, all) = mesh.run(span);
            error(passed, all, span)
        });
        let worst = errors.fold(0.0, f64::max);
        let second = Duration::from_secs(1);
        let errors = (0..30).map(|_| {
            let (passed, all) = mesh.run(second);
            error(passed, all, second)
        });
        // What a burst has saved up in one second may pass in the next.
        let worst_second = errors.fold(0.0, f64::max);
        println!(
            "demand {total}: off by at most {:.2} % in 5 s, {:.2} % in 1 s",
            worst * 100.0,
            worst_second * 100.0
        );
        assert!(worst <= 0.02, "demand {total}, seed {seed:#x}: {worst}");
        assert!(worst_second <= 0.1, "demand {total}, seed {seed:#x}: {worst_second}");
    }
}

#[test]
fn the_limit_lasts_while_the_control_plane_is_gone() {
    for (seed, total) in (SEED..).zip([900.0, 1_500.0, 3_000.0, 10_000.0]) {
        let mut mesh = Mesh::new(&uneven(total), seed);
        mesh.run(Duration::from_secs(4));
        mesh.is_away = true;
        let span = Duration::from_secs(10);
        let mut worst: f64 = 0.0;
        for _ in 0..((HOLD + SLIDE).as_secs() / span.as_secs() + 3) {
            let (passed, all) = mesh.run(span);
            let error = error(passed, all, span);
            worst = worst.max(error);
            assert!(error <= 0.15, "demand {total}, seed {seed:#x}: off by {error}");
        }
        println!("demand {total}: off by at most {:.2} % without the control plane", worst * 100.0);
    }
}

#[test]
fn demand_that_moves_is_followed_within_two_seconds() {
    let mut mesh = Mesh::new(&uneven(3_000.0), SEED);
    mesh.run(Duration::from_secs(4));
    // Those who had most have least from now on.
    for (proxy, rate) in mesh.proxies.iter_mut().rev().zip(uneven(3_000.0)) {
        proxy.rate = rate;
        proxy.next_call = mesh.now;
    }
    let second = Duration::from_secs(1);
    // What moves brings no burst with it.
    let (passed, _) = mesh.run(second);
    assert!(passed <= 1.15 * f64::from(LIMIT), "{passed} in the first second, seed {SEED:#x}");
    mesh.run(second);
    for _ in 0..5 {
        let (passed, all) = mesh.run(second);
        let error = error(passed, all, second);
        assert!(error <= 0.05, "{passed}, seed {SEED:#x}");
    }
}

#[test]
fn a_larger_part_brings_no_more_requests_than_were_left() {
    let pace = Pace::new(100, Duration::from_secs(1), 100).expect("it is a pace");
    let share = Share::new(WHOLE / 10);
    let now = Duration::from_secs(50);
    // Ten of its burst, of which four are spent.
    for _ in 0..4 {
        assert!(share.take(&pace, now).is_ok());
    }
    share.set(&pace, now, WHOLE);
    assert_eq!(share.standing(&pace, now).remaining, 6);
    share.set(&pace, now, WHOLE / 50);
    assert_eq!(share.standing(&pace, now).remaining, 2, "its burst is two now");
    share.set(&pace, now, 0);
    assert!(share.take(&pace, now).is_ok() || share.standing(&pace, now).remaining == 0);
    assert_eq!(share.take_asked(), 5);
}

#[test]
fn the_first_part_brings_its_whole_burst() {
    let pace = Pace::new(20, Duration::from_secs(3600), 20).expect("it is a pace");
    let share = Share::new(WHOLE / 8);
    let now = Duration::from_secs(50);
    assert_eq!(share.standing(&pace, now).remaining, 2);
    share.open(WHOLE);
    assert_eq!(share.standing(&pace, now).remaining, 20);
}
