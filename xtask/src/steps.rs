//! Runs named steps one after the other, says how long each took, and sums up at the end.
//! Must not stop at the first failure: whoever waits for CI wants to know all of them.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::environment::is_ci;

/// How a step ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// Not done here, and why. In CI it is a failure.
    Skipped(String),
}

/// The steps that were run, in order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    finished: Vec<(String, Duration, Outcome)>,
}

impl Steps {
    /// Runs one step; an error is printed and counts as a failure.
    pub(crate) fn run(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<Outcome>) {
        let name = name.into();
        println!("== {name}");
        let begin = Instant::now();
        let outcome = work().unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            Outcome::Failed
        });
        let outcome = settle(outcome, is_ci());
        let took = begin.elapsed();
        println!("== {name}: {} after {:.1} s\n", word(&outcome), took.as_secs_f64());
        self.finished.push((name, took, outcome));
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.finished.iter().any(|(_, _, outcome)| *outcome == Outcome::Failed)
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// Names the steps that failed.
    pub(crate) fn finish(self) -> Result<()> {
        for (name, took, outcome) in &self.finished {
            println!("{name:<14} {:>8.1} s  {}", took.as_secs_f64(), word(outcome));
        }
        for (name, _, outcome) in &self.finished {
            if let Outcome::Skipped(reason) = outcome {
                println!("skipped: {name}: {reason}");
            }
        }
        let is_failed = |outcome: &Outcome| *outcome == Outcome::Failed;
        let failed = self.finished.iter().filter(|(_, _, outcome)| is_failed(outcome));
        let failed: Vec<_> = failed.map(|(name, _, _)| name.as_str()).collect();
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }
}

/// In CI nothing may be skipped.
pub(crate) fn settle(outcome: Outcome, is_ci: bool) -> Outcome {
    match outcome {
        Outcome::Skipped(reason) if is_ci => {
            eprintln!("skipped, which CI does not allow: {reason}");
            Outcome::Failed
        }
        other => other,
    }
}

/// Runs a program to its end with this one's input and output.
pub(crate) fn call(command: &mut Command) -> Result<Outcome> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}

/// A cargo command.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::Skipped(_) => "skipped",
    }
}
