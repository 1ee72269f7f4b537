//! `cargo xtask test`: builds the binaries, runs every suite, and names whatever was left out.
//! Must need nothing beyond Rust and a C compiler; a suite that wants more leaves itself out by name.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::environment::{is_ci, metadata};
use crate::skips::{self, SkipReport};
use crate::steps::{Outcome, Steps, call, cargo};
use crate::tally::Tally;

pub(crate) fn run(extra: &[String]) -> Result<()> {
    let report = SkipReport::begin(&metadata()?.target_directory)?;
    let mut steps = Steps::default();
    let mut tally = Tally::default();
    // The suites start the binary as a user does, so it has to be there before the first of them runs; built
    // with the whole workspace, it shares its dependencies' features, and so their artefacts, with the suites.
    steps.run("build", || call(&mut cargo(["build", "--workspace", "--bins"])));
    if !steps.has_failed() {
        steps.run("test", || test(&report, extra, &mut tally));
    }
    let left_out = report.end()?;
    let done = steps.finish();
    for line in &left_out {
        println!("skipped: {line}");
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored + left_out.len());
    done?;
    ensure!(left_out.is_empty() || !is_ci(), "CI does not allow anything to be skipped");
    Ok(())
}

fn test(report: &SkipReport, extra: &[String], tally: &mut Tally) -> Result<Outcome> {
    let mut command = cargo(["test", "--workspace", "--no-fail-fast"]);
    command.args(extra).env(skips::VARIABLE, report.path());
    let outcome = watch(&mut command, |line| tally.add_line(line))?;
    let has_run = tally.passed + tally.failed > 0;
    ensure!(has_run || !extra.is_empty() || outcome == Outcome::Failed, "no test was run");
    Ok(outcome)
}

/// Runs a command and looks at each line of its output while it passes by.
pub(crate) fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> Result<Outcome> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo cannot be started")?;
    let output = child.stdout.take().context("the output of cargo is not piped")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("the output of cargo cannot be read")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        look(&line);
    }
    let status = child.wait().context("cargo does not end")?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}
