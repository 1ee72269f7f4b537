//! Traffic decisions as pure functions: what rules make of a call, which endpoint takes it, whether it is tried again.
//! It must own no socket, no clock and no randomness: counts, times and seeds come in, choices go out.

pub mod balance;
pub mod keys;
pub mod policy;
pub mod retry;

pub use balance::RoundRobin;
pub use keys::KeyRules;
pub use policy::{Policy, PolicyError, RoutePolicy};
pub use retry::{RetryPolicy, Safety};

#[cfg(test)]
mod tests;
