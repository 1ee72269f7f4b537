//! One window: opens the clients, lets them warm up, counts for a while, closes them.
//! It must count nothing that happened outside of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::results::{Quantile, Window};
use super::scenario::Scenario;
use crate::load::{Engine, Load, Pace, Reply, Requests, Schedule, request};
use crate::peers::{Proxy, SERVICE};
use crate::system::{Counter, proportional_memory, spent};

/// Connections open, caches warm, pools filled.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long system calls are counted.
const COUNTED_SECONDS: f64 = 0.5;
/// How long perf may take beyond that.
const COUNTED_TIME_MAX: Duration = Duration::from_secs(20);
const ROUND: Duration = Duration::from_millis(20);

/// How one window is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions<'a> {
    pub(crate) duration: Duration,
    /// Requests a second of the open loop.
    pub(crate) rate: f64,
    /// Counts system calls afterwards.
    pub(crate) counter: Option<&'a Counter>,
}

/// Measures one. A fault of the proxy makes it invalid, a fault of the system is an error.
pub(crate) fn measure(
    engine: &mut Engine,
    proxy: &mut Proxy,
    scenario: &Scenario,
    conditions: Conditions<'_>,
) -> Result<Window> {
    engine.set_reply(Reply::of(scenario.bytes));
    engine.tally.clear();
    let begun = engine.begin(load(proxy, scenario, conditions.rate));
    let mut window = match begun.and_then(|()| engine.run(WARM_UP)) {
        Ok(()) => count(engine, proxy, conditions.duration)?,
        Err(error) => Window { fault: Some(format!("{error:#}")), ..empty(proxy) },
    };
    if let (Some(counter), None) = (conditions.counter, &window.fault) {
        window.syscalls = count_calls(engine, proxy, counter)?;
        let examples = engine.tally.examples.join("; ");
        window.fault =
            (engine.tally.faults > 0).then(|| format!("while system calls were counted: {examples}"));
    }
    engine.end()?;
    proxy.check()?;
    window.scenario = scenario.name.to_owned();
    Ok(window)
}

fn load(proxy: &Proxy, scenario: &Scenario, rate: f64) -> Load {
    let pace = match scenario.is_open {
        true => Pace::Open(Schedule::new(Instant::now(), rate)),
        false => Pace::Closed,
    };
    let requests = Requests::Same(request(SERVICE));
    Load { target: proxy.address, connections: scenario.connections, requests, pace }
}

fn count(engine: &mut Engine, proxy: &Proxy, duration: Duration) -> Result<Window> {
    // Faults of the warm-up stay: they are the proxy's as well.
    let faults = std::mem::take(&mut engine.tally.faults);
    let examples = std::mem::take(&mut engine.tally.examples);
    engine.tally.clear();
    let before = spent(proxy.pid());
    let begin = Instant::now();
    engine.run(duration)?;
    let seconds = begin.elapsed().as_secs_f64();
    let spent = spent(proxy.pid()) - before;
    let tally = &engine.tally;
    let latency = Quantile::ALL.map(|(_, share)| tally.latency.quantile(share).as_secs_f64() * 1e6);
    let examples: Vec<_> = examples.iter().chain(&tally.examples).map(String::as_str).collect();
    let faults = faults + tally.faults;
    let fault = match (faults, tally.completed) {
        (0, 0) => Some("no request was answered".to_owned()),
        (0, _) => None,
        _ => Some(format!("{faults} faults: {}", examples.join("; "))),
    };
    let memory = proportional_memory(proxy.pid());
    Ok(Window { requests: tally.completed, seconds, spent, latency, memory, fault, ..empty(proxy) })
}

/// perf says how many calls were made for each nanosecond that the proxy ran; the load says how many nanoseconds a
/// request took meanwhile. So it does not matter when exactly perf began. `None`, with a word, where perf saw nothing.
#[expect(clippy::print_stderr, reason = "a missing figure is told where the run is watched")]
fn count_calls(engine: &mut Engine, proxy: &Proxy, counter: &Counter) -> Result<Option<f64>> {
    engine.tally.clear();
    let mut counting = counter.start(proxy.pid(), COUNTED_SECONDS)?;
    let before = spent(proxy.pid());
    let limit = Instant::now() + COUNTED_TIME_MAX;
    while !counting.is_over()? {
        ensure!(Instant::now() < limit, "perf does not end");
        engine.run(ROUND)?;
    }
    let run = (spent(proxy.pid()) - before).run;
    match (counting.rate(), engine.tally.completed) {
        (Ok(rate), requests @ 1..) => Ok(Some(rate * run as f64 / requests as f64)),
        (Ok(_), _) => Ok(None),
        (Err(error), _) => {
            eprintln!("no system calls of {} in this window: {error:#}", proxy.kind.name());
            Ok(None)
        }
    }
}

fn empty(proxy: &Proxy) -> Window {
    Window {
        scenario: String::new(),
        proxy: proxy.kind,
        repetition: 0,
        requests: 0,
        seconds: 0.0,
        spent: crate::system::Spent::default(),
        latency: [0.0; 4],
        memory: 0,
        syscalls: None,
        fault: None,
    }
}

/// The rate of a proxy under a load, from a few windows.
pub(crate) fn saturation(
    engine: &mut Engine,
    proxy: &mut Proxy,
    scenario: &Scenario,
    duration: Duration,
) -> Result<f64> {
    const WINDOWS: usize = 3;
    let conditions = Conditions { duration, rate: 0.0, counter: None };
    let mut rates = Vec::new();
    for _ in 0..WINDOWS {
        let window = measure(engine, proxy, scenario, conditions)?;
        if let Some(fault) = window.fault {
            anyhow::bail!("{}: {fault}", proxy.kind.title());
        }
        rates.push(window.rate());
    }
    super::statistics::summary(rates).map(|summary| summary.median).context("no rate was measured")
}
