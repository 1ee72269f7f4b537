//! Endpoints that are chosen from alike, with their weights and what is made of them beforehand.
//! It must not know which of them may take a call: that is asked anew for each.

use super::maglev::Maglev;
use super::mix;
use super::response::Responses;
use super::ring::Ring;
use super::strategy::Strategy;
use crate::RoundRobin;

/// Draws by weight before the weights of those that are left are counted.
pub(super) const DRAWS_MAX: usize = 4;
/// Endpoints of one group; those beyond are left out.
pub const SEATS_MAX: usize = u16::MAX as usize;
/// What a weight of 1 is kept as: weights have three decimals.
pub const WEIGHT_ONE: u32 = 1_000;
/// The largest weight.
pub const WEIGHT_MAX: u32 = 1_000;

/// An endpoint as balancing sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat<'a> {
    /// Its place in the list of all endpoints of its service.
    pub place: usize,
    /// What it is called alike by all proxies: its address.
    pub name: &'a str,
    /// Its share beside the others, in units of 1/[`WEIGHT_ONE`].
    pub weight: u32,
    /// Its region; empty where it is not known.
    pub region: &'a str,
    /// Its zone; empty where it is not known.
    pub zone: &'a str,
}

/// The weight that a property says, in units of 1/[`WEIGHT_ONE`]; `None` where it says none.
#[must_use]
pub fn weight(text: &str) -> Option<u32> {
    let weight: f64 = text.trim().parse().ok()?;
    let is_weight = (0.0..=f64::from(WEIGHT_MAX)).contains(&weight);
    is_weight.then(|| (weight * f64::from(WEIGHT_ONE)).round() as u32)
}

/// A group.
#[derive(Debug)]
pub struct Group {
    places: Box<[u16]>,
    /// Sums of the weights up to each seat; empty where all are alike.
    ends: Box<[u64]>,
    pub(super) ring: Option<Ring>,
    pub(super) maglev: Option<Maglev>,
    pub(super) responses: Responses,
}

impl Group {
    /// The group of these, made ready for a strategy.
    #[must_use]
    pub fn new(strategy: Strategy, seats: &[Seat<'_>]) -> Self {
        let seats = seats.get(..SEATS_MAX).unwrap_or(seats);
        let places = seats.iter().filter_map(|seat| u16::try_from(seat.place).ok()).collect();
        let is_even = seats.windows(2).all(|pair| matches!(pair, [one, other] if one.weight == other.weight));
        let mut sum = 0;
        let sums = seats.iter().map(|seat| {
            sum += u64::from(seat.weight);
            sum
        });
        let ends = if is_even { Box::default() } else { sums.collect() };
        let (ring, maglev) = match strategy {
            Strategy::RingHash { points } => (Some(Ring::new(points, seats)), None),
            Strategy::Maglev { size } => (None, Some(Maglev::new(size, seats))),
            _ => (None, None),
        };
        Self { places, ends, ring, maglev, responses: Responses::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The place of the only one, where there is one alone.
    #[must_use]
    pub fn only(&self) -> Option<usize> {
        if let [place] = *self.places { Some(usize::from(place)) } else { None }
    }

    /// Whether all weights are alike.
    #[must_use]
    pub fn is_even(&self) -> bool {
        self.ends.is_empty()
    }

    /// The places of all.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.places.iter().map(|place| usize::from(*place))
    }

    /// The place of a seat.
    pub(super) fn place(&self, seat: usize) -> Option<usize> {
        self.places.get(seat).map(|place| usize::from(*place))
    }

    /// The weight of a seat, in units in which that of all together is [`Self::total`].
    pub(super) fn weight(&self, seat: usize) -> u64 {
        let Some(end) = self.ends.get(seat) else { return 1 };
        end - seat.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default()
    }

    fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.places.len() as u64)
    }

    /// The seat on whose part of all weights a number below the total falls.
    fn at(&self, number: u64) -> usize {
        if self.is_even() { number as usize } else { self.ends.partition_point(|end| *end <= number) }
    }

    fn may_sit(&self, seat: usize, may_take: &dyn Fn(usize) -> bool) -> bool {
        self.place(seat).is_some_and(may_take)
    }

    /// The next in turn of those that may take a call.
    pub(super) fn in_turn(
        &self,
        rotation: &mut RoundRobin,
        may_take: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        rotation.pick(self.len(), |seat| self.may_sit(seat, may_take))
    }

    /// The one whose turn it is by weight, if it may take a call: over any run of turns each gets its share, but for a few
    /// calls, without chance.
    pub(super) fn in_weighted_turn(&self, turn: u32, may_take: &dyn Fn(usize) -> bool) -> Option<usize> {
        let seat = self.at(mix::below(mix::spread(turn), self.total()));
        self.may_sit(seat, may_take).then_some(seat)
    }

    /// One of those that may take a call, by chance and weight, if a few draws find one.
    pub(super) fn draw(
        &self,
        draw: &mut dyn FnMut() -> u64,
        may_take: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut seats = (0..DRAWS_MAX).map(|_| self.at(mix::below(draw(), self.total())));
        seats.find(|seat| self.may_sit(*seat, may_take))
    }

    /// One of those that may take a call, by chance and weight. Where all that are left have no weight, one of these.
    pub(super) fn draw_surely(
        &self,
        draw: &mut dyn FnMut() -> u64,
        may_take: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        self.draw(draw, may_take).or_else(|| self.draw_counted(draw(), may_take))
    }

    fn draw_counted(&self, draw: u64, may_take: &dyn Fn(usize) -> bool) -> Option<usize> {
        let left = || (0..self.len()).filter(|seat| self.may_sit(*seat, may_take));
        let (count, total) =
            left().fold((0, 0), |(count, total), seat| (count + 1, total + self.weight(seat)));
        if total == 0 {
            return left().nth(mix::below(draw, count) as usize);
        }
        let mut number = mix::below(draw, total);
        left().find(|seat| {
            let weight = self.weight(*seat);
            let is_it = number < weight;
            number = number.saturating_sub(weight);
            is_it
        })
    }
}
