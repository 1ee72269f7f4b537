//! What is counted of the calls of one row, and how rows of several workers add up.
//! It must be bounded whatever callers and rules name.

use std::time::Duration;

use crate::handlers::fallback::FellBack;
use crate::request::failure::Side;
use crate::request::hedge::HedgeCame;
use crate::request::invocation::Code;
use crate::telemetry::names::{BOUNDARY_COUNT, CODES_MAX, PEER_OTHER, RULES_MAX};

/// What is counted under one set of labels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) by_code: Vec<(CodeLabel, u64)>,
    /// One for each boundary, and one for everything above the last.
    pub(crate) by_duration: [u64; BOUNDARY_COUNT + 1],
    pub(crate) duration: Duration,
    pub(crate) active: i64,
    /// Upstream connections in use.
    pub(crate) connections: i64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) failures: Vec<((Side, &'static str), u64)>,
    pub(crate) retries: Vec<(&'static str, u64)>,
    /// Calls that rules refused or touched: the handler, the rule, how many.
    pub(crate) guarded: Vec<((&'static str, Box<str>), u64)>,
    /// Calls that failed and had something to fall back on: what came of it, the rule, how many.
    pub(crate) fallbacks: Vec<((FellBack, Box<str>), u64)>,
    /// Second tries beside the first, by what came of them.
    pub(crate) hedges: Vec<(HedgeCame, u64)>,
    /// Further tries for which there was no place in the budget.
    pub(crate) retries_denied: u64,
    /// Connections that have spoken another protocol, and those that do.
    pub(crate) upgrades: u64,
    pub(crate) active_upgrades: i64,
    /// Kept upstream connections that were found closed: the call was sent again; it failed.
    pub(crate) stale: [u64; 2],
}

/// A code as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CodeLabel {
    /// The code itself.
    One(Code),
    /// Every code beyond the bound.
    Other,
}

impl Counts {
    /// A call ended with this code.
    pub(super) fn add_code(&mut self, code: Code) {
        let known = self.by_code.iter().any(|(label, _)| *label == CodeLabel::One(code));
        let label =
            if known || self.by_code.len() < CODES_MAX { CodeLabel::One(code) } else { CodeLabel::Other };
        add(&mut self.by_code, label, 1);
    }

    /// Adds what another worker counted under the same labels.
    pub(super) fn merge(&mut self, other: &Self) {
        for (label, count) in &other.by_code {
            add(&mut self.by_code, *label, *count);
        }
        for (mine, theirs) in self.by_duration.iter_mut().zip(other.by_duration) {
            *mine += theirs;
        }
        self.duration += other.duration;
        self.active += other.active;
        self.connections += other.connections;
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
        self.upgrades += other.upgrades;
        self.active_upgrades += other.active_upgrades;
        for (mine, theirs) in self.stale.iter_mut().zip(other.stale) {
            *mine += theirs;
        }
        for (key, count) in &other.failures {
            add(&mut self.failures, *key, *count);
        }
        self.retries_denied += other.retries_denied;
        for (key, count) in &other.retries {
            add(&mut self.retries, *key, *count);
        }
        for (key, count) in &other.guarded {
            add(&mut self.guarded, key.clone(), *count);
        }
        for (key, count) in &other.hedges {
            add(&mut self.hedges, *key, *count);
        }
        for (key, count) in &other.fallbacks {
            add(&mut self.fallbacks, key.clone(), *count);
        }
    }
}

pub(super) fn add<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K, count: u64) {
    match counts.iter_mut().find(|(other, _)| *other == key) {
        Some((_, sum)) => *sum += count,
        None => counts.push((key, count)),
    }
}

/// Counts something that a rule did, by what it was and the rule's name.
pub(super) fn add_named<K: PartialEq + Copy>(counts: &mut Vec<((K, Box<str>), u64)>, what: K, rule: &str) {
    let is_same = |((other, name), _): &&mut ((K, Box<str>), u64)| *other == what && **name == *rule;
    if let Some((_, count)) = counts.iter_mut().find(is_same) {
        *count += 1;
        return;
    }
    let rule = if counts.len() < RULES_MAX { rule } else { PEER_OTHER };
    add(counts, (what, rule.into()), 1);
}

/// The bucket of a duration: the first whose upper boundary, a power of two of a second, is not below it.
pub(crate) fn bucket_of(elapsed: Duration) -> usize {
    let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    // In units of the lowest boundary, rounded up; beyond the table everything is one bucket.
    let units = nanoseconds.saturating_mul(1 << 12).div_ceil(1_000_000_000);
    match units {
        0 | 1 => 0,
        _ => ((u64::BITS - (units - 1).leading_zeros()) as usize).min(BOUNDARY_COUNT),
    }
}
