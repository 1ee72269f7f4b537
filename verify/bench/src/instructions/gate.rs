//! `--instructions`: counts, compares with the figure that is kept, and says what to do.
//! It must not pass in silence where nothing is kept for the environment.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::baseline::{Baseline, Counts, Environment, Verdict};
use super::{callgrind, rules};
use crate::load::Engine;
use crate::measure::{learn_services, register_services};
use crate::peers::{Binary, Kind, Place, Proxy, Registry, SERVICE};
use crate::system::{leave_out, processor_model, program, root, version_line};

/// Where the kept figures are.
const FILE: &str = "verify/bench/instructions.json";
/// Many known services, unless arguments say otherwise: enough to see a search that looks at each of them.
pub(crate) const COUNTED_SERVICES: usize = 1000;
/// Services that the proxy knows at first.
const FEW_SERVICES: usize = 10;
/// Services that it looks up at once.
const LEARNERS: usize = 4;
/// Rules of the service that is called, where it has any.
const RULES: usize = 20;
/// Rules of each of the many services.
const RULES_OF_MANY: usize = 10;
/// How much more a call may take for the first, in per cent.
const RULES_GROWTH_MAX: f64 = 10.0;
/// How much more with everything that guards a call.
const GUARDED_GROWTH_MAX: f64 = 15.0;
/// How much more for the second.
const MANY_GROWTH_MAX: f64 = 5.0;

/// Counts and compares, with few and with so many known services. With `is_recorded` the new figure is kept instead.
#[expect(clippy::print_stdout, reason = "the figures are the result")]
pub(crate) fn run(
    mesher: Binary,
    profile: &str,
    folder: &Path,
    (services, is_recorded): (usize, bool),
) -> Result<Option<Counts>> {
    if program("valgrind").is_none() || program("vgdb").is_none() {
        leave_out("instructions", "valgrind is not installed")?;
        return Ok(None);
    }
    let environment = Environment {
        compiler: version_line("rustc", "--version"),
        processor: processor_model(),
        valgrind: version_line("valgrind", "--version"),
        profile: profile.to_owned(),
    };
    let counts = count(mesher, folder, services)?;
    println!("instructions for each request, 64 B, 10 connections, workers only, profile {profile}:");
    let share = |found: f64| (found / counts.few_services - 1.0) * 100.0;
    println!("  {:>8.0} with {FEW_SERVICES} known services", counts.few_services);
    println!(
        "  {:>8.0} with a route of {RULES} rules, of which the last decides ({:+.1} %)",
        counts.with_rules,
        share(counts.with_rules)
    );
    println!(
        "  {:>8.0} with a route, retries, a breaker, a rate limit and least request ({:+.1} %)",
        counts.guarded,
        share(counts.guarded)
    );
    println!(
        "  {:>8.0} with {services} known services, each under {RULES_OF_MANY} rules ({:+.1} %)",
        counts.many_services,
        share(counts.many_services)
    );
    ensure!(
        share(counts.with_rules) <= RULES_GROWTH_MAX && share(counts.many_services) <= MANY_GROWTH_MAX,
        "rules cost too much: at most {RULES_GROWTH_MAX} % for {RULES} of them, and {MANY_GROWTH_MAX} % for those of other services"
    );
    ensure!(
        share(counts.guarded) <= GUARDED_GROWTH_MAX,
        "what guards a call costs too much: at most {GUARDED_GROWTH_MAX} %"
    );
    let file = root().join(FILE);
    let mut baseline = Baseline::read(&file)?;
    if is_recorded {
        baseline.record(environment, counts);
        baseline.write(&file)?;
        println!("kept in {FILE}");
        return Ok(Some(counts));
    }
    match baseline.compare(&environment, counts) {
        Verdict::Holds => println!("not more than the figure in {FILE} allows"),
        Verdict::Unknown => {
            println!(
                "{FILE} has no figure for {environment:?} and {services} services: add one with `cargo xtask bench --instructions --record`"
            );
        }
        Verdict::Grown { of, kept, found } => bail!(
            "{found:.0} instructions with {of}, {kept:.0} in {FILE}: more than 5 % above. Make it cheaper, or say in \
             the commit why it is worth that and run `cargo xtask bench --instructions --record`"
        ),
    }
    Ok(Some(counts))
}

fn count(mesher: Binary, folder: &Path, services: usize) -> Result<Counts> {
    let mut engine = Engine::new()?;
    let mut registry = Registry::start(&mesher, folder)?;
    registry.register(SERVICE, engine.backend)?;
    let names = register_services(&mut registry, &engine, services)?;
    let place = Place {
        folder: folder.to_owned(),
        backend: engine.backend,
        registry: Some(registry.address),
        mesher: Some(mesher.clone()),
        wrapper: callgrind::wrapper(folder)?,
    };
    let proxy = Proxy::start(&mut engine, &place, Kind::Mesher, "instructions")?;
    let (few, rest) = names.split_at(FEW_SERVICES.min(names.len()));
    learn_services(&mut engine, &proxy, few, LEARNERS)?;
    let few_services = callgrind::count(&mut engine, &proxy, folder).context("with few services")?;
    let called = [SERVICE.to_owned()];
    rules::apply(&mesher, &registry, folder, &called, RULES)?;
    let with_rules = callgrind::count(&mut engine, &proxy, folder).context("with rules")?;
    rules::remove(&mesher, &registry, SERVICE, &["Route"])?;
    rules::guard(&mesher, &registry, folder, SERVICE)?;
    let guarded = callgrind::count(&mut engine, &proxy, folder).context("with guards")?;
    rules::remove(&mesher, &registry, SERVICE, &rules::GUARDS)?;
    learn_services(&mut engine, &proxy, rest, LEARNERS)?;
    rules::apply(&mesher, &registry, folder, &names, RULES_OF_MANY)?;
    let many_services = callgrind::count(&mut engine, &proxy, folder).context("with many services")?;
    Ok(Counts { few_services, with_rules, guarded, services, many_services })
}
