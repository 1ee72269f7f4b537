//! Bulkheads: how many calls may be under way at once, by a number or by what the callee is seen to bear.
//! It must know no clock, and must let nobody wait: a call that finds no place is refused at once.
//!
//! | file | holds |
//! |---|---|
//! | `adaptive` | a limit that follows the latency |
//! | `controller` | the arithmetic of that limit, a window at a time |
//! | `engine` | the bulkhead itself |
//! | `place` | a call's place, free again however the call ends |

mod adaptive;
mod controller;
mod engine;
mod place;

pub use controller::AdaptivePolicy;
pub use engine::{Bulkhead, BulkheadPolicy, BulkheadRule, Full, Told};
pub use place::Place;

#[cfg(test)]
mod tests;
