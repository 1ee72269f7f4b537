//! `mesher config check`: is a settings file right?
//! It must judge the file alone: what the environment adds is not known here.

use std::process::ExitCode;

use mesher_proxy::bootstrap::{Bootstrap, Sources};
use mesher_proxy::handler::Registration;

use crate::cli::{self, ConfigAction};
use crate::failure::answer;

/// Checks a file.
pub(crate) fn run(arguments: &cli::Config, handlers: Vec<Registration>) -> anyhow::Result<ExitCode> {
    let ConfigAction::Check { file } = &arguments.action;
    let mut sources = Sources::of_process(Some(file))?;
    sources.handlers = handlers;
    sources.environment.clear();
    Bootstrap::check(&sources)?;
    answer(&format!("{}: ok", file.display()));
    Ok(ExitCode::SUCCESS)
}
