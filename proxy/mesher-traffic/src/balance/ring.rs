//! Ring hash: every endpoint has points on a ring, and a key goes to the next point from its own.
//! It must depend on the names of endpoints and nothing else: all proxies send a key to one endpoint.

use super::group::{Seat, WEIGHT_ONE};
use super::mix;

/// Points of an endpoint of weight 1, where a rule says nothing. Source: Ketama, nginx.
pub const POINTS: u32 = 160;
/// The most that a rule may ask for.
pub const POINTS_MAX: u32 = 1_024;
/// Points of all endpoints together. Where there would be more, each has fewer.
const RING_POINTS_MAX: u64 = 262_144;

/// The points, in the order of their numbers, each with the seat that it leads to.
#[derive(Debug)]
pub struct Ring(Box<[(u64, u16)]>);

impl Ring {
    /// A ring with so many points for each endpoint of weight 1.
    ///
    /// How many an endpoint has does not follow from how many endpoints there are: keys would move between those that stay
    /// whenever one goes.
    #[must_use]
    pub fn new(points: u32, seats: &[Seat<'_>]) -> Self {
        let one = u64::from(WEIGHT_ONE);
        let total: u64 = seats.iter().map(|seat| u64::from(seat.weight)).sum();
        let most = (RING_POINTS_MAX * one).checked_div(total).unwrap_or_default();
        let points = u64::from(points).min(most.max(1));
        let of_seat = |(number, seat): (u16, &Seat<'_>)| {
            let points = (points * u64::from(seat.weight)).div_ceil(one);
            let seed = mix::of_text(seat.name);
            (0..points).map(move |place| (mix::numbered(seed, place), number))
        };
        let mut points: Vec<_> = (0..).zip(seats).flat_map(of_seat).collect();
        points.sort_unstable();
        Self(points.into())
    }

    /// The seat of a key: the next on the ring of those that may take its call.
    #[must_use]
    pub fn seat(&self, key: u64, may_sit: &dyn Fn(usize) -> bool) -> Option<usize> {
        let start = self.0.partition_point(|(point, _)| *point < key);
        let (before, behind) = self.0.split_at_checked(start)?;
        let mut seats = behind.iter().chain(before).map(|(_, seat)| usize::from(*seat));
        seats.find(|seat| may_sit(*seat))
    }
}
