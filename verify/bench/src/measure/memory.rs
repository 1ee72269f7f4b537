//! Memory of Mesher in states that a load alone does not bring about, each in a process of its own.
//! It must read memory only once things have settled: a burst leaves its buffers for a while.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::statistics::{Summary, paired, summary};
use crate::load::{Engine, Load, Pace, Reply, Requests, request};
use crate::peers::{Kind, Place, Proxy, Registry, SERVICE};
use crate::system::{proportional_memory, spent, threads_spent};

/// Connections that work at once.
const BUSY: usize = 1000;
const BUSY_TIME: Duration = Duration::from_secs(2);
/// Connections that have done one exchange and wait. Both ends of more would not fit under the usual limit of open files.
const IDLE: usize = 9000;
/// Connections that are opened at once.
const BATCH: usize = 250;
/// How long a batch may take.
const BATCH_TIME_MAX: Duration = Duration::from_secs(20);
/// Idle upstream connections are closed within this time, and what only a start needed is given back.
pub(super) const SETTLE_TIME: Duration = Duration::from_secs(7);
/// Services that are known and not called: the proxy knows at most 10,000 names, and some are needed for the rest.
const UNUSED_SERVICES: usize = 9900;
/// Services of the proxy that the other is compared with.
const FEW_SERVICES: usize = 10;
/// Connections over which services are called for the first time.
const LEARNERS: usize = 50;
const LEARN_TIME_MAX: Duration = Duration::from_secs(900);
/// Windows in which the two are compared.
const COMPARED: usize = 5;
const COMPARED_TIME: Duration = Duration::from_secs(1);
const COMPARED_CONNECTIONS: usize = 20;
const SMALL: usize = 64;
const MEDIUM: usize = 1024;

/// Bytes, and what many known services cost.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Seven seconds after the start and one exchange.
    pub(crate) idle: u64,
    /// With [`BUSY`] connections at work.
    pub(crate) busy: u64,
    /// With [`IDLE`] connections that wait.
    pub(crate) waiting: u64,
    /// For each known service that is not called.
    pub(crate) per_service: f64,
    /// Microseconds of processor time from a name's first call to its answer, the mean over all names.
    #[serde(default)]
    pub(crate) learn_cost: f64,
    /// Processor time a request with many known services, over that with few; workers only.
    pub(crate) services_cost: Option<f64>,
    /// The share of a processor that the control thread takes with many known services.
    pub(crate) services_control: Option<f64>,
}

/// Measures all of it.
pub(crate) fn measure(engine: &mut Engine, place: &Place, registry: &mut Registry) -> Result<Memory> {
    let idle = idle(engine, place).context("memory without work")?;
    let busy = busy(engine, place).context("memory with busy connections")?;
    let waiting = waiting(engine, place).context("memory with idle connections")?;
    let mut memory = Memory { idle, busy, waiting, ..Memory::default() };
    services(engine, place, registry, &mut memory).context("memory of known services")?;
    Ok(memory)
}

fn idle(engine: &mut Engine, place: &Place) -> Result<u64> {
    let proxy = start(engine, place, "memory-idle")?;
    engine.run(SETTLE_TIME)?;
    Ok(proportional_memory(proxy.pid()))
}

fn busy(engine: &mut Engine, place: &Place) -> Result<u64> {
    let proxy = start(engine, place, "memory-busy")?;
    engine.set_reply(Reply::of(MEDIUM));
    engine.tally.clear();
    engine.begin(load(&proxy, BUSY, Pace::Closed))?;
    engine.run(BUSY_TIME)?;
    anyhow::ensure!(engine.tally.faults == 0, "{}", engine.tally.examples.join("; "));
    let memory = proportional_memory(proxy.pid());
    engine.end()?;
    Ok(memory)
}

fn waiting(engine: &mut Engine, place: &Place) -> Result<u64> {
    let proxy = start(engine, place, "memory-waiting")?;
    engine.set_reply(Reply::of(SMALL));
    engine.tally.clear();
    let mut opened = 0;
    while opened < IDLE {
        engine.begin(load(&proxy, BATCH, Pace::Once))?;
        opened += BATCH;
        engine.run_to(opened as u64, BATCH_TIME_MAX)?;
    }
    engine.run(SETTLE_TIME)?;
    let memory = proportional_memory(proxy.pid());
    engine.end()?;
    Ok(memory)
}

fn services(engine: &mut Engine, place: &Place, registry: &mut Registry, memory: &mut Memory) -> Result<()> {
    let names = register_services(registry, engine, UNUSED_SERVICES)?;
    let many = start(engine, place, "memory-many")?;
    let few = start(engine, place, "memory-few")?;
    let first = names.get(..FEW_SERVICES).unwrap_or_default();
    learn_services(engine, &few, first, LEARNERS)?;
    learn_services(engine, &many, first, LEARNERS)?;
    engine.run(SETTLE_TIME)?;
    let before = proportional_memory(many.pid());
    let rest = names.get(FEW_SERVICES..).unwrap_or_default();
    let spent_before = spent(many.pid());
    learn_services(engine, &many, rest, LEARNERS)?;
    let learned = (spent(many.pid()) - spent_before).run;
    memory.learn_cost = learned as f64 / 1000.0 / rest.len() as f64;
    engine.run(SETTLE_TIME)?;
    let grown = proportional_memory(many.pid()).saturating_sub(before);
    memory.per_service = grown as f64 / rest.len() as f64;
    compare(engine, &many, &few, memory)
}

/// Registers services whose only instance is the backend. Returns their names.
pub(crate) fn register_services(
    registry: &mut Registry,
    engine: &Engine,
    count: usize,
) -> Result<Vec<String>> {
    let names: Vec<_> = (0..count).map(|number| format!("unused-{number:05}")).collect();
    for name in &names {
        registry.register(name, engine.backend)?;
    }
    Ok(names)
}

/// Calls each service once, so that the proxy knows it. The backend closes, so that no connection stays.
///
/// At most `connections` look-ups are under way at once: a proxy that is slowed down answers too many of them too late.
pub(crate) fn learn_services(
    engine: &mut Engine,
    proxy: &Proxy,
    names: &[String],
    connections: usize,
) -> Result<()> {
    engine.set_reply(Reply::closing(SMALL));
    engine.tally.clear();
    let requests = Requests::Each(names.iter().map(|name| request(name)).collect());
    let connections = connections.min(names.len());
    engine.begin(Load { target: proxy.address, connections, requests, pace: Pace::Closed })?;
    engine.run_to(names.len() as u64, LEARN_TIME_MAX)?;
    engine.end()
}

fn compare(engine: &mut Engine, many: &Proxy, few: &Proxy, memory: &mut Memory) -> Result<()> {
    engine.set_reply(Reply::of(SMALL));
    let (mut with_many, mut with_few, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for repetition in 0..COMPARED {
        let (cost, share) = cost(engine, many)?;
        with_many.push((repetition, cost));
        control.push(share);
        with_few.push((repetition, self::cost(engine, few)?.0));
    }
    let median = |summary: Summary| summary.median;
    memory.services_cost = paired(&with_many, &with_few).map(median);
    memory.services_control = summary(control).map(median);
    Ok(())
}

/// Nanoseconds of the workers for each request, and the share of the time in which the control thread ran.
fn cost(engine: &mut Engine, proxy: &Proxy) -> Result<(f64, f64)> {
    engine.tally.clear();
    engine.begin(load(proxy, COMPARED_CONNECTIONS, Pace::Closed))?;
    let (control, workers) = threads_spent(proxy.pid());
    engine.run(COMPARED_TIME)?;
    let (control_after, workers_after) = threads_spent(proxy.pid());
    let requests = engine.tally.completed.max(1) as f64;
    engine.end()?;
    let share = control_after.saturating_sub(control) as f64 / COMPARED_TIME.as_nanos() as f64;
    Ok((workers_after.saturating_sub(workers) as f64 / requests, share))
}

fn start(engine: &mut Engine, place: &Place, name: &str) -> Result<Proxy> {
    Proxy::start(engine, place, Kind::Mesher, name)
}

fn load(proxy: &Proxy, connections: usize, pace: Pace) -> Load {
    Load { target: proxy.address, connections, requests: Requests::Same(request(SERVICE)), pace }
}
