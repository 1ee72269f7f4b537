//! `cargo xtask bench`: what a request costs in the proxy, measured beside other proxies in the same run.
//! It must compare nothing across runs: the machine drifts by more than the differences are.
//!
//! | module | holds |
//! |---|---|
//! | `arguments`, `bench` | the command line, the order of a run |
//! | `load` | clients and backend in one thread |
//! | `relay` | the bare relay that shows the limit |
//! | `peers` | the proxies: configurations, starts |
//! | `measure` | scenarios, windows, statistics, memory |
//! | `control` | the control plane: population, costs, watchers, restart |
//! | `links` | the links to proxies: how soon all have a change, what each costs |
//! | `instructions` | counts under callgrind, and the figures that are kept |
//! | `report` | targets, JSON, tables, plot, documentation |
//! | `system`, `poll`, `sockets` | what the operating system gives |

mod arguments;
mod bench;
mod control;
mod instructions;
mod links;
mod load;
mod measure;
mod peers;
mod poll;
mod relay;
mod report;
mod sockets;
mod system;

use std::process::ExitCode;

use clap::Parser as _;

#[expect(clippy::print_stderr, reason = "a tool at the terminal says there why it failed")]
fn main() -> ExitCode {
    match bench::run(arguments::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
