//! A source with the course of its regular looks: when the next one is due, and whether one is under way.
//! It must not know what the answers mean.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::discovery::source::Source;
use crate::snapshot::Origin;

/// How often known services are looked at again.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same for what is at hand, so that a change is seen within a second.
const INTERVAL_AT_HAND: Duration = Duration::from_millis(250);
/// Proxies that started together must not ask together.
const JITTER: Duration = Duration::from_millis(200);

/// A source, looked at again and again.
pub(super) struct Feed {
    pub(super) source: Rc<dyn Source>,
    pub(super) is_asking: bool,
    pub(super) next_at: Instant,
    /// Whether its last answer was none.
    is_away: bool,
    backoff: Backoff,
    edition: u64,
}

impl Feed {
    /// Whether it is the registry's and its look at all that is known is over, well or not.
    pub(super) fn is_registry_heard(&self) -> bool {
        self.source.origin() == Origin::Registry && !self.is_asking
    }

    pub(super) fn new(source: Rc<dyn Source>) -> Self {
        let next_at = Instant::now() + interval(&source);
        let edition = source.edition();
        Self { source, is_asking: false, next_at, is_away: false, backoff: Backoff::default(), edition }
    }

    /// Whether the source may know services now that it did not know when this was asked last.
    pub(super) fn has_new_edition(&mut self) -> bool {
        let edition = self.source.edition();
        std::mem::replace(&mut self.edition, edition) != edition
    }

    /// A look has begun: the next one is due as if nothing went wrong.
    pub(super) fn began(&mut self) {
        self.next_at = Instant::now() + interval(&self.source) + JITTER.mul_f64(fastrand::f64());
    }

    /// Something has to be known soon: the next look is due within a moment, unless the source is away.
    pub(super) fn hurry(&mut self) {
        if !self.is_away {
            self.next_at = self.next_at.min(Instant::now() + JITTER.mul_f64(fastrand::f64()));
        }
    }

    /// The source answered.
    pub(super) fn answered(&mut self) {
        self.backoff.reset();
        self.is_away = false;
    }

    /// The source did not answer: the next look waits, by chance, longer and longer.
    pub(super) fn failed(&mut self) {
        self.is_away = true;
        self.next_at = Instant::now() + interval(&self.source) + self.backoff.failed(fastrand::f64());
    }
}

fn interval(source: &Rc<dyn Source>) -> Duration {
    if source.is_at_hand() { INTERVAL_AT_HAND } else { INTERVAL }
}
