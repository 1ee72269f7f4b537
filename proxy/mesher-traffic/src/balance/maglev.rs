//! Maglev: a table in which every endpoint has as many places as any other, filled in the order of its own preferences.
//! It must depend on the names of endpoints and nothing else: all proxies send a key to one endpoint.

use super::group::Seat;
use super::mix;

/// Places of a table where a rule says nothing, a prime. Source: Eisenbud et al., Maglev, NSDI 2016, 3.4; Envoy, `table_size`.
pub const TABLE_SIZE: u32 = 65_537;
/// Places that are looked at for a key whose endpoint may not take its call.
const LOOKS_MAX: u64 = 16;
/// A place that nobody has taken yet.
const FREE: u16 = u16::MAX;

/// The seat of each place.
#[derive(Debug)]
pub struct Maglev(Box<[u16]>);

/// The order in which a seat takes places.
struct Preference {
    seat: u16,
    next: u64,
    step: u64,
    weight: u64,
    /// The weight that it has saved up: each round adds its weight, each place takes that of the heaviest.
    saved: u64,
}

impl Maglev {
    /// A table of this size, which is a prime, divided by the weights.
    #[must_use]
    pub fn new(size: u32, seats: &[Seat<'_>]) -> Self {
        let mut preferences: Vec<_> = (0..)
            .zip(seats)
            .filter(|(_, seat)| seat.weight > 0)
            .map(|(seat, of)| Preference::of(seat, of, size))
            .collect();
        // Who comes first in a round must not follow from the order of a list, which differs from proxy to proxy.
        preferences.sort_by_key(|preference| (preference.next, preference.step));
        let heaviest = preferences.iter().map(|preference| preference.weight).max().unwrap_or_default();
        let mut places = vec![FREE; if heaviest == 0 { 0 } else { size as usize }];
        let mut free = places.len();
        while free > 0 {
            for preference in &mut preferences {
                preference.saved += preference.weight;
                if preference.saved < heaviest || free == 0 {
                    continue;
                }
                preference.saved -= heaviest;
                preference.take(&mut places);
                free -= 1;
            }
        }
        Self(places.into())
    }

    /// The seat of a key; of those that may take its call. Keys of one that may not are spread over the others.
    #[must_use]
    pub fn seat(&self, key: u64, may_sit: &dyn Fn(usize) -> bool) -> Option<usize> {
        let size = self.0.len() as u64;
        let looks = (0..LOOKS_MAX).map(|look| if look == 0 { key } else { mix::numbered(key, look) });
        let mut seats = looks.filter_map(|number| self.0.get(mix::below(number, size) as usize));
        let seat = seats.find(|seat| may_sit(usize::from(**seat)));
        // Nearly all may not: who is left takes the call.
        let seat = seat.or_else(|| {
            let (before, behind) = self.0.split_at_checked(mix::below(key, size) as usize)?;
            behind.iter().chain(before).find(|seat| may_sit(usize::from(**seat)))
        });
        seat.map(|seat| usize::from(*seat))
    }
}

impl Preference {
    fn of(seat: u16, of: &Seat<'_>, size: u32) -> Self {
        let name = mix::of_text(of.name);
        let size = u64::from(size);
        Self {
            seat,
            next: mix::mixed(name) % size,
            step: mix::numbered(name, 1) % (size - 1) + 1,
            weight: u64::from(of.weight),
            saved: 0,
        }
    }

    /// Takes the next place of its order that is free; there is one.
    fn take(&mut self, places: &mut [u16]) {
        let size = places.len() as u64;
        for _ in 0..size {
            let place = self.next as usize;
            self.next = (self.next + self.step) % size;
            if let Some(free) = places.get_mut(place).filter(|seat| **seat == FREE) {
                *free = self.seat;
                return;
            }
        }
    }
}
