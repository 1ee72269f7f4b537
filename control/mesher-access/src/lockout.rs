//! Failed tries to log in, counted for each account and address together.
//! It must stay bounded however many names an attacker invents, and must not lock an account for other addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::account::NAME_CHARACTERS_MAX;
use serde::Serialize;

/// Failures after which an account is blocked for an address. As the original counts.
const FAILURES_MAX: u32 = 3;
/// How long it stays blocked. The original's value.
const BLOCK_TIME: Duration = Duration::from_secs(15 * 60);
/// How long a failure is remembered. The original's value.
const MEMORY_TIME: Duration = Duration::from_secs(20 * 60);
/// Pairs that are remembered.
const PAIRS_MAX: usize = 10_000;

/// Whether a pair is only watched or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LockStatus {
    /// A try failed lately.
    Attempted,
    /// No try is taken.
    Banned,
}

/// One pair as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// `NAME::ADDRESS`
    pub key: String,
    /// What it is.
    pub status: LockStatus,
    /// Seconds since 1970.
    pub release_at: u64,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    release_at: Duration,
}

impl Failures {
    const fn is_blocked(&self) -> bool {
        self.count >= FAILURES_MAX
    }
}

/// The failures of all pairs.
#[derive(Debug, Default)]
pub(crate) struct Lockout {
    pairs: BTreeMap<(String, IpAddr), Failures>,
}

impl Lockout {
    pub(crate) fn is_blocked(&self, name: &str, from: IpAddr, now: Duration) -> bool {
        let failures = self.pairs.get(&pair(name, from));
        failures.is_some_and(|failures| failures.is_blocked() && now < failures.release_at)
    }

    pub(crate) fn fail(&mut self, name: &str, from: IpAddr, now: Duration) {
        let pair = pair(name, from);
        if !self.pairs.contains_key(&pair) {
            self.make_room(now);
        }
        let failures = self.pairs.entry(pair).or_insert(Failures { count: 0, release_at: Duration::ZERO });
        if now >= failures.release_at {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.release_at = now + if failures.is_blocked() { BLOCK_TIME } else { MEMORY_TIME };
    }

    /// All pairs that are remembered, by their key.
    pub(crate) fn locks(&self, now: Duration) -> Vec<Lock> {
        let current = self.pairs.iter().filter(|(_, failures)| now < failures.release_at);
        let locks = current.map(|((name, from), failures)| Lock {
            key: format!("{name}::{from}"),
            status: if failures.is_blocked() { LockStatus::Banned } else { LockStatus::Attempted },
            release_at: failures.release_at.as_secs(),
        });
        locks.collect()
    }

    /// Where the table is full, forgets what has run out; and if that is nothing, the pair that would run out first,
    /// a blocked one only where all are.
    fn make_room(&mut self, now: Duration) {
        if self.pairs.len() < PAIRS_MAX {
            return;
        }
        self.pairs.retain(|_, failures| now < failures.release_at);
        if self.pairs.len() >= PAIRS_MAX {
            let next =
                self.pairs.iter().min_by_key(|(_, failures)| (failures.is_blocked(), failures.release_at));
            let next = next.map(|(pair, _)| pair.clone());
            next.and_then(|pair| self.pairs.remove(&pair));
        }
    }
}

/// Of a name no more counts than an account's can have.
fn pair(name: &str, from: IpAddr) -> (String, IpAddr) {
    (name.chars().take(NAME_CHARACTERS_MAX).collect(), from.to_canonical())
}
