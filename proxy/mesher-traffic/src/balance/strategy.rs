//! The ways to choose one of a group of endpoints.
//! It must choose only among those that may take the call, and find one where there is one.

use std::sync::Arc;
use std::time::Duration;

use super::group::Group;
use super::load::Load;
use super::policy::Moment;
use super::response::Responses;
use super::warm_up::WarmUp;
use super::{maglev, mix, ring};

/// How long it takes until a peak is forgotten by two thirds. Source: Finagle, Linkerd.
pub const PEAK_DECAY: Duration = Duration::from_secs(10);
/// Draws by response times before one by weight alone.
const RESPONSE_DRAWS_MAX: usize = 8;

/// A way to choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Each in turn, by weight where there are weights.
    #[default]
    RoundRobin,
    /// By chance, and weight.
    Random,
    /// Of two that are drawn the one with fewer calls on their way, for its weight.
    LeastRequest,
    /// Of two that are drawn the one whose latency times its calls is less, for its weight.
    PeakEwma {
        /// How long it takes until a peak is forgotten by two thirds.
        decay: Duration,
    },
    /// By a value of the call, on a ring.
    RingHash {
        /// Points of an endpoint of weight 1.
        points: u32,
    },
    /// By a value of the call, in a table.
    Maglev {
        /// Places of the table, a prime.
        size: u32,
    },
    /// The slower, the less, as long as somebody is slow: ServiceComb's.
    WeightedResponse,
}

impl Strategy {
    /// The word of documents for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "RoundRobin",
            Self::Random => "Random",
            Self::LeastRequest => "LeastRequest",
            Self::PeakEwma { .. } => "PeakEwma",
            Self::RingHash { .. } => "RingHash",
            Self::Maglev { .. } => "Maglev",
            Self::WeightedResponse => "WeightedResponse",
        }
    }

    /// The strategy of this name, with what holds where nothing else is said.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Self::RoundRobin,
            Self::Random,
            Self::LeastRequest,
            Self::PeakEwma { decay: PEAK_DECAY },
            Self::RingHash { points: ring::POINTS },
            Self::Maglev { size: maglev::TABLE_SIZE },
            Self::WeightedResponse,
        ];
        all.into_iter().find(|strategy| strategy.as_str() == name)
    }

    /// Whether it goes by a value of the call.
    #[must_use]
    pub const fn hashes(self) -> bool {
        matches!(self, Self::RingHash { .. } | Self::Maglev { .. })
    }

    /// Whether it goes by how long answers take.
    #[must_use]
    pub const fn weighs_time(self) -> bool {
        matches!(self, Self::PeakEwma { .. } | Self::WeightedResponse)
    }

    /// Over how long latencies are averaged.
    #[must_use]
    pub const fn decay(self) -> Duration {
        if let Self::PeakEwma { decay } = self { decay } else { PEAK_DECAY }
    }

    /// The place of the one that takes the call; `None` where nobody may.
    pub(super) fn pick(
        self,
        group: &Group,
        warm_up: Option<WarmUp>,
        moment: &mut Moment<'_>,
        may_take: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut choice = Choosing { group, warm_up, moment, may_take };
        let seat = match self {
            Self::RoundRobin => choice.in_turn(),
            Self::Random => choice.by_chance(),
            Self::LeastRequest => choice.better_of_two(|load, _| f64::from(load.in_flight())),
            Self::PeakEwma { decay } => choice.better_of_two(|load, now| f64::from(load.cost(now, decay))),
            Self::RingHash { .. } | Self::Maglev { .. } => choice.by_key(),
            Self::WeightedResponse => choice.by_response(),
        };
        group.place(seat?)
    }
}

struct Choosing<'c, 'm> {
    group: &'c Group,
    warm_up: Option<WarmUp>,
    moment: &'c mut Moment<'m>,
    may_take: &'c dyn Fn(usize) -> bool,
}

impl Choosing<'_, '_> {
    fn in_turn(&mut self) -> Option<usize> {
        let seat = if self.group.is_even() {
            self.group.in_turn(self.moment.rotation, self.may_take)
        } else {
            self.group.in_weighted_turn(self.moment.rotation.next_turn(), self.may_take)
        };
        // Whose turn it would be and who may not, or not so often yet, leaves his turn to all others, not to his neighbour.
        seat.filter(|seat| self.is_warm(*seat)).or_else(|| self.by_chance())
    }

    fn by_chance(&mut self) -> Option<usize> {
        let Self { group, moment, may_take, .. } = self;
        let seat = group.draw_surely(moment.draw, may_take)?;
        if self.is_warm(seat) {
            return Some(seat);
        }
        self.redraw().or(Some(seat))
    }

    /// A few further draws of one that is warm enough.
    fn redraw(&mut self) -> Option<usize> {
        (0..super::group::DRAWS_MAX).find_map(|_| {
            let seat = self.group.draw(self.moment.draw, self.may_take)?;
            self.is_warm(seat).then_some(seat)
        })
    }

    /// Whether one that was drawn takes the call, or is spared while it is new.
    fn is_warm(&mut self, seat: usize) -> bool {
        let Some((warm_up, load)) = self.warm_up.zip(self.load(seat)) else { return true };
        let part = warm_up.part(load, self.moment.now);
        part >= 1.0 || mix::unit((self.moment.draw)()) < part
    }

    fn load(&self, seat: usize) -> Option<&Arc<Load>> {
        self.moment.loads.get(self.group.place(seat)?)
    }

    /// Of two by chance the one whose burden is less for its weight; of two alike the first.
    fn better_of_two(&mut self, burden: impl Fn(&Load, Duration) -> f64) -> Option<usize> {
        let first = self.by_chance()?;
        if self.group.len() == 1 {
            return Some(first);
        }
        let first_place = self.group.place(first);
        let may_take = self.may_take;
        let is_other = |place| Some(place) != first_place && may_take(place);
        let second = {
            let mut others = Choosing { may_take: &is_other, moment: &mut *self.moment, ..*self };
            others.by_chance()
        };
        let Some(second) = second else { return Some(first) };
        let of = |seat: usize| self.load(seat).map_or(0.0, |load| burden(load, self.moment.now));
        let weight = |seat: usize| self.group.weight(seat) as f64;
        let is_second_better = of(second) * weight(first) < of(first) * weight(second);
        Some(if is_second_better { second } else { first })
    }

    fn by_key(&mut self) -> Option<usize> {
        let may_sit = |seat| self.group.place(seat).is_some_and(self.may_take);
        let seat = self.moment.key.and_then(|key| match (&self.group.ring, &self.group.maglev) {
            (Some(ring), _) => ring.seat(key, &may_sit),
            (None, Some(maglev)) => maglev.seat(key, &may_sit),
            (None, None) => None,
        });
        seat.or_else(|| self.by_chance())
    }

    fn by_response(&mut self) -> Option<usize> {
        let loads = self.group.places().filter_map(|place| self.moment.loads.get(place)).map(AsRef::as_ref);
        let Some(total) = self.group.responses.total(self.moment.is_call, loads) else {
            return self.in_turn();
        };
        for _ in 0..RESPONSE_DRAWS_MAX {
            let Some(seat) = self.group.draw(self.moment.draw, self.may_take) else { break };
            let draw = (self.moment.draw)();
            if self.load(seat).is_none_or(|load| Responses::takes(draw, total, load)) && self.is_warm(seat) {
                return Some(seat);
            }
        }
        self.by_chance()
    }
}
