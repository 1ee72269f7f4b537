//! Processor time a request: kinds of requests in turns of a tenth of a second, each to its process.
//! It must count nothing that happened outside of a turn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::load::{Engine, Load, Pace, Reply, Requests, Wanted};
use crate::measure::turn::{self, HOLD_TIME_MAX, TURN, back_and_forth};
use crate::system::spent;

/// Clients of each kind, each on a kept connection.
const CONNECTIONS: usize = 20;

/// One kind of requests.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) target: SocketAddr,
    pub(super) pid: u32,
    pub(super) requests: Requests,
    pub(super) wanted: Wanted,
}

/// The turns of one kind in one repetition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) kind: String,
    pub(super) repetition: usize,
    pub(super) requests: u64,
    pub(super) seconds: f64,
    /// Nanoseconds that the process ran.
    pub(super) run: u64,
}

impl Window {
    /// Microseconds of processor time for each request.
    pub(super) fn cost(&self) -> f64 {
        self.run as f64 / 1000.0 / self.requests as f64
    }

    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// The share of the time in which the process ran.
    pub(super) fn busy(&self) -> f64 {
        self.run as f64 / 1e9 / self.seconds
    }
}

/// Measures all kinds. A wrong answer is an error.
pub(super) fn measure(
    engine: &mut Engine,
    kinds: &mut [Kind],
    repetitions: usize,
    duration: Duration,
) -> Result<Vec<Window>> {
    for (group, kind) in kinds.iter().enumerate() {
        open(engine, group, kind)?;
    }
    let mut windows = Vec::new();
    for repetition in 0..repetitions {
        let empty = |kind: &Kind| Window {
            kind: kind.name.to_owned(),
            repetition,
            requests: 0,
            seconds: 0.0,
            run: 0,
        };
        let mut own: Vec<_> = kinds.iter().map(empty).collect();
        for turn in 0..turn::turns(duration) {
            let places = kinds.iter_mut().zip(&mut own).enumerate();
            for (group, (kind, window)) in back_and_forth(places, turn) {
                take_turn(engine, group, kind, window)?;
            }
        }
        windows.append(&mut own);
    }
    engine.end()?;
    Ok(windows)
}

fn open(engine: &mut Engine, group: usize, kind: &Kind) -> Result<()> {
    engine.set_reply(Reply::elsewhere(kind.wanted));
    let requests = kind.requests.clone();
    let load = Load { target: kind.target, connections: CONNECTIONS, requests, pace: Pace::Closed };
    turn::open(engine, group, load)?;
    check(engine, kind)
}

/// Adds one turn to a window.
pub(super) fn take_turn(
    engine: &mut Engine,
    group: usize,
    kind: &mut Kind,
    window: &mut Window,
) -> Result<()> {
    engine.set_reply(Reply::elsewhere(kind.wanted));
    engine.exchange(&mut kind.requests);
    turn::begin(engine, group)?;
    check_faults(engine, kind)?;
    engine.tally.clear();
    let (begin, before) = (Instant::now(), spent(kind.pid));
    engine.run(TURN)?;
    window.run += (spent(kind.pid) - before).run;
    window.seconds += begin.elapsed().as_secs_f64();
    window.requests += engine.tally.completed;
    engine.hold(HOLD_TIME_MAX)?;
    engine.exchange(&mut kind.requests);
    check(engine, kind)
}

fn check(engine: &Engine, kind: &Kind) -> Result<()> {
    check_faults(engine, kind)?;
    ensure!(engine.tally.completed > 0, "{}: no answer", kind.name);
    Ok(())
}

fn check_faults(engine: &Engine, kind: &Kind) -> Result<()> {
    let tally = &engine.tally;
    ensure!(tally.faults == 0, "{}: {} faults: {}", kind.name, tally.faults, tally.examples.join("; "));
    Ok(())
}
