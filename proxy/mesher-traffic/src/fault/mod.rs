//! Faults that are put into calls on purpose: which calls, and what happens to them.
//! It must draw nothing by chance: of a hundred calls in a row, ten percent are ten.
//!
//! | file | holds |
//! |---|---|
//! | `share` | which calls of a run are hit |
//! | `plan` | what a fault does, and its counts |

pub mod plan;
pub mod share;

pub use plan::{Abort, Blow, Counts, Faults, Plan};
pub use share::hits;

#[cfg(test)]
mod tests;
