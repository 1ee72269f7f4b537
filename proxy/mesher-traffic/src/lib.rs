//! Traffic decisions as pure functions: which endpoint takes a call, and whether a failed call is tried again.
//! It must own no socket, no clock and no randomness: counts, times and seeds come in, choices go out.

pub mod balance;
pub mod retry;

pub use balance::RoundRobin;
pub use retry::{RetryPolicy, Safety};

#[cfg(test)]
mod tests;
