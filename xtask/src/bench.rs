//! `cargo xtask bench`: builds the benchmark, optimised, and starts it.
//! Must not know what it measures: every argument goes on.

use anyhow::{Result, ensure};

use crate::steps::{Outcome, call, cargo};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    // The generator shares a processor with the backend: unoptimised it would be slower than what it measures.
    let mut command = cargo(["run", "--quiet", "--release", "--package", "mesher-bench", "--"]);
    ensure!(call(command.args(arguments))? == Outcome::Passed, "see above");
    Ok(())
}
