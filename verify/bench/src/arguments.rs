//! The command line.
//! It must hold names and defaults, and decide nothing.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::instructions::COUNTED_SERVICES;
use crate::peers::Kind;

/// Measures what a request costs in the proxy, beside other proxies in the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    /// Scenarios to measure, comma between: 64B-20, 64B-100, 64B-1000, 1KiB-20, 1KiB-100, 1KiB-1000, 16KiB-20, 1MiB-20, open, memory
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Proxies to measure, comma between; all of them unless given
    #[arg(long, value_name = "PROXY", value_delimiter = ',')]
    pub(crate) proxies: Vec<Kind>,
    /// Windows for each proxy and scenario [default: 7, with --quick 3]
    #[arg(long, value_name = "N")]
    pub(crate) repetitions: Option<usize>,
    /// Length of a window
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Three windows of 64B-20 and 1KiB-100, of Mesher, nginx and the relay
    #[arg(long)]
    pub(crate) quick: bool,
    /// A mesher that is built already
    #[arg(long, value_name = "PATH")]
    pub(crate) mesher: Option<PathBuf>,
    /// The profile that mesher is built with, or was [default: dist, with --instructions release]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Counts instructions for each request and compares them with the kept figure
    #[arg(long)]
    pub(crate) instructions: bool,
    /// Keeps the count for this environment
    #[arg(long, requires = "instructions")]
    pub(crate) record: bool,
    /// Known services with which instructions are counted a second time. Thousands take minutes under callgrind
    #[arg(long, value_name = "N", default_value_t = COUNTED_SERVICES, requires = "instructions")]
    pub(crate) services: usize,
    /// Puts the tables into docs/performance.md
    #[arg(long)]
    pub(crate) write_docs: bool,
    /// Measures nothing, and reports what a run has found before
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

/// A part that runs in a process of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Measures the control plane instead
    Control(Control),
    /// Measures the links between control plane and proxies instead
    Links(Links),
    /// A bare TCP relay, which prints its address
    #[command(hide = true)]
    Relay {
        /// Where it connects to
        upstream: SocketAddr,
    },
}

/// What is measured of a part, and where the figures go.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A mesher that is built already
    #[arg(long, value_name = "PATH")]
    pub(crate) mesher: Option<PathBuf>,
    /// The profile that mesher is built with, or was [default: dist]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Puts the tables into docs/performance.md
    #[arg(long)]
    pub(crate) write_docs: bool,
}

/// How links are measured.
#[derive(Debug, Args)]
pub(crate) struct Links {
    /// Services that have a rule
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) services: usize,
    /// Proxies that hear of each change
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) proxies: usize,
    /// Proxies that are linked at the end, for the memory of one
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) most: usize,
    /// Changes, one after the other
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) changes: usize,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// How the control plane is measured.
#[derive(Debug, Args)]
pub(crate) struct Control {
    /// Service versions that are registered
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) services: usize,
    /// Instances that are registered, a hundred of them of the first service
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) instances: usize,
    /// Windows for each kind of request
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) repetitions: usize,
    /// Length of a window
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub(crate) seconds: f64,
    #[command(flatten)]
    pub(crate) run: Run,
}
