//! Remembers who refused a connection lately, so that calls go elsewhere while somebody else is left.
//! It must never leave a call without anybody: whoever chooses passes over suspects only where there are others.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How long an endpoint is passed over after its first refusal.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// How long it is at most; each further refusal doubles the pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Those that refused. Times are spans since some moment, the same for all calls.
#[derive(Debug)]
pub struct Suspects<K> {
    known: HashMap<K, Suspicion>,
}

#[derive(Debug, Clone, Copy)]
struct Suspicion {
    pause: Duration,
    until: Duration,
    /// Whether a call is finding out if it accepts again.
    is_tried: bool,
}

impl<K> Default for Suspects<K> {
    fn default() -> Self {
        Self { known: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash> Suspects<K> {
    /// Whether nobody is suspect.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether a call may be tried there as long as there are others. The first try of a call may find out whether a
    /// suspect accepts again once its pause is over; a further one may not: the call has failed once already.
    #[must_use]
    pub fn may_take(&self, key: K, now: Duration, is_first_try: bool) -> bool {
        self.known.get(&key).is_none_or(|suspicion| is_first_try && now >= suspicion.until)
    }

    /// It was chosen: of the calls that come until it answers, no further one finds out the same.
    pub fn chosen(&mut self, key: K, now: Duration) {
        if let Some(suspicion) = self.known.get_mut(&key) {
            suspicion.until = now + suspicion.pause;
            suspicion.is_tried = true;
        }
    }

    /// It refused. Answers whether nobody knew of it. Calls that were on their way there together are one refusal, however
    /// many they are: only one that was to find out makes the pause longer.
    pub fn refused(&mut self, key: K, now: Duration) -> bool {
        let Some(known) = self.known.get_mut(&key) else {
            let suspicion = Suspicion { pause: PAUSE_MIN, until: now + PAUSE_MIN, is_tried: false };
            self.known.insert(key, suspicion);
            return true;
        };
        if std::mem::take(&mut known.is_tried) {
            known.pause = (known.pause * 2).min(PAUSE_MAX);
            known.until = now + known.pause;
        }
        false
    }

    /// A call that went there ended before anybody knew: the next one finds out.
    pub fn left(&mut self, key: K, now: Duration) {
        if let Some(known) = self.known.get_mut(&key)
            && std::mem::take(&mut known.is_tried)
        {
            known.until = now;
        }
    }

    /// It answered. Answers whether it was a suspect.
    pub fn answered(&mut self, key: K) -> bool {
        self.known.remove(&key).is_some()
    }

    /// Forgets all but these.
    pub fn retain(&mut self, is_known: impl Fn(K) -> bool) {
        self.known.retain(|key, _| is_known(*key));
    }
}
