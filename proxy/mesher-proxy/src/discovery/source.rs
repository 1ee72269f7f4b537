//! What the fleet asks of a place that knows services: the registry, a file, the domain name system.
//! It must let each say "no news" apart from "nobody is there": only the second may change what is known.

use std::pin::Pin;

use mesher_model::Instance;
use mesher_model::query::ServiceKey;

use crate::snapshot::Origin;

/// Why a source was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A caller waits for a name that was never asked for.
    First,
    /// The regular look at what is known.
    Regular,
}

/// A service that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// What its host can mean, in the order in which they count; never empty.
    pub(crate) keys: Vec<ServiceKey>,
    /// The revision that is held; empty for none.
    pub(crate) revision: String,
    /// Whether the source knew it the last time.
    pub(crate) is_known: bool,
}

/// What a source says of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing, which changes nothing.
    Silent,
    /// There is no such service.
    Unknown,
    /// It is as it was in the revision that is held.
    Unchanged,
    /// All of its instances.
    Set {
        /// Which of the keys it is.
        key: ServiceKey,
        /// Its revision.
        revision: String,
        /// The instances, of every status.
        instances: Vec<Instance>,
    },
}

/// Answers in the order of the question, or why there are none.
pub(crate) type Answers = Result<Vec<Answer>, String>;

/// A place that knows services.
pub(crate) trait Source {
    /// Which one.
    fn origin(&self) -> Origin;

    /// Whether it answers from memory, at once.
    fn is_at_hand(&self) -> bool {
        false
    }

    /// Differs whenever services may be there that it did not know before.
    fn edition(&self) -> u64 {
        0
    }

    /// Whether it may be asked for a service of which others name endpoints.
    fn adds_to_others(&self) -> bool {
        true
    }

    /// Says what it knows of each. An error is no news.
    fn find(&self, wanted: Vec<Wanted>, occasion: Occasion) -> Pin<Box<dyn Future<Output = Answers> + '_>>;
}
