//! Numbers out of numbers, and out of text.
//! It must give the same in every release: proxies of adjacent releases send a key to one endpoint.

use crate::route::SPREAD;
use crate::sticky::place_of;

/// Distance of the seeds of a sequence (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number that tells nothing of `seed`, but follows from it (SplitMix64).
pub(super) const fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(STEP);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    seed ^ (seed >> 31)
}

/// The number at a place of the sequence that `seed` begins.
pub(super) const fn numbered(seed: u64, place: u64) -> u64 {
    mixed(seed.wrapping_add(place.wrapping_mul(STEP)))
}

/// The number of a text.
pub(super) fn of_text(text: &str) -> u64 {
    place_of(text.as_bytes())
}

/// The place below `end` that a draw falls on; 0 where there is none.
pub(super) const fn below(draw: u64, end: u64) -> u64 {
    ((draw as u128 * end as u128) >> u64::BITS) as u64
}

/// A draw as a number of at least 0 and below 1.
pub(super) const fn unit(draw: u64) -> f32 {
    // 24 bits are what the number can hold; more could be rounded up to 1.
    (draw >> (u64::BITS - 24)) as f32 / (1_u32 << 24) as f32
}

/// Turns a count into draws that are spread evenly.
pub(super) const fn spread(turn: u32) -> u64 {
    (turn.wrapping_mul(SPREAD) as u64) << u32::BITS
}
