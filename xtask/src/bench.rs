//! `cargo xtask bench`: builds the benchmark and starts it.
//! Must not know what it measures: every argument goes on.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::environment::metadata;
use crate::steps::{Outcome, call, cargo};

/// Counts of instructions do not depend on how fast clients are.
const COUNTS: &str = "--instructions";

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let is_counting = arguments.iter().any(|argument| argument == COUNTS);
    let (folder, built) = if is_counting {
        // As the suites are built: in CI nothing is left to do.
        ("debug", call(&mut cargo(["build", "--quiet", "--workspace", "--bins"]))?)
    } else {
        // The generator shares a processor with the backend: unoptimised it would be slower than what it measures.
        ("release", call(&mut cargo(["build", "--quiet", "--release", "--package", "mesher-bench"]))?)
    };
    ensure!(built == Outcome::Passed, "the benchmark cannot be built");
    let file = metadata()?.target_directory.join(folder).join("mesher-bench");
    ensure!(call(Command::new(file).args(arguments))? == Outcome::Passed, "see above");
    Ok(())
}
