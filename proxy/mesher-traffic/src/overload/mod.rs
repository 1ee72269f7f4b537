//! Overload of the proxy itself: what is left out as its memory fills, and when its work is too late.
//! It must measure nothing, and must not go back and forth: what begins at one mark ends below it.
//!
//! | file | holds |
//! |---|---|
//! | `ladder` | steps by the part of the memory that is used |
//! | `lateness` | whether work is late, and not for a moment only |

mod ladder;
mod lateness;

pub use ladder::Step;
pub use lateness::Lateness;

#[cfg(test)]
mod tests;
