//! Chooses one of several endpoints that may take a call.
//! It must not know what an endpoint is: places in a list come in and go out, with what is known of each.
//!
//! | file | holds |
//! |---|---|
//! | `turn` | each in turn; the way of a service without a rule |
//! | `policy` | what a rule says, and the choice that follows from it |
//! | `strategy` | the ways to choose one of a group |
//! | `group` | endpoints that are chosen from alike, with their weights |
//! | `nearness` | groups by zone and region, and which of them takes a call |
//! | `load` | what is known of an endpoint: calls on their way, latency, since when |
//! | `average` | a moving average in one word |
//! | `response` | shares by response times |
//! | `ring`, `maglev` | consistent hashing |
//! | `key` | the value of a call that is hashed |
//! | `session` | calls that stay with one instance |
//! | `warm_up` | fewer calls for who has just come |
//! | `mix` | numbers out of numbers |

pub mod average;
pub mod group;
pub mod key;
pub mod load;
pub mod maglev;
mod mix;
pub mod nearness;
pub mod policy;
mod response;
pub mod ring;
pub mod session;
pub mod strategy;
mod turn;
pub mod warm_up;

pub use group::{Group, Seat};
pub use key::HashKey;
pub use load::{InFlight, Load, TryEnd};
pub use nearness::{Groups, Locality, ZoneRule};
pub use policy::{BalancePolicy, Moment};
pub use session::{CallerSession, Persistence, SessionToken};
pub use strategy::Strategy;
pub use turn::RoundRobin;
pub use warm_up::WarmUp;

#[cfg(test)]
mod tests;
