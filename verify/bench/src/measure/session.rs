//! A run: all proxies alive at once, their windows in turn.
//! It must give each proxy of one repetition the same minute: only such windows can be compared.

use std::time::Duration;

use anyhow::{Context, Result};

use super::memory::SETTLE_TIME;
use super::results::{Results, Window};
use super::scenario::{SATURATION, Scenario};
use super::turn::back_and_forth;
use super::window::{Conditions, measure, measure_in_turn, saturation};
use crate::load::Engine;
use crate::peers::{Kind, Place, Proxy};
use crate::system::{Counter, leave_out, proportional_memory};

/// Repetitions in which system calls are counted too: the counts hardly differ.
const COUNTED_REPETITIONS: usize = 5;
/// The peer whose saturation sets the rate of the open loop.
const YARDSTICK: Kind = Kind::Nginx;

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) proxies: Vec<Kind>,
    pub(crate) repetitions: usize,
    pub(crate) duration: Duration,
}

/// Measures, with proxies that are new in each repetition: where a process's memory comes to lie is a matter of luck that
/// lasts as long as it does. Windows go into `results` as they come.
pub(crate) fn run(engine: &mut Engine, place: &Place, plan: &Plan, results: &mut Results) -> Result<()> {
    let counter = match Counter::find() {
        Ok(counter) => Some(counter),
        Err(error) => {
            note(results, "system calls", &format!("{error:#}"))?;
            None
        }
    };
    let mut scenarios = Vec::new();
    for repetition in 0..plan.repetitions {
        let mut proxies = start(engine, place, plan, results)?;
        if repetition == 0 {
            scenarios = with_rate(engine, &mut proxies, plan, results)?;
        }
        for scenario in &scenarios {
            let is_counted = !scenario.is_open && repetition < COUNTED_REPETITIONS;
            let conditions = Conditions {
                scenario,
                duration: plan.duration,
                rate: results.open_rate.unwrap_or_default(),
                counter: counter.as_ref().filter(|_| is_counted),
            };
            let order = back_and_forth(0..proxies.len(), repetition);
            let windows = match scenario.is_open {
                true => measure_alone(engine, &mut proxies, &order, conditions),
                false => measure_in_turn(engine, &mut proxies, &order, conditions),
            };
            for mut window in windows.with_context(|| scenario.title)? {
                window.repetition = repetition;
                show(&window);
                results.windows.push(window);
            }
        }
    }
    Ok(())
}

/// An open loop is not cut into turns: a delay that one leaves behind belongs to it.
fn measure_alone(
    engine: &mut Engine,
    proxies: &mut [Proxy],
    order: &[usize],
    conditions: Conditions<'_>,
) -> Result<Vec<Window>> {
    let mut windows = Vec::new();
    for place in order {
        let Some(proxy) = proxies.get_mut(*place) else { continue };
        windows.push(measure(engine, proxy, conditions)?);
    }
    Ok(windows)
}

/// A proxy that is not there is left out by name, once; one of ours has to be.
fn start(engine: &mut Engine, place: &Place, plan: &Plan, results: &mut Results) -> Result<Vec<Proxy>> {
    let mut proxies = Vec::new();
    for kind in &plan.proxies {
        match Proxy::start(engine, place, *kind, kind.name()) {
            Ok(proxy) => {
                results.versions.insert(*kind, proxy.version.clone());
                proxies.push(proxy);
            }
            Err(error) if kind.access_log().is_none() && *kind != Kind::Relay => {
                let is_known = results.left_out.iter().any(|left| left.starts_with(kind.title()));
                if !is_known {
                    note(results, kind.title(), &format!("{error:#}"))?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    engine.run(SETTLE_TIME)?;
    for proxy in &proxies {
        results.idle_memory.insert(proxy.kind, proportional_memory(proxy.pid()));
    }
    Ok(proxies)
}

/// The scenarios that can be measured: without the yardstick there is no rate for the open loop.
fn with_rate(
    engine: &mut Engine,
    proxies: &mut [Proxy],
    plan: &Plan,
    results: &mut Results,
) -> Result<Vec<Scenario>> {
    if !plan.scenarios.iter().any(|scenario| scenario.is_open) {
        return Ok(plan.scenarios.clone());
    }
    let Some(yardstick) = proxies.iter_mut().find(|proxy| proxy.kind == YARDSTICK) else {
        note(results, "open loop", &format!("its rate is half of what {} does", YARDSTICK.title()))?;
        return Ok(plan.scenarios.iter().filter(|scenario| !scenario.is_open).copied().collect());
    };
    let rate = saturation(engine, yardstick, &SATURATION, plan.duration)?;
    results.open_rate = Some(rate / 2.0);
    Ok(plan.scenarios.clone())
}

fn note(results: &mut Results, what: &str, reason: &str) -> Result<()> {
    results.left_out.push(format!("{what}: {reason}"));
    leave_out(what, reason)
}

#[expect(clippy::print_stderr, reason = "a run takes minutes, so it shows how far it has come")]
fn show(window: &Window) {
    let name = window.proxy.name();
    match &window.fault {
        Some(fault) => {
            eprintln!("{:>2} {:<10} {name:<12} INVALID {fault}", window.repetition, window.scenario)
        }
        None => eprintln!(
            "{:>2} {:<10} {name:<12} {:>8.0} requests/s {:>7.2} µs busy {:.2}",
            window.repetition,
            window.scenario,
            window.rate(),
            window.cost(),
            window.busy()
        ),
    }
}
