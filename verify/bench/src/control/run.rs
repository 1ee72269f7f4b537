//! The order of a run: fill, weigh, ask, watch, start again.
//! It must measure all of it on one population in one process, but for the restart.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mesher_verify::http::Message;

use super::cost::{self, Kind};
use super::figures::{BEAT, FOUND, Figures, STATIC, UNCHANGED};
use super::page;
use super::plane::Plane;
use super::population::{INSTANCES_OF_FIRST, Population};
use super::watchers::{self, WATCHERS};
use super::yardstick::{BODY_BYTES, Yardstick};
use crate::arguments::Control;
use crate::load::{Engine, Load, Pace, Reply, Requests, Wanted, request};
use crate::peers::{Binary, RELEASED};
use crate::report;
use crate::system::{GENERATOR, facts, pin_self, proportional_memory};

/// Clients that register at once.
const REGISTRARS: usize = 64;
/// How long registering everything may take.
const FILL_TIME_MAX: Duration = Duration::from_secs(600);
/// The field with which a look-up names its result.
const REVISION: &str = "x-resource-revision";
/// Bytes of a look-up that finds no instance.
const NOTHING_FOUND: usize = r#"{"instances":[]}"#.len();
/// What the run needs beside the watchers: the first service and one that nobody has instances of.
const SERVICES_MIN: usize = WATCHERS + 2;

/// Measures, and tells.
pub(crate) fn run(arguments: &Control) -> Result<()> {
    ensure!(arguments.services >= SERVICES_MIN, "at least {SERVICES_MIN} services are needed");
    ensure!(arguments.instances >= INSTANCES_OF_FIRST, "at least {INSTANCES_OF_FIRST} instances are needed");
    let folder = report::folder()?;
    let figures = measure(arguments, &folder)?;
    let text = page::render(&figures);
    report::tell("control", (&figures, &text), arguments.run.write_docs.then_some(page::MARKS))
}

fn measure(arguments: &Control, folder: &Path) -> Result<Figures> {
    let mesher = Binary::of(arguments.run.mesher.as_deref(), arguments.run.profile.as_deref(), RELEASED)?;
    let files = tempfile::tempdir_in(folder).context("no folder for the files of the run")?;
    // Before it is pinned: then it could use one processor only.
    let facts = facts();
    pin_self(GENERATOR)?;
    let mut engine = Engine::new()?;
    let yardstick = Yardstick::start(files.path())?;
    let plane = Plane::start(&mesher, files.path())?;
    let (services, instances) = (arguments.services, arguments.instances);
    let population = Population { address: plane.address, services, instances };
    let mut figures = Figures {
        facts,
        versions: vec![mesher.version(), yardstick.version.clone()],
        services,
        instances,
        repetitions: arguments.repetitions,
        seconds: arguments.seconds,
        memory_empty: proportional_memory(plane.pid()),
        ..Figures::default()
    };
    fill(&mut engine, population, &mut figures)?;
    figures.memory = proportional_memory(plane.pid());
    let mut kinds = kinds(&plane, &yardstick, population)?;
    let duration = Duration::from_secs_f64(arguments.seconds);
    figures.windows = cost::measure(&mut engine, &mut kinds, arguments.repetitions, duration)?;
    figures.told = watch(&mut engine, population)?;
    figures.memory_after_load = proportional_memory(plane.pid());
    plane.end()?;
    restart(&mesher, files.path(), population, &mut figures)?;
    Ok(figures)
}

/// Registers everything.
fn fill(engine: &mut Engine, population: Population, figures: &mut Figures) -> Result<()> {
    let Population { services, instances, .. } = population;
    let all = (0..services).map(|service| population.create(service));
    let requests = Requests::Each(all.collect());
    figures.service_rate = play(engine, population, requests, Population::created(), services)?;
    let all = (0..instances).map(|instance| population.register(instance));
    let requests = Requests::Each(all.collect());
    figures.instance_rate = play(engine, population, requests, Population::registered(), instances)?;
    figures.registration = [0.5, 0.99].map(|share| engine.tally.latency.quantile(share).as_secs_f64() * 1e3);
    Ok(())
}

/// Sends each request once. Answers how many were answered a second.
fn play(
    engine: &mut Engine,
    population: Population,
    requests: Requests,
    wanted: Wanted,
    count: usize,
) -> Result<f64> {
    engine.set_reply(Reply::elsewhere(wanted));
    engine.tally.clear();
    let begin = Instant::now();
    let target = population.address;
    engine.begin(Load { target, connections: REGISTRARS, requests, pace: Pace::Closed })?;
    engine.run_to(count as u64, FILL_TIME_MAX)?;
    let seconds = begin.elapsed().as_secs_f64();
    engine.end()?;
    Ok(count as f64 / seconds)
}

/// All kinds of requests whose cost is measured.
fn kinds(plane: &Plane, yardstick: &Yardstick, population: Population) -> Result<Vec<Kind>> {
    let found = plane.call(&population.find(1, 0, ""))?;
    let length = length(&found)?;
    let unchanged = population.find(1, 0, found.field(REVISION));
    let beats = (0..population.instances).map(|instance| population.beat(instance)).collect();
    let own = |name, requests, wanted| {
        let (target, pid) = (plane.address, plane.pid());
        Kind { name, target, pid, requests, wanted }
    };
    let static_200 = Kind {
        name: STATIC,
        target: yardstick.address,
        pid: yardstick.pid(),
        requests: Requests::Same(request("bench")),
        wanted: Wanted::ok(BODY_BYTES),
    };
    Ok(vec![
        static_200,
        own(BEAT, Requests::Round(beats), Wanted::ok(0)),
        own(UNCHANGED, Requests::Same(unchanged), Wanted { status: 304, length: 0 }),
        own(FOUND, Requests::Same(population.find(1, 0, "")), Wanted::ok(length)),
    ])
}

fn length(found: &Message) -> Result<usize> {
    let value = found.json();
    let count = value.get("instances").and_then(serde_json::Value::as_array).map(Vec::len);
    ensure!(count == Some(INSTANCES_OF_FIRST), "the first service has {count:?} instances");
    Ok(found.text().len())
}

/// Lets services call one that has no instances yet, and then registers some.
fn watch(engine: &mut Engine, population: Population) -> Result<watchers::Told> {
    let provider = population.services - 1;
    let finds = (1..=WATCHERS).map(|consumer| population.find(consumer, provider, "0")).collect();
    play(engine, population, Requests::Each(finds), Wanted::ok(NOTHING_FOUND), WATCHERS)?;
    watchers::measure(population, provider)
}

fn restart(mesher: &Binary, folder: &Path, population: Population, figures: &mut Figures) -> Result<()> {
    let plane = Plane::start(mesher, folder)?;
    let population = Population { address: plane.address, ..population };
    let found = plane.call(&population.find(1, 0, ""))?;
    figures.restart = plane.age().as_secs_f64();
    length(&found)?;
    figures.memory_restarted = proportional_memory(plane.pid());
    Ok(())
}
