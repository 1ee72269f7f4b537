//! The command: parses arguments, calls one function of a library, prints.
//! It must hold no logic of the mesh: what it does is done in the crates below.

mod children;
mod cli;
mod commands;
mod failure;
mod flags;
mod http;
mod signals;
mod supervise;
mod table;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// What handlers of one's own are written against.
pub use mesher_proxy::handler;

/// Runs the command of this process. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.
#[must_use]
pub fn main() -> ExitCode {
    main_with(Vec::new())
}

/// As [`main`], for a build that brings handlers of its own. The setting `handlers` says where in which chain they stand.
#[must_use]
pub fn main_with(handlers: Vec<handler::Registration>) -> ExitCode {
    let cli = Cli::parse();
    signals::start_logging();
    let result = match cli.command {
        Command::Demo(arguments) => commands::demo::run(arguments),
        Command::Control(arguments) => commands::control::run(arguments),
        Command::Proxy(arguments) => commands::proxy::run(&arguments, handlers),
        Command::Run(arguments) => commands::run::run(arguments, handlers),
        Command::Get(arguments) => commands::get::run(&arguments),
        Command::Apply(arguments) => commands::rules::apply(&arguments),
        Command::Delete(arguments) => commands::rules::delete(&arguments),
        Command::History(arguments) => commands::rules::history(&arguments),
        Command::Rollback(arguments) => commands::rules::rollback(&arguments),
        Command::Explain(arguments) => commands::explain::run(&arguments),
        Command::Config(arguments) => commands::config::run(&arguments, handlers),
        Command::Completions { shell } => commands::completions(shell),
        Command::Version => commands::version(),
        Command::Sample(arguments) => commands::sample::run(arguments),
    };
    result.unwrap_or_else(|error| failure::report(&error))
}
