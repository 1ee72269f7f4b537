//! What came out of a run: how much was called, what went wrong on purpose, and what must not have gone wrong.
//! It must tell every kind of violation apart, and remember the first of them word by word.

use std::fmt;
use std::time::Duration;

use crate::ledger::deed::{Fault, Leaving};

/// A run that can be repeated.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What everything is derived from.
    pub seed: u64,
    /// How many calls.
    pub calls: u64,
    /// Over how many connections of callers.
    pub connections: u64,
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Calls that were sent, whole or in part.
    pub calls: u64,
    /// Calls that got their whole answer.
    pub answered: u64,
    /// Calls that got an error of the proxy's instead.
    pub refused: u64,
    /// Of these, calls with which nothing went wrong and that could have been tried again.
    pub refused_without_cause: u64,
    /// Calls whose answer broke off, visibly, because the upstream's did.
    pub cut: u64,
    /// Calls whose caller left, by when.
    pub left: [u64; Leaving::ALL.len()],
    /// Calls behind one after which the connection ended.
    pub unsent: u64,
    /// Calls in HTTP/1.0.
    pub old: u64,
    /// Calls that were sent together with others.
    pub pipelined: u64,
    /// Faults that the upstream played.
    pub faults: [u64; Fault::ALL.len()],
    /// Connections that the upstream ended right after an answer.
    pub stale: u64,
    /// Connections that the upstream took.
    pub connections: u64,
    /// Calls that got neither answer nor error.
    pub lost: u64,
    /// Calls that must not be executed twice and were.
    pub duplicated: u64,
    /// Calls that got another's answer, or arrived as another.
    pub crossed: u64,
    /// Answers or calls of which a part looked whole.
    pub truncated: u64,
    /// The first violations, in words.
    pub violations: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Lost, duplicated, crossed, truncated: all of them must be 0.
    pub const fn violations(&self) -> [u64; 4] {
        [self.lost, self.duplicated, self.crossed, self.truncated]
    }

    /// Whether everything that a run is for has happened at least once.
    pub fn has_met_all(&self) -> bool {
        let counts = [self.answered, self.refused, self.cut, self.old, self.pipelined, self.stale];
        counts.iter().chain(&self.left).chain(&self.faults).all(|count| *count > 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.calls as f64 / self.took.as_secs_f64();
        write!(
            formatter,
            "{} calls in {:.1?}, {rate:.0}/s: {} answered, {} refused ({} without cause), {} cut off, {} left by their callers, {} unsent; ",
            self.calls,
            self.took,
            self.answered,
            self.refused,
            self.refused_without_cause,
            self.cut,
            self.left.iter().sum::<u64>(),
            self.unsent,
        )?;
        write!(
            formatter,
            "{} faults, {} stale ends, {} connections upstream; lost {}, duplicated {}, crossed {}, truncated {}",
            self.faults.iter().sum::<u64>(),
            self.stale,
            self.connections,
            self.lost,
            self.duplicated,
            self.crossed,
            self.truncated,
        )?;
        self.violations.iter().try_for_each(|violation| write!(formatter, "\n  {violation}"))
    }
}
