//! Everything that a run measured, as it is kept and as tables ask for it.
//! It must keep every window: a median can be computed again, a lost window cannot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::statistics::{Summary, paired, summary};
use crate::instructions::Counts;
use crate::peers::Kind;
use crate::system::{Facts, Spent};

/// One proxy under one load for a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) scenario: String,
    pub(crate) proxy: Kind,
    pub(crate) repetition: usize,
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) spent: Spent,
    /// The quantiles of [`Quantile`], in microseconds.
    pub(crate) latency: [f64; 4],
    /// Memory under the load, in bytes.
    pub(crate) memory: u64,
    /// System calls for each request, from a window of their own.
    pub(crate) syscalls: Option<f64>,
    /// What went wrong. Such a window counts for nothing.
    pub(crate) fault: Option<String>,
}

/// Places in [`Window::latency`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Quantile {
    P50,
    P90,
    P99,
    P999,
}

impl Quantile {
    pub(crate) const ALL: [(Self, f64); 4] =
        [(Self::P50, 0.5), (Self::P90, 0.9), (Self::P99, 0.99), (Self::P999, 0.999)];
}

impl Window {
    /// Microseconds of processor time for each request.
    pub(crate) fn cost(&self) -> f64 {
        self.spent.run as f64 / 1000.0 / self.requests as f64
    }

    /// The part of [`Self::cost`] that was spent in user mode.
    pub(crate) fn user_cost(&self) -> f64 {
        let ticks = (self.spent.user + self.spent.system).max(1);
        self.cost() * self.spent.user as f64 / ticks as f64
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// The share of the time in which the proxy ran. Under 0.9 it was not saturated.
    pub(crate) fn busy(&self) -> f64 {
        self.spent.run as f64 / 1e9 / self.seconds
    }

    pub(crate) fn latency(&self, quantile: Quantile) -> f64 {
        self.latency.get(quantile as usize).copied().unwrap_or_default()
    }
}

/// A run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) facts: Facts,
    pub(crate) repetitions: usize,
    pub(crate) seconds: f64,
    /// What each proxy says of its version.
    pub(crate) versions: BTreeMap<Kind, String>,
    /// Memory of each after its start, in bytes.
    pub(crate) idle_memory: BTreeMap<Kind, u64>,
    /// Requests a second of the open loop.
    pub(crate) open_rate: Option<f64>,
    pub(crate) windows: Vec<Window>,
    pub(crate) memory: Option<Memory>,
    pub(crate) instructions: Option<Counts>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

impl Results {
    /// The windows of one proxy under one load that count.
    pub(crate) fn valid(&self, scenario: &str, proxy: Kind) -> impl Iterator<Item = &Window> {
        let is_it = move |window: &&Window| window.proxy == proxy && window.scenario == scenario;
        let windows = self.windows.iter().filter(is_it);
        windows.filter(|window| window.fault.is_none() && window.requests > 0)
    }

    /// A figure of one proxy under one load.
    pub(crate) fn figure(&self, scenario: &str, proxy: Kind, of: impl Fn(&Window) -> f64) -> Option<Summary> {
        summary(self.valid(scenario, proxy).map(of))
    }

    /// The same figure of two proxies, related window by window.
    pub(crate) fn ratio(
        &self,
        scenario: &str,
        proxies: (Kind, Kind),
        of: impl Fn(&Window) -> f64,
    ) -> Option<Summary> {
        let pairs = |proxy| -> Vec<_> {
            self.valid(scenario, proxy).map(|window| (window.repetition, of(window))).collect()
        };
        paired(&pairs(proxies.0), &pairs(proxies.1))
    }

    /// System calls for each request.
    pub(crate) fn syscalls(&self, scenario: &str, proxy: Kind) -> Option<Summary> {
        summary(self.valid(scenario, proxy).filter_map(|window| window.syscalls))
    }

    /// Proxies with windows under a load, in the order of tables.
    pub(crate) fn proxies(&self, scenario: &str) -> Vec<Kind> {
        let of_it = self.windows.iter().filter(|window| window.scenario == scenario);
        let mut proxies: Vec<_> = of_it.map(|window| window.proxy).collect();
        proxies.sort_unstable();
        proxies.dedup();
        proxies
    }
}
