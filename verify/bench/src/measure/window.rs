//! One window: opens the clients, lets them warm up, counts for a while, closes them.
//! It must count nothing that happened outside of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::results::{Quantile, Window};
use super::scenario::Scenario;
use super::turn::{self, HOLD_TIME_MAX, TURN, WARM_UP, back_and_forth};
use crate::load::{Engine, Load, Pace, Reply, Requests, Schedule, Tally, request};
use crate::peers::{Proxy, SERVICE};
use crate::system::{Counter, proportional_memory, spent};

/// How long system calls are counted.
const COUNTED_SECONDS: f64 = 0.5;
/// How long perf may take beyond that.
const COUNTED_TIME_MAX: Duration = Duration::from_secs(20);
/// The least share of that time that a proxy runs: one that waits more often makes calls that saturation does not.
const COUNTED_BUSY_MIN: f64 = 0.95;
const ROUND: Duration = Duration::from_millis(20);

/// How one window is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) duration: Duration,
    /// Requests a second of the open loop.
    pub(crate) rate: f64,
    /// Counts system calls afterwards.
    pub(crate) counter: Option<&'a Counter>,
}

/// Measures one proxy by itself. A fault of the proxy makes it invalid, a fault of the system is an error.
pub(crate) fn measure(engine: &mut Engine, proxy: &mut Proxy, conditions: Conditions<'_>) -> Result<Window> {
    engine.set_reply(Reply::of(conditions.scenario.bytes));
    engine.tally.clear();
    let begun = engine.begin(load(proxy, conditions));
    let mut window = empty(proxy, conditions.scenario);
    let mut tally = Tally::default();
    match begun.and_then(|()| engine.run(WARM_UP)) {
        Ok(()) => {
            count(engine, proxy, conditions.duration, (&mut window, &mut tally))?;
            window.memory = proportional_memory(proxy.pid());
        }
        Err(error) => window.fault = Some(format!("{error:#}")),
    }
    engine.end()?;
    proxy.check()?;
    close(&mut window, &tally, proxy);
    Ok(window)
}

/// Measures all proxies in turn, many times a second: whatever slows the machine for longer than that slows all.
pub(crate) fn measure_in_turn(
    engine: &mut Engine,
    proxies: &mut [Proxy],
    order: &[usize],
    conditions: Conditions<'_>,
) -> Result<Vec<Window>> {
    engine.set_reply(Reply::of(conditions.scenario.bytes));
    engine.tally.clear();
    let mut windows: Vec<_> =
        proxies.iter().map(|proxy| (empty(proxy, conditions.scenario), Tally::default())).collect();
    let last = turn::turns(conditions.duration);
    for turn in 0..=last {
        for place in back_and_forth(order.iter().copied(), turn) {
            let (Some(proxy), Some((window, tally))) = (proxies.get(place), windows.get_mut(place)) else {
                continue;
            };
            if window.fault.is_some() {
                continue;
            }
            let taken = match turn {
                0 => turn::open(engine, place, load(proxy, conditions)),
                _ => {
                    turn::begin(engine, place)?;
                    count(engine, proxy, TURN, (window, tally))?;
                    if turn == last {
                        window.memory = proportional_memory(proxy.pid());
                    }
                    engine.hold(HOLD_TIME_MAX)
                }
            };
            window.fault = fault(engine, taken);
        }
    }
    for (place, (proxy, (window, tally))) in proxies.iter_mut().zip(&mut windows).enumerate() {
        if let (Some(counter), None) = (conditions.counter, &window.fault) {
            engine.turn_to(place);
            window.syscalls = count_calls(engine, proxy, counter)?;
            let held = engine.hold(HOLD_TIME_MAX);
            window.fault = fault(engine, held);
        }
        proxy.check()?;
        close(window, tally, proxy);
    }
    engine.end()?;
    Ok(windows.into_iter().map(|(window, _)| window).collect())
}

/// What went wrong since the last look.
fn fault(engine: &mut Engine, taken: Result<()>) -> Option<String> {
    let faults = std::mem::take(&mut engine.tally.faults);
    let examples = std::mem::take(&mut engine.tally.examples).join("; ");
    match (faults, taken) {
        (0, Ok(())) => None,
        (0, Err(error)) => Some(format!("{error:#}")),
        _ => Some(format!("{faults} faults: {examples}")),
    }
}

fn load(proxy: &Proxy, Conditions { scenario, rate, .. }: Conditions<'_>) -> Load {
    let pace = match scenario.is_open {
        true => Pace::Open(Schedule::new(Instant::now(), rate)),
        false => Pace::Closed,
    };
    let requests = Requests::Same(request(SERVICE));
    Load { target: proxy.address, connections: scenario.connections, requests, pace }
}

/// Adds what happens from now on to a window. Faults of before stay: they are the proxy's as well.
fn count(
    engine: &mut Engine,
    proxy: &Proxy,
    duration: Duration,
    (window, tally): (&mut Window, &mut Tally),
) -> Result<()> {
    tally.faults += std::mem::take(&mut engine.tally.faults);
    tally.examples.append(&mut engine.tally.examples);
    std::mem::swap(&mut engine.tally, tally);
    let before = spent(proxy.pid());
    let begin = Instant::now();
    let ran = engine.run(duration);
    window.seconds += begin.elapsed().as_secs_f64();
    window.spent = window.spent + (spent(proxy.pid()) - before);
    std::mem::swap(&mut engine.tally, tally);
    ran
}

/// Turns what was counted into figures.
fn close(window: &mut Window, tally: &Tally, proxy: &Proxy) {
    window.requests = tally.completed;
    window.latency = Quantile::ALL.map(|(_, share)| tally.latency.quantile(share).as_secs_f64() * 1e6);
    let faults =
        (tally.faults > 0).then(|| format!("{} faults: {}", tally.faults, tally.examples.join("; ")));
    let none = (tally.completed == 0).then(|| format!("{} answered no request", proxy.kind.title()));
    window.fault = window.fault.take().or(faults).or(none);
}

/// perf says how many calls were made for each nanosecond that the proxy ran; the load says how many nanoseconds a
/// request took meanwhile. So it does not matter when exactly perf began. `None` where the proxy was not saturated and,
/// with a word, where perf saw nothing.
#[expect(clippy::print_stderr, reason = "a missing figure is told where the run is watched")]
fn count_calls(engine: &mut Engine, proxy: &Proxy, counter: &Counter) -> Result<Option<f64>> {
    engine.tally.clear();
    let mut counting = counter.start(proxy.pid(), COUNTED_SECONDS)?;
    let before = spent(proxy.pid());
    let begin = Instant::now();
    let limit = begin + COUNTED_TIME_MAX;
    while !counting.is_over()? {
        ensure!(Instant::now() < limit, "perf does not end");
        engine.run(ROUND)?;
    }
    let run = (spent(proxy.pid()) - before).run;
    if (run as f64) < COUNTED_BUSY_MIN * begin.elapsed().as_nanos() as f64 {
        // It waited now and then, each time with a call of its own.
        return Ok(None);
    }
    match (counting.rate(), engine.tally.completed) {
        (Ok(rate), requests @ 1..) => Ok(Some(rate * run as f64 / requests as f64)),
        (Ok(_), _) => Ok(None),
        (Err(error), _) => {
            eprintln!("no system calls of {} in this window: {error:#}", proxy.kind.name());
            Ok(None)
        }
    }
}

fn empty(proxy: &Proxy, scenario: &Scenario) -> Window {
    Window {
        scenario: scenario.name.to_owned(),
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
    let conditions = Conditions { scenario, duration, rate: 0.0, counter: None };
    let mut rates = Vec::new();
    for _ in 0..WINDOWS {
        let window = measure(engine, proxy, conditions)?;
        if let Some(fault) = window.fault {
            anyhow::bail!("{}: {fault}", proxy.kind.title());
        }
        rates.push(window.rate());
    }
    super::statistics::summary(rates).map(|summary| summary.median).context("no rate was measured")
}
