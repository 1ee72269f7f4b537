//! A part of the calls, spread evenly over them.
//! It must be exact: of any run of calls it hits as many as its part of them is, but for less than one.

use mesher_model::rule::Percent;

/// Whether the call of this number is hit. Of the first `n` calls, the whole part of the share of `n` is; so the hits stand as
/// far from each other as they can.
#[must_use]
pub const fn hits(percent: Percent, number: u64) -> bool {
    let (whole, share) = (Percent::WHOLE as u64, percent.hundredths() as u64);
    // The number within a round: products stay small, and rounds follow each other without a seam.
    let number = number % whole;
    (number + 1) * share / whole > number * share / whole
}
