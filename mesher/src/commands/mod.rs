//! One file for each command.
//! They must stay thin: arguments in, one call, output.

pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod get;
mod kept;
pub(crate) mod proxy;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod sample;

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::failure::answer;

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mesher", &mut script);
    answer(String::from_utf8(script)?.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints the version.
pub(crate) fn version() -> anyhow::Result<ExitCode> {
    answer(&format!("mesher {}", env!("CARGO_PKG_VERSION")));
    Ok(ExitCode::SUCCESS)
}
