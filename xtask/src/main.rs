//! `cargo xtask`: the commands that desk and CI share.
//! Must not hold a rule of its own: what a command does stands in its module.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool at the terminal; its output is its result"
)]

mod bench;
mod check;
mod environment;
mod fuzz;
mod skips;
mod soak;
mod steps;
mod suites;
mod tally;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test [ARGUMENTS…]  build the binaries and run every suite; ARGUMENTS go to `cargo test`
  fuzz [TARGET…] [--seconds N]
                     run the fuzz targets, all or these, each for N seconds (60)
  soak [FILTER…]     the gate and crash suites at full scale against the release build, one row after the other; FILTERs choose rows
  check              formatting, clippy, documentation, house rules, dependencies
  tidy               house rules only
  bench [ARGUMENTS…] what a request costs, beside other proxies; `bench --help` tells the rest

With CI set in the environment, whatever would be skipped at a desk is a failure.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", &[][..]),
    };
    let done = match (command, rest) {
        ("test", rest) => suites::run(rest),
        ("fuzz", rest) => fuzz::run(rest),
        ("soak", rest) => soak::run(rest),
        ("check", []) => check::run(),
        ("tidy", []) => tidy::run(),
        ("bench", rest) => bench::run(rest),
        ("help" | "--help" | "-h", _) => {
            print!("{HELP}");
            Ok(())
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests;
