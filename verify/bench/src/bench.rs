//! The order of a run: what is asked for, what has to be there, what is measured, what is written.
//! It must measure nothing itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::arguments::{Arguments, Part};
use crate::load::Engine;
use crate::measure::{self, Plan, Results};
use crate::peers::{Binary, Kind, Place, RELEASED, Registry, SERVICE};
use crate::system::{GENERATOR, facts, pin_self};
use crate::{control, instructions, links, relay, report};

const REPETITIONS: usize = 7;
const REPETITIONS_QUICK: usize = 3;
const PROXIES_QUICK: [Kind; 3] = [Kind::Relay, Kind::Mesher, Kind::Nginx];
/// Cheaper to build, and as good for a comparison with itself.
const PROFILE_INSTRUCTIONS: &str = "release";

/// Does what the arguments ask for.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    match &arguments.part {
        Some(Part::Relay { upstream }) => relay::run(*upstream),
        Some(Part::Control(arguments)) => control::run(arguments),
        Some(Part::Links(arguments)) => links::run(arguments),
        None => run_proxies(arguments),
    }
}

fn run_proxies(arguments: Arguments) -> Result<()> {
    let folder = report::folder()?;
    if let Some(file) = &arguments.from {
        let mut results = report::read(file)?;
        results.instructions = report::kept_counts(&folder);
        return finish(&arguments, &folder, &results);
    }
    if arguments.instructions {
        return count(&arguments, &folder);
    }
    let mut results =
        Results { facts: facts(), instructions: report::kept_counts(&folder), ..Results::default() };
    let measured = measure(&arguments, &folder, &mut results);
    // Whatever stopped the run, the windows before it are worth keeping.
    if measured.is_err() && !results.windows.is_empty() {
        report::write(&folder, &results)?;
    }
    measured?;
    finish(&arguments, &folder, &results)?;
    let invalid = results.windows.iter().filter(|window| window.fault.is_some()).count();
    ensure!(invalid == 0, "{invalid} windows are invalid");
    Ok(())
}

fn measure(arguments: &Arguments, folder: &Path, results: &mut Results) -> Result<()> {
    let (scenarios, is_memory) = measure::select(&arguments.only, arguments.quick)?;
    let plan = Plan {
        scenarios,
        proxies: proxies(arguments),
        repetitions: repetitions(arguments),
        duration: Duration::from_secs_f64(arguments.seconds),
    };
    (results.repetitions, results.seconds) = (plan.repetitions, arguments.seconds);
    let files = tempfile::tempdir_in(folder).context("no folder for the files of the run")?;
    let needs_mesher = is_memory || plan.proxies.iter().any(|kind| kind.access_log().is_some());
    let mesher = if needs_mesher { Some(binary(arguments, RELEASED)?) } else { None };
    pin_self(GENERATOR)?;
    let mut engine = Engine::new()?;
    let mut registry = match &mesher {
        Some(mesher) => Some(Registry::start(mesher, files.path())?),
        None => None,
    };
    if let Some(registry) = &mut registry {
        registry.register(SERVICE, engine.backend)?;
    }
    let place = Place {
        folder: files.path().to_owned(),
        backend: engine.backend,
        registry: registry.as_ref().map(|registry| registry.address),
        mesher,
        wrapper: Vec::new(),
    };
    if !plan.scenarios.is_empty() {
        measure::run(&mut engine, &place, &plan, results)?;
    }
    if let Some(registry) = registry.as_mut().filter(|_| is_memory) {
        results.memory = Some(measure::measure_memory(&mut engine, &place, registry)?);
    }
    Ok(())
}

fn count(arguments: &Arguments, folder: &Path) -> Result<()> {
    let profile = arguments.profile.as_deref().unwrap_or(PROFILE_INSTRUCTIONS);
    let mesher = binary(arguments, PROFILE_INSTRUCTIONS)?;
    let files = tempfile::tempdir_in(folder).context("no folder for the files of the run")?;
    if let Some(counts) =
        instructions::run(mesher, profile, files.path(), (arguments.services, arguments.record))?
    {
        report::keep_counts(folder, counts)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are the result")]
fn finish(arguments: &Arguments, folder: &Path, results: &Results) -> Result<()> {
    println!("{}", report::write(folder, results)?);
    if arguments.write_docs {
        report::write_documentation(results)?;
    }
    println!("kept in {}", folder.display());
    Ok(())
}

fn binary(arguments: &Arguments, usual: &str) -> Result<Binary> {
    Binary::of(arguments.mesher.as_deref(), arguments.profile.as_deref(), usual)
}

fn proxies(arguments: &Arguments) -> Vec<Kind> {
    match (arguments.proxies.as_slice(), arguments.quick) {
        ([], true) => PROXIES_QUICK.to_vec(),
        ([], false) => Kind::value_variants().to_vec(),
        (named, _) => named.to_vec(),
    }
}

fn repetitions(arguments: &Arguments) -> usize {
    let usual = if arguments.quick { REPETITIONS_QUICK } else { REPETITIONS };
    arguments.repetitions.unwrap_or(usual)
}
