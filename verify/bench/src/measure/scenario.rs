//! The loads that are measured.
//! It must hold sizes and counts only: how a load is played is the engine's.

use anyhow::{Result, bail};

/// Bytes of the small answer, in which the cost of a request shows best.
pub(crate) const SMALL: usize = 64;
const MEDIUM: usize = 1024;
const LARGE: usize = 16 * 1024;
const HUGE: usize = 1024 * 1024;
/// The word for the memory scenarios, which are measured apart.
pub(crate) const MEMORY: &str = "memory";

/// One load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// Bytes of the answer's body.
    pub(crate) bytes: usize,
    pub(crate) connections: usize,
    /// Whether requests come at a constant rate.
    pub(crate) is_open: bool,
}

/// The scenario whose rate at nginx the open loop takes half of.
pub(crate) const SATURATION: Scenario = closed("64B-20", "64 B, 20 connections", SMALL, 20);

/// In the order in which they are measured.
const SCENARIOS: &[Scenario] = &[
    SATURATION,
    closed("64B-100", "64 B, 100 connections", SMALL, 100),
    closed("64B-1000", "64 B, 1,000 connections", SMALL, 1000),
    closed("1KiB-20", "1 KiB, 20 connections", MEDIUM, 20),
    closed("1KiB-100", "1 KiB, 100 connections", MEDIUM, 100),
    closed("1KiB-1000", "1 KiB, 1,000 connections", MEDIUM, 1000),
    closed("16KiB-20", "16 KiB, 20 connections", LARGE, 20),
    closed("1MiB-20", "1 MiB, 20 connections", HUGE, 20),
    Scenario {
        name: "open",
        title: "64 B, 100 connections, constant rate",
        bytes: SMALL,
        connections: 100,
        is_open: true,
    },
];

/// What `--quick` measures.
const QUICK: &[&str] = &["64B-20", "1KiB-100"];

const fn closed(name: &'static str, title: &'static str, bytes: usize, connections: usize) -> Scenario {
    Scenario { name, title, bytes, connections, is_open: false }
}

/// The scenarios of these names, all where there are none, and whether memory is among them.
pub(crate) fn select(names: &[String], is_quick: bool) -> Result<(Vec<Scenario>, bool)> {
    let known = |name: &str| name == MEMORY || SCENARIOS.iter().any(|scenario| scenario.name == name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        bail!("no scenario is called {name}; there are {} and {MEMORY}", all.join(", "));
    }
    let is_wanted = |name: &str| match names {
        [] if is_quick => QUICK.contains(&name),
        [] => true,
        names => names.iter().any(|wanted| wanted == name),
    };
    Ok((SCENARIOS.iter().filter(|scenario| is_wanted(scenario.name)).copied().collect(), is_wanted(MEMORY)))
}

/// The scenario of a name in results.
pub(crate) fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
