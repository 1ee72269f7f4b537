//! Endpoints by how near they are: own zone, own region, elsewhere; and which of these takes a call.
//! It must leave nobody out: who is far away takes calls where nobody nearer may.

use super::group::{Group, Seat};
use super::mix;
use super::policy::Moment;
use super::strategy::Strategy;

/// How much more than its part a zone can bear, in percent. Source: Envoy, `overprovisioning_factor`.
pub const OVERPROVISIONING_PERCENT: u16 = 140;
/// Own zone, own region, elsewhere.
const LEVELS: usize = 3;
/// Decides which level takes the calls of a key, apart from what decides on the endpoint.
const LEVEL_OF_KEY: u64 = 0x6c65_7665_6c00;

/// Where somebody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Locality<'a> {
    /// Its region; empty where it is not known.
    pub region: &'a str,
    /// Its zone; empty where it is not known.
    pub zone: &'a str,
}

/// How nearness counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneRule {
    /// The own zone takes the calls as long as enough of it is well, and what it cannot bear goes further.
    ///
    /// A zone bears a part of the calls that is so many percent of its healthy instances among those that it should have:
    /// all it has, or as many as a zone has on average, where those are more. So no instance gets more than that percentage
    /// of what it would get without zones, as long as the callers are spread over the zones alike.
    Prefer {
        /// How much more than its part a zone can bear, in percent.
        overprovisioning_percent: u16,
    },
    /// Java Chassis: a level stands alone if its part of all instances is in this range, and joins the next one if not.
    Ratio {
        /// Percent.
        least: u8,
        /// Percent.
        most: u8,
    },
}

/// The endpoints of a service, or of a part of it, the nearest first.
#[derive(Debug)]
pub struct Groups {
    levels: Box<[Level]>,
    rule: Option<ZoneRule>,
}

#[derive(Debug)]
struct Level {
    group: Group,
    /// How many instances it should have, in hundredths.
    due: u64,
}

impl Groups {
    /// The groups of these endpoints, as somebody at a place sees them.
    #[must_use]
    pub(super) fn new(
        strategy: Strategy,
        rule: Option<ZoneRule>,
        own: Locality<'_>,
        seats: &[Seat<'_>],
    ) -> Self {
        let divided = match rule {
            // Who does not know where he is is near to everybody.
            Some(rule) if !own.zone.is_empty() => divide(rule, own, seats),
            _ => vec![seats.to_vec()],
        };
        let all_zones = zones(seats).max(1);
        let level = |of_level: &Vec<Seat<'_>>| {
            let on_average = seats.len() * zones(of_level) * 100 / all_zones;
            let due = on_average.max(100 * of_level.len()) as u64;
            Level { due, group: Group::new(strategy, of_level) }
        };
        Self { levels: divided.iter().map(level).collect(), rule }
    }

    /// How many levels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(|level| level.group.is_empty())
    }

    /// The group of a level.
    #[must_use]
    pub fn group(&self, level: usize) -> Option<&Group> {
        self.levels.get(level).map(|level| &level.group)
    }

    /// The level of whoever is at a place.
    #[must_use]
    pub fn level_of(&self, place: usize) -> Option<usize> {
        self.levels.iter().position(|level| level.group.places().any(|known| known == place))
    }

    /// The level that takes a call.
    pub(super) fn level(&self, moment: &mut Moment<'_>, may_take: &dyn Fn(usize) -> bool) -> usize {
        let Some(ZoneRule::Prefer { overprovisioning_percent }) = self.rule else { return 0 };
        if self.levels.len() < 2 {
            return 0;
        }
        let shares = self.shares(overprovisioning_percent, may_take);
        let draw = match moment.key {
            Some(key) => mix::numbered(key, LEVEL_OF_KEY),
            None => (moment.draw)(),
        };
        let mut left = mix::below(draw, shares.iter().sum());
        let level = shares.iter().position(|share| {
            let is_it = left < *share;
            left = left.saturating_sub(*share);
            is_it
        });
        level.unwrap_or_default()
    }

    /// The part of the calls that each level takes, beside which those of the others count: as much as it can bear of what
    /// the nearer ones leave (Envoy, priority levels).
    fn shares(&self, overprovisioning_percent: u16, may_take: &dyn Fn(usize) -> bool) -> [u64; LEVELS] {
        const WHOLE: u64 = 10_000;
        let mut bearable = [0; LEVELS];
        for (bearable, level) in bearable.iter_mut().zip(&self.levels) {
            let healthy = level.group.places().filter(|place| may_take(*place)).count() as u64;
            *bearable = (healthy * u64::from(overprovisioning_percent) * WHOLE / level.due.max(1)).min(WHOLE);
        }
        let sum = bearable.iter().sum::<u64>().clamp(1, WHOLE);
        let mut left = WHOLE;
        bearable.map(|bearable| {
            let share = (bearable * WHOLE / sum).min(left);
            left -= share;
            share
        })
    }
}

/// How many zones these are in.
fn zones(seats: &[Seat<'_>]) -> usize {
    let mut zones: Vec<_> = seats.iter().map(|seat| (seat.region, seat.zone)).collect();
    zones.sort_unstable();
    zones.dedup();
    zones.len()
}

fn divide<'s>(rule: ZoneRule, own: Locality<'_>, seats: &[Seat<'s>]) -> Vec<Vec<Seat<'s>>> {
    let (in_region, elsewhere): (Vec<&Seat<'s>>, Vec<_>) =
        seats.iter().partition(|seat| seat.region == own.region);
    let (in_zone, in_region): (Vec<&Seat<'s>>, Vec<_>) =
        in_region.into_iter().partition(|seat| seat.zone == own.zone);
    let mut levels = Vec::new();
    let mut joining: Vec<Seat<'s>> = Vec::new();
    for level in [in_zone, in_region] {
        joining.extend(level);
        if stands_alone(rule, joining.len(), seats.len()) {
            levels.push(std::mem::take(&mut joining));
        }
    }
    joining.extend(elsewhere);
    levels.push(joining);
    levels.retain(|level| !level.is_empty());
    levels
}

fn stands_alone(rule: ZoneRule, count: usize, all: usize) -> bool {
    match rule {
        ZoneRule::Prefer { .. } => count > 0,
        ZoneRule::Ratio { least, most } => {
            let percent = (count * 100).checked_div(all).unwrap_or_default();
            count > 0 && (usize::from(least)..=usize::from(most)).contains(&percent)
        }
    }
}
