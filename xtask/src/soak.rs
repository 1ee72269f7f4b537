//! `cargo xtask soak`: the gate and the crash suite at full scale, row after row, against the release build.
//! Must not change what a row demands: only how much of it is done.

use anyhow::{Result, ensure};

use crate::environment::metadata;
use crate::skips::{self, SkipReport};
use crate::steps::{Outcome, Steps, call, cargo};
use crate::suites::watch;
use crate::tally::Tally;

/// Tells the suite its scale.
const SCALE: (&str, &str) = ("MESHER_VERIFY_SCALE", "full");
/// Tells the suite which program it tests.
const BINARY: &str = "MESHER_VERIFY_BINARY";
/// The suites that have rows.
const SUITES: [&str; 4] = ["--test", "gate", "--test", "crash"];
/// What the line of a row begins with.
const ROW: &str = "row ";

pub(crate) fn run(filters: &[String]) -> Result<()> {
    let target = metadata()?.target_directory;
    let report = SkipReport::begin(&target)?;
    let mut steps = Steps::default();
    let (mut tally, mut rows) = (Tally::default(), Vec::new());
    steps.run("build", || call(&mut cargo(["build", "--release", "--package", "mesher"])));
    if !steps.has_failed() {
        let binary = target.join("release").join("mesher");
        steps.run("soak", || {
            let mut command = cargo(["test", "--release", "--package", "mesher-verify"]);
            command.args(SUITES).args(["--", "--test-threads=1", "--nocapture"]).args(filters);
            command.envs([SCALE]).env(BINARY, &binary).env(skips::VARIABLE, report.path());
            let outcome = watch(&mut command, |line| {
                tally.add_line(line);
                rows.extend(row_of(line).map(str::to_owned));
            })?;
            let has_run = tally.passed + tally.failed > 0;
            ensure!(has_run || outcome == Outcome::Failed, "no row is called so");
            Ok(outcome)
        });
    }
    let left_out = report.end()?;
    rows.iter().for_each(|row| println!("{row}"));
    let done = steps.finish();
    left_out.iter().for_each(|line| println!("skipped: {line}"));
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored + left_out.len());
    done
}

/// The figures of a row, which stand behind what the test runner has begun to say.
pub(crate) fn row_of(line: &str) -> Option<&str> {
    let begins = line.starts_with(ROW) || line.starts_with("test ");
    let at = line.find(ROW).filter(|_| begins)?;
    line.get(at + ROW.len()..)
}
