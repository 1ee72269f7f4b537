//! Calls that stay with one instance: by what they bring, or because one caller makes them.
//! It must let nobody find out the address of an instance from what a call brings.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use mesher_model::rule::{SESSION_NAME, SessionKind, SessionPersistence};

use super::mix;
use crate::CallView;
use crate::matching::field::any_cookie;

/// What keeps calls with one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Persistence {
    /// A cookie that the proxy gives with the first answer.
    Cookie {
        /// Its name.
        name: Box<str>,
        /// For how long it is kept; until the browser is closed where absent.
        lifetime: Option<Duration>,
    },
    /// A header field that the proxy gives with the first answer, and that the caller sends from then on.
    Header {
        /// Its name in lower case.
        name: Box<str>,
    },
    /// Nothing: all calls of this proxy stay with one instance, which is ServiceComb's `SessionStickiness`.
    Caller {
        /// For how long there may be no call; for ever where absent.
        idle_limit: Option<Duration>,
        /// After so many failures one after the other it is left; never where absent.
        failures_max: Option<u32>,
    },
}

/// For how long there may be no call, where a rule says nothing. Source: Java Chassis, `SessionStickinessRule`.
pub const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// After how many failures an instance is left, where a rule says nothing. Source: as above.
pub const FAILURES: u32 = 5;

impl Persistence {
    pub(super) fn of_rule(session: &SessionPersistence) -> Self {
        let name = session.session_name.as_deref().unwrap_or(SESSION_NAME);
        match session.kind {
            SessionKind::Cookie => Self::Cookie {
                name: name.into(),
                lifetime: session.absolute_timeout.map(|lifetime| lifetime.duration()),
            },
            SessionKind::Header => Self::Header { name: name.to_ascii_lowercase().into() },
            SessionKind::Caller => {
                let idle_limit = session.idle_timeout.map_or(IDLE_LIMIT, |limit| limit.duration());
                let failures = session.successive_failures.unwrap_or(FAILURES);
                Self::Caller {
                    idle_limit: (!idle_limit.is_zero()).then_some(idle_limit),
                    failures_max: (failures > 0).then_some(failures),
                }
            }
        }
    }

    /// The instance that a call asks for.
    #[must_use]
    pub fn asked(&self, call: &CallView<'_>) -> Option<SessionToken> {
        let mut token = None;
        let mut take = |value: &[u8]| {
            token = SessionToken::parse(value);
            token.is_some()
        };
        match self {
            Self::Cookie { name, .. } => any_cookie(name, call.head, take),
            Self::Header { name } => call.head.any_field(name, &mut take),
            Self::Caller { .. } => false,
        };
        token
    }

    /// The header field of an answer that has the calls that follow stay with an instance.
    #[must_use]
    pub fn field(&self, token: SessionToken) -> Option<(&str, String)> {
        match self {
            Self::Cookie { name, lifetime } => {
                let lifetime = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs()));
                let lifetime = lifetime.unwrap_or_default();
                Some(("set-cookie", format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{lifetime}")))
            }
            Self::Header { name } => Some((name, token.to_string())),
            Self::Caller { .. } => None,
        }
    }
}

/// Names an instance to those who must not know its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionToken(u64);

impl SessionToken {
    /// That of an instance: its id, or its address where it has none.
    #[must_use]
    pub fn of(identity: &str) -> Self {
        Self(mix::of_text(identity))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let is_token = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_token { u64::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for SessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// With whom the calls of one caller stay: shared by all workers.
#[derive(Debug, Default)]
pub struct CallerSession {
    /// The number of the endpoint and one more, above when it was used last, in milliseconds; 0: nobody yet.
    held: AtomicU64,
    /// Failures of it, one after the other.
    failures: AtomicU32,
}

impl CallerSession {
    /// The endpoint that is stayed with, as its number; `None` where it is time to choose one.
    #[must_use]
    pub fn stays(
        &self,
        now: Duration,
        idle_limit: Option<Duration>,
        failures_max: Option<u32>,
    ) -> Option<u32> {
        let (endpoint, used) = split(self.held.load(Ordering::Relaxed))?;
        // Another worker may have used it a moment later by its clock.
        let idle = stamp(now).wrapping_sub(used).cast_signed().max(0).cast_unsigned();
        let is_over = idle_limit.is_some_and(|limit| Duration::from_millis(idle.into()) > limit);
        let has_failed = failures_max.is_some_and(|most| self.failures.load(Ordering::Relaxed) >= most);
        (!is_over && !has_failed).then_some(endpoint)
    }

    /// An endpoint was used. It is stayed with from now on.
    pub fn uses(&self, now: Duration, endpoint: u32) {
        let next = joined(endpoint, stamp(now));
        let before = self.held.swap(next, Ordering::Relaxed);
        if split(before).map(|(endpoint, _)| endpoint) != Some(endpoint) {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// An endpoint answered, or failed to.
    pub fn ended(&self, endpoint: u32, has_failed: bool) {
        let is_held = split(self.held.load(Ordering::Relaxed)).is_some_and(|(held, _)| held == endpoint);
        if !is_held {
            return;
        }
        if has_failed {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }
}

fn split(held: u64) -> Option<(u32, u32)> {
    let endpoint = ((held >> u32::BITS) as u32).checked_sub(1)?;
    Some((endpoint, held as u32))
}

fn joined(endpoint: u32, used: u32) -> u64 {
    u64::from(endpoint.saturating_add(1)) << u32::BITS | u64::from(used)
}

const fn stamp(now: Duration) -> u32 {
    now.as_millis() as u32
}
