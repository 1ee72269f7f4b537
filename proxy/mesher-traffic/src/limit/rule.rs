//! Limits as rules state them, their counts, and what all of them together say of a call.
//! It must let a call pass only where every limit that is about it does, and must charge none of them for one that does not.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mesher_model::rule::link::LimitKey;
use mesher_model::rule::{Limit, Per, Scope};

use super::fields;
use super::lease::{Lease, WHOLE};
use super::meter::{Granted, Meter, Refused, Standing as MeterStanding};
use super::pace::Pace;
use super::share::Share;
use super::table::{Table, Taken};
use crate::matching::call::CallView;
use crate::selection::{Entry, Standing};

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// What callers and metrics call it.
    pub name: Box<str>,
    /// So many requests …
    pub requests: u32,
    /// … in such a time.
    pub interval: Duration,
    /// How they are counted.
    pub meter: Meter,
    /// Who has it for itself; all calls have it together where absent.
    pub per: Option<Key>,
    /// What it is called among all proxies, where they have it together.
    pub mesh: Option<LimitKey>,
    /// Of the limits of one group only the first counts that is about a call.
    pub group: Option<Group>,
}

/// Limits of which one at most is about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Java's for all calls together.
    RateLimiting,
    /// Java's for each value of a header field.
    ByIdentifier,
    /// The older ones of both SDKs.
    FlowControl,
}

/// Those that are about a call, in their order.
fn about<'l>(
    limits: &'l Limits,
    call: &CallView<'_>,
) -> impl Iterator<Item = (&'l Entry<LimitRule>, &'l Arc<Counter>)> {
    let mut met = [false; 3];
    limits.all().filter(move |(entry, _)| {
        let seen = entry.item.group.and_then(|group| met.get_mut(group as usize));
        if seen.as_deref() == Some(&true) || !entry.is_about(call) {
            return false;
        }
        seen.into_iter().for_each(|seen| *seen = true);
        true
    })
}

/// What of a call decides whose count it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Who calls.
    Caller,
    /// The value of a header field, whose name is in lower case.
    Header(Box<str>),
}

impl LimitRule {
    /// What a document says. `key` is what the mesh calls the limit, should it be one of the mesh.
    pub(crate) fn of_document(limit: &Limit, key: LimitKey) -> Self {
        let interval = limit.interval.duration();
        let pace = Pace::new(limit.requests, interval, limit.burst.unwrap_or(limit.requests));
        Self {
            name: limit.name.as_str().into(),
            requests: limit.requests,
            interval,
            // What a document may say makes a pace always.
            meter: pace.map_or(Meter::Closed, Meter::Pace),
            per: limit.per.as_ref().map(|per| match per {
                Per::Caller => Key::Caller,
                Per::Header(name) => Key::Header(name.to_ascii_lowercase().into()),
            }),
            mesh: (limit.scope == Scope::Mesh).then_some(key),
            group: None,
        }
    }

    /// The key of a call, as `hash` makes it.
    fn key(&self, call: &CallView<'_>, hash: &dyn Fn(&[u8]) -> u64) -> u64 {
        match &self.per {
            None => 0,
            Some(Key::Caller) => hash(call.caller.service.as_bytes()),
            Some(Key::Header(name)) => {
                let mut key = hash(b"");
                call.head.any_field(name, &mut |value| {
                    key = hash(value);
                    true
                });
                key
            }
        }
    }
}

/// The rate in words: `10 requests in 1s`, and whose.
impl fmt::Display for LimitRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} requests in {:?}", self.requests, self.interval)?;
        match &self.per {
            Some(Key::Caller) => formatter.write_str(" for each caller")?,
            Some(Key::Header(name)) => write!(formatter, " for each value of {name}")?,
            None => {}
        }
        formatter.write_str(if self.mesh.is_some() { " of the whole mesh" } else { "" })
    }
}

/// What a limit has counted. All workers share it.
#[derive(Debug)]
pub enum Counter {
    /// All calls together.
    One(AtomicU64),
    /// Each key by itself. Boxed: it is large, and most limits have none.
    Many(Box<Table>),
    /// A part of a limit of the mesh.
    Shared(Share),
}

/// What was taken of one limit.
enum Charge<'c> {
    One(Granted, &'c AtomicU64),
    Many(Taken<'c>),
    Shared(Granted, &'c Share),
}

impl Charge<'_> {
    const fn wait(&self) -> Duration {
        match self {
            Self::One(granted, _) | Self::Shared(granted, _) => granted.wait,
            Self::Many(taken) => taken.wait(),
        }
    }

    fn give_back(self) {
        match self {
            Self::One(granted, word) => granted.give_back(word),
            Self::Many(taken) => taken.give_back(),
            Self::Shared(granted, share) => share.give_back(granted),
        }
    }
}

impl Counter {
    /// One that has counted nothing.
    #[must_use]
    pub fn new(rule: &LimitRule) -> Self {
        match (&rule.mesh, &rule.per) {
            (Some(_), _) => Self::Shared(Share::new(Lease::default().parts(Duration::ZERO))),
            (None, Some(_)) => Self::Many(Box::default()),
            (None, None) => Self::One(AtomicU64::new(0)),
        }
    }

    fn take(
        &self,
        rule: &LimitRule,
        key: impl FnOnce() -> u64,
        now: Duration,
    ) -> Result<Charge<'_>, Refused> {
        match (self, &rule.meter) {
            (Self::Shared(share), Meter::Pace(pace)) => {
                share.take(pace, now).map(|granted| Charge::Shared(granted, share))
            }
            (Self::Many(table), meter) => table.take(meter, key(), now).map(Charge::Many),
            (Self::One(word), meter) => meter.take(word, now).map(|granted| Charge::One(granted, word)),
            // Only a pace is divided.
            (Self::Shared(_), meter) => Err(meter
                .take(&AtomicU64::new(0), now)
                .err()
                .unwrap_or(Refused { retry_after: rule.interval })),
        }
    }

    /// How it stands, for people.
    #[must_use]
    pub fn words(&self, rule: &LimitRule, now: Duration) -> String {
        match self {
            Self::Many(table) => format!("{} are counted", table.key_count()),
            Self::One(_) => format!("{} left", self.standing(rule, 0, now).remaining),
            Self::Shared(share) => {
                let percent = f64::from(share.parts()) / f64::from(WHOLE) * 100.0;
                let left = self.standing(rule, 0, now).remaining;
                format!("{left} left, of the {percent:.1}% of the mesh's that are this proxy's")
            }
        }
    }

    /// How it stands for a key. Changes nothing.
    #[must_use]
    pub fn standing(&self, rule: &LimitRule, key: u64, now: Duration) -> MeterStanding {
        match (self, &rule.meter) {
            (Self::Shared(share), Meter::Pace(pace)) => share.standing(pace, now),
            (Self::Many(table), meter) => table.standing(meter, key, now),
            (Self::One(word), meter) => meter.standing(word, now),
            (Self::Shared(_), meter) => meter.standing(&AtomicU64::new(0), now),
        }
    }
}

/// Limits with their counts.
pub type Limits = Standing<LimitRule, Counter>;

/// A call that does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Who says so: a document and its limit, or a key.
    pub rule: Box<str>,
    /// The limit's name.
    pub name: Box<str>,
    /// Its rate in words.
    pub rate: String,
    /// When a call like it may pass.
    pub retry_after: Duration,
    /// The value of `RateLimit-Policy`.
    pub policy: String,
    /// The value of `RateLimit`.
    pub standing: String,
}

impl Denial {
    /// What a limit would say that stands so.
    #[must_use]
    pub fn of(entry: &Entry<LimitRule>, standing: MeterStanding) -> Self {
        Self::new(entry, Refused { retry_after: standing.next })
    }

    fn new(entry: &Entry<LimitRule>, refused: Refused) -> Self {
        let rule = &entry.item;
        Self {
            rule: entry.name.clone(),
            name: rule.name.clone(),
            rate: rule.to_string(),
            retry_after: refused.retry_after,
            policy: fields::policy(&rule.name, rule.requests, rule.interval),
            standing: fields::standing(&rule.name, 0, refused.retry_after),
        }
    }
}

/// Whether a call passes all limits that are about it, and how long it has to wait before. `hash` makes keys of texts, alike
/// for all calls of the process.
///
/// # Errors
/// [`Denial`], of the first limit that refuses it.
pub fn check(
    limits: &Limits,
    call: &CallView<'_>,
    hash: &dyn Fn(&[u8]) -> u64,
    now: Duration,
) -> Result<Duration, Box<Denial>> {
    // Most services have one limit, if any.
    if let Some((entry, counter)) = limits.only() {
        if !entry.is_about(call) {
            return Ok(Duration::ZERO);
        }
        let charge = counter.take(&entry.item, || entry.item.key(call, hash), now);
        let refused = |refused| Box::new(Denial::new(entry, refused));
        return charge.map(|charge| charge.wait()).map_err(refused);
    }
    let mut wait = Duration::ZERO;
    // Most calls meet one limit: only a further one needs room.
    let (mut last, mut earlier) = (None, Vec::new());
    for (entry, counter) in about(limits, call) {
        match counter.take(&entry.item, || entry.item.key(call, hash), now) {
            Ok(charge) => {
                wait = wait.max(charge.wait());
                earlier.extend(last.replace(charge));
            }
            Err(refused) => {
                last.into_iter().chain(earlier).for_each(Charge::give_back);
                return Err(Box::new(Denial::new(entry, refused)));
            }
        }
    }
    Ok(wait)
}

/// How the limits that are about a call stand for it. Changes nothing.
pub fn look<'l>(
    limits: &'l Limits,
    call: &CallView<'_>,
    hash: &dyn Fn(&[u8]) -> u64,
    now: Duration,
) -> Vec<(&'l Entry<LimitRule>, MeterStanding)> {
    let look = |(entry, counter): (&'l Entry<LimitRule>, &'l Arc<Counter>)| {
        (entry, counter.standing(&entry.item, entry.item.key(call, hash), now))
    };
    about(limits, call).map(look).collect()
}
