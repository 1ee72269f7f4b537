//! How a limit of the whole mesh is divided among its proxies, and what each has while nobody divides it.
//! The parts must never be more than the limit together; and no proxy may need an answer to let a call pass.

use std::time::Duration;

pub use mesher_model::rule::link::LIMIT_WHOLE as WHOLE;

/// One part in so many is divided evenly, whoever asks for what: enough for those who begin.
const RESERVE: u32 = 64;
/// Of what nobody asks for, one part in so many is divided evenly; the others as the demand is, which may grow.
const EVEN_PART: u64 = 4;
/// What a proxy has of a limit of which it has never been told: one part in so many.
const UNTOLD: u32 = 8;
/// How long the last parts hold after nobody divides any more: long enough for a restart of the control plane.
pub const HOLD: Duration = Duration::from_secs(10);
/// How long it takes then until the lasting parts hold.
pub const SLIDE: Duration = Duration::from_secs(50);
/// Of the lasting parts, one in so many is divided evenly; the others stay as they were.
const LASTING_EVEN_PART: u64 = 8;

/// Divides a limit among proxies by what each of them wants, all in parts of [`WHOLE`]. What it gives adds up to [`WHOLE`].
///
/// Each gets an even part of a small reserve. Then those that want least get what they want, and those that want more share
/// what is left evenly (max-min fairness). Where more is there than all want, it is spread over them as the demand is, and
/// a part evenly.
#[must_use]
pub fn slices(wanted: &[u64]) -> Vec<u32> {
    let Ok(count) = u32::try_from(wanted.len()) else { return vec![0; wanted.len()] };
    if count == 0 {
        return Vec::new();
    }
    let reserve = u64::from(WHOLE / RESERVE / count);
    let lacks: Vec<_> = wanted.iter().map(|wanted| wanted.saturating_sub(reserve)).collect();
    let (level, left) = fill(&lacks, u64::from(WHOLE) - reserve * u64::from(count));
    let all: u128 = wanted.iter().map(|wanted| u128::from(*wanted)).sum();
    let even = if all == 0 { left } else { left / EVEN_PART } / u64::from(count);
    let by_demand = |wanted: u64| {
        let part = u128::from(left - left / EVEN_PART) * u128::from(wanted);
        u64::try_from(part.checked_div(all).unwrap_or(0)).unwrap_or(0)
    };
    let parts = wanted.iter().zip(&lacks).map(|(wanted, lack)| {
        // All of them are below the whole together.
        u32::try_from(reserve + lack.min(&level) + even + by_demand(*wanted)).unwrap_or(WHOLE)
    });
    let mut parts: Vec<_> = parts.collect();
    // What was cut off in dividing: less than four for each of them.
    let given: u64 = parts.iter().map(|part| u64::from(*part)).sum();
    let mut lost = u32::try_from(u64::from(WHOLE).saturating_sub(given)).unwrap_or(0);
    let each = lost.div_ceil(count);
    for part in &mut parts {
        let more = each.min(lost);
        (*part, lost) = (*part + more, lost - more);
    }
    parts
}

/// The height up to which all can be filled, and what is left where that is the highest.
fn fill(lacks: &[u64], mut left: u64) -> (u64, u64) {
    let mut sorted = lacks.to_vec();
    sorted.sort_unstable();
    let mut level = 0;
    for (place, lack) in sorted.iter().enumerate() {
        let waiting = (sorted.len() - place) as u64;
        let step = lack - level;
        if u128::from(step) * u128::from(waiting) > u128::from(left) {
            return (level + left / waiting, left % waiting);
        }
        level = *lack;
        left -= step * waiting;
    }
    (level, left)
}

/// What a proxy was told of its part of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lease {
    told: Option<Told>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    parts: u32,
    /// How many proxies the limit is divided among.
    proxies: u32,
    /// Since when nobody divides it.
    away_since: Option<Duration>,
}

impl Lease {
    /// Takes note of a part, and of the number of proxies.
    pub fn tell(&mut self, parts: u32, proxies: u32) {
        let (parts, proxies) = (parts.min(WHOLE), proxies.max(1));
        self.told = Some(Told { parts, proxies, away_since: None });
    }

    /// Takes note that nobody divides the limit from now on. To say so again changes nothing.
    pub fn lose(&mut self, now: Duration) {
        if let Some(told) = &mut self.told {
            told.away_since.get_or_insert(now);
        }
    }

    /// What holds now, in parts of [`WHOLE`].
    ///
    /// While the limit is divided, the part that was told. When that ends, it holds for [`HOLD`]; then, over [`SLIDE`], all
    /// proxies alike give an eighth of theirs for an eighth of an even part. As all do so, the parts still make up the
    /// limit; whoever begins to call then has something; and those who call as before lose an eighth at most.
    #[must_use]
    pub fn parts(&self, now: Duration) -> u32 {
        let Some(told) = self.told else { return WHOLE / UNTOLD };
        let away = told.away_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let slid = away.saturating_sub(HOLD).min(SLIDE);
        let even = u64::from(WHOLE / told.proxies);
        let (span, slid) = (SLIDE.as_millis() as u64 * LASTING_EVEN_PART, slid.as_millis() as u64);
        let mixed = (u64::from(told.parts) * (span - slid) + even * slid) / span;
        u32::try_from(mixed).unwrap_or(WHOLE)
    }

    /// How many proxies share the limit, as far as is known.
    #[must_use]
    pub fn proxies(&self) -> Option<u32> {
        self.told.map(|told| told.proxies)
    }

    /// Since when nobody divides it.
    #[must_use]
    pub fn away_since(&self) -> Option<Duration> {
        self.told?.away_since
    }
}
