//! One count for each key of a limit: for each caller, or each value of a header field. Bounded, and without a lock.
//! It must forget nobody whom it still has something against, and keep nobody else.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

use super::meter::{Granted, Meter, Refused, Standing};

/// Keys that a table counts at one time.
pub const KEYS_MAX: usize = 4096;
/// Places that a key may have.
const WAYS: usize = 16;
/// Looks at a group that another thread changes, before a call goes with the rest.
const LOOKS_MAX: u32 = 200;
/// How often a call begins again whose place went to another key under it.
const STARTS_MAX: u32 = 4;

/// Nobody's place.
const EMPTY: u64 = 0;
/// A place that changes its key.
const BUSY: u64 = u64::MAX;

/// Counts by key. A key is a hash that nobody outside can foresee.
///
/// A count that is as good as new is nobody's loss, and its place goes to whoever comes. A key that finds no place, for all of
/// its places hold counts of others that matter, is counted together with all others of whom that is so: such a crowd has the
/// limit of one key together.
#[derive(Debug)]
pub struct Table {
    keys: usize,
    /// Made for the first call: most limits of a mesh never see one in most proxies.
    groups: OnceLock<Box<[Group]>>,
    rest: AtomicU64,
}

#[derive(Debug)]
struct Group {
    /// Somebody brings a key in. Taken for a few steps, and never waited for without a bound.
    is_changing: AtomicBool,
    places: [Place; WAYS],
}

#[derive(Debug)]
struct Place {
    key: AtomicU64,
    word: AtomicU64,
}

impl Default for Table {
    fn default() -> Self {
        Self::holding(KEYS_MAX)
    }
}

impl Table {
    /// A table for so many keys, rounded up to whole groups.
    #[must_use]
    pub const fn holding(keys: usize) -> Self {
        Self { keys, groups: OnceLock::new(), rest: AtomicU64::new(0) }
    }

    fn groups(&self) -> &[Group] {
        let group = |_| Group {
            is_changing: AtomicBool::new(false),
            places: std::array::from_fn(|_| Place { key: AtomicU64::new(EMPTY), word: AtomicU64::new(0) }),
        };
        self.groups.get_or_init(|| (0..self.keys.div_ceil(WAYS).max(1)).map(group).collect())
    }

    /// Whether a call of this key passes.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take(&self, meter: &Meter, key: u64, now: Duration) -> Result<Taken<'_>, Refused> {
        let key = clean(key);
        for _ in 0..STARTS_MAX {
            let Some(place) = self.place(meter, key, now) else { break };
            let verdict = meter.take(&place.word, now);
            // Whoever gives the place to another key looks at the word after changing the key, and we at the key after
            // changing the word: one of us sees the other.
            fence(Ordering::SeqCst);
            if place.key.load(Ordering::Relaxed) == key {
                return verdict.map(|granted| Taken { granted, word: &place.word });
            }
        }
        meter.take(&self.rest, now).map(|granted| Taken { granted, word: &self.rest })
    }

    /// How a key stands. Changes nothing.
    #[must_use]
    pub fn standing(&self, meter: &Meter, key: u64, now: Duration) -> Standing {
        let key = clean(key);
        let found = self.group(key).and_then(|group| group.find(key));
        // One who is not here is new.
        found
            .map_or_else(|| meter.standing(&AtomicU64::new(0), now), |place| meter.standing(&place.word, now))
    }

    /// Keys that are counted.
    #[must_use]
    pub fn key_count(&self) -> usize {
        let places = self.groups.get().into_iter().flatten().flat_map(|group| &group.places);
        places.filter(|place| place.key.load(Ordering::Relaxed) != EMPTY).count()
    }

    fn group(&self, key: u64) -> Option<&Group> {
        // The upper half of the product spreads keys evenly over any number of groups.
        let groups = self.groups();
        let place = (u128::from(key) * groups.len() as u128) >> u64::BITS;
        groups.get(place as usize)
    }

    /// The place of a key, which gets one where there is one.
    fn place(&self, meter: &Meter, key: u64, now: Duration) -> Option<&Place> {
        let group = self.group(key)?;
        for _ in 0..LOOKS_MAX {
            if let Some(place) = group.find(key) {
                return Some(place);
            }
            if !group.is_changing.swap(true, Ordering::Acquire) {
                // It may have come in between.
                let place = group.find(key).or_else(|| group.bring_in(meter, key, now));
                group.is_changing.store(false, Ordering::Release);
                return place;
            }
            std::hint::spin_loop();
        }
        None
    }
}

/// What was taken, and of which count.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'t> {
    granted: Granted,
    word: &'t AtomicU64,
}

impl Taken<'_> {
    /// How long the call has to wait.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.granted.wait
    }

    /// As [`Granted::give_back`].
    pub fn give_back(self) {
        self.granted.give_back(self.word);
    }
}

impl Group {
    fn find(&self, key: u64) -> Option<&Place> {
        self.places.iter().find(|place| place.key.load(Ordering::Relaxed) == key)
    }

    /// Gives a key a place that is empty, or whose count is as good as new.
    fn bring_in(&self, meter: &Meter, key: u64, now: Duration) -> Option<&Place> {
        let is_fresh = |place: &Place| meter.is_fresh(place.word.load(Ordering::Relaxed), now);
        for place in &self.places {
            let older = place.key.load(Ordering::Relaxed);
            if older != EMPTY && !is_fresh(place) {
                continue;
            }
            place.key.store(BUSY, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if is_fresh(place) {
                place.key.store(key, Ordering::Release);
                return Some(place);
            }
            // A call of the older key has just been counted.
            place.key.store(older, Ordering::Release);
        }
        None
    }
}

/// A key that is neither of the two words with a meaning of their own.
const fn clean(key: u64) -> u64 {
    match key {
        EMPTY => 1,
        BUSY => BUSY - 1,
        key => key,
    }
}
