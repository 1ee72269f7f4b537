//! The figures that are kept in the tree, each for one environment, and how far a new one may lie above them.
//! It must never compare figures of different environments: another compiler makes other code.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// How far above the kept figure a new one may lie.
const GROWTH_MAX: f64 = 1.05;

/// Instructions for each request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// With few known services.
    pub(crate) few_services: f64,
    /// With many rules of the service that is called; 0 where it was not counted yet.
    #[serde(default)]
    pub(crate) with_rules: f64,
    /// With a route, retries, a breaker, a rate limit and least request for every call; 0 where it was not counted yet.
    #[serde(default)]
    pub(crate) guarded: f64,
    /// How many known services are many.
    pub(crate) services: usize,
    /// With so many, each under rules of its own.
    pub(crate) many_services: f64,
}

/// What a count depends on besides the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) compiler: String,
    pub(crate) processor: String,
    pub(crate) valgrind: String,
    pub(crate) profile: String,
}

/// A kept figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    environment: Environment,
    counts: Counts,
}

impl Entry {
    fn is_of(&self, environment: &Environment, counts: Counts) -> bool {
        self.environment == *environment && self.counts.services == counts.services
    }
}

/// All kept figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    entries: Vec<Entry>,
}

/// What a comparison says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing is kept for this environment.
    Unknown,
    Holds,
    /// The two figures, and of what.
    Grown {
        of: &'static str,
        kept: f64,
        found: f64,
    },
}

impl Baseline {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not as it should be", file.display()))
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    pub(crate) fn compare(&self, environment: &Environment, found: Counts) -> Verdict {
        let Some(entry) = self.entries.iter().find(|entry| entry.is_of(environment, found)) else {
            return Verdict::Unknown;
        };
        let pairs = [
            ("few known services", entry.counts.few_services, found.few_services),
            ("rules of its service", entry.counts.with_rules, found.with_rules),
            ("guards for every call", entry.counts.guarded, found.guarded),
            ("many known services", entry.counts.many_services, found.many_services),
        ];
        let pairs = pairs.into_iter().filter(|(_, kept, _)| *kept > 0.0);
        let grown = pairs.into_iter().find(|(_, kept, found)| *found > kept * GROWTH_MAX);
        grown.map_or(Verdict::Holds, |(of, kept, found)| Verdict::Grown { of, kept, found })
    }

    /// Keeps a figure in place of the one that was there.
    pub(crate) fn record(&mut self, environment: Environment, counts: Counts) {
        self.entries.retain(|entry| !entry.is_of(&environment, counts));
        self.entries.push(Entry { environment, counts });
    }
}
