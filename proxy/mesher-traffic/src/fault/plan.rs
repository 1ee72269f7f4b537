//! What a fault does to the calls that it is about, and how many it has seen.
//! It must do nothing itself: whoever carries a call out waits, refuses and slows down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mesher_model::rule::{FaultAbort, FaultRule, Percent};

use super::share::hits;
use crate::selection::Standing;

/// A fault. Its parts choose their calls apart from each other: of the calls that are delayed, the same share is aborted as of
/// the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Which of the calls it hits at all.
    pub percent: Option<Percent>,
    /// Which are held up, and how long.
    pub delay: Option<(Percent, Duration)>,
    /// Which end before they reach anybody.
    pub abort: Option<(Percent, Abort)>,
    /// Of which the body of the answer comes slowly: bytes a second.
    pub slow_body: Option<(Percent, u64)>,
}

/// How a call ends that reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// With this status.
    Status(u16),
    /// Its connection is reset.
    Reset,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blow {
    /// It is held up so long.
    pub delay: Option<Duration>,
    /// Then it ends.
    pub abort: Option<Abort>,
    /// Or its answer comes so slowly, in bytes a second.
    pub slow_body: Option<u64>,
}

/// How many calls a fault has seen. All workers share it.
#[derive(Debug, Default)]
pub struct Counts {
    seen: AtomicU64,
    hit: AtomicU64,
    /// Of the calls that are not delayed, and of those that are.
    to_abort: [AtomicU64; 2],
    /// Of the calls that go on.
    to_slow: AtomicU64,
}

/// Faults with their counts.
pub type Faults = Standing<Plan, Counts>;

impl Plan {
    /// What a document says.
    pub(crate) fn of_document(rule: &FaultRule) -> Self {
        let end = |abort: &FaultAbort| abort.status.map_or(Abort::Reset, Abort::Status);
        Self {
            percent: Some(rule.percent).filter(|percent| *percent != Percent::ALL),
            delay: rule.delay.as_ref().map(|delay| (delay.percent, delay.time.duration())),
            abort: rule.abort.as_ref().map(|abort| (abort.percent, end(abort))),
            slow_body: rule.slow_body.as_ref().map(|slow| (slow.percent, slow.bytes_per_second)),
        }
    }

    /// What happens to the next call that it is about.
    #[must_use]
    pub fn next(&self, counts: &Counts) -> Blow {
        self.choose(counts, |count| count.fetch_add(1, Ordering::Relaxed))
    }

    /// The same without counting: what would happen to it.
    #[must_use]
    pub fn look(&self, counts: &Counts) -> Blow {
        self.choose(counts, |count| count.load(Ordering::Relaxed))
    }

    fn choose(&self, counts: &Counts, number: impl Fn(&AtomicU64) -> u64) -> Blow {
        if !self.percent.is_none_or(|percent| hits(percent, number(&counts.seen))) {
            return Blow::default();
        }
        let delay = self.delay.filter(|(percent, _)| hits(*percent, number(&counts.hit)));
        let [plain, delayed] = &counts.to_abort;
        let of_kind = if delay.is_some() { delayed } else { plain };
        let abort = self.abort.filter(|(percent, _)| hits(*percent, number(of_kind)));
        let goes_on = |_: &(Percent, u64)| abort.is_none();
        let slow_body = self.slow_body.filter(goes_on);
        let slow_body = slow_body.filter(|(percent, _)| hits(*percent, number(&counts.to_slow)));
        Blow {
            delay: delay.map(|(_, time)| time),
            abort: abort.map(|(_, abort)| abort),
            slow_body: slow_body.map(|(_, rate)| rate),
        }
    }

    /// What it does, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let delay = self.delay.map(|(percent, time)| format!("delays {percent} by {time:?}"));
        let abort = self.abort.map(|(percent, abort)| match abort {
            Abort::Status(status) => format!("ends {percent} with status {status}"),
            Abort::Reset => format!("resets the connection of {percent}"),
        });
        let slow = self
            .slow_body
            .map(|(percent, rate)| format!("lets the bodies of {percent} come at {rate} bytes a second"));
        let what: Vec<_> = [delay, abort, slow].into_iter().flatten().collect();
        let of = self.percent.map_or_else(String::new, |percent| format!("of {percent} of the calls: "));
        format!("{of}{}", what.join(", "))
    }
}

impl Blow {
    /// Whether nothing happens.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
