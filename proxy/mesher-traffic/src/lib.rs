//! Traffic decisions as pure functions: what rules make of a call, which endpoint takes it, whether it is tried again.
//! It must own no socket, no clock and no randomness: counts, times and seeds come in, choices go out.

pub mod actions;
pub mod balance;
pub mod breaker;
pub mod bulkhead;
pub mod checkup;
pub mod egress;
pub mod ejection;
pub mod fallback;
pub mod fault;
pub mod keys;
pub mod limit;
pub mod mapping;
pub mod matching;
pub mod overload;
mod plan;
pub mod policy;
pub mod portion;
pub mod retry;
pub mod route;
pub mod selection;
pub mod stand_in;
pub mod statuses;
mod sticky;
pub mod suspects;

pub use actions::{Actions, Asked, FieldEdits, OwnAnswer};
pub use balance::RoundRobin;
pub use egress::EgressPolicy;
pub use fallback::{FallbackRule, FallbackWay};
pub use keys::{About, KeyRules, Own};
pub use matching::call::{CallView, Caller, HeadView, Message};
pub use policy::{Policy, PolicyError};
pub use retry::{Budget, HedgePolicy, Latencies, RetryPolicy, Safety};
pub use route::{Choice, RoutePolicy, Verdict};
pub use selection::{Entry, Selection, Standing};
pub use stand_in::StandIn;
pub use statuses::Statuses;
pub use suspects::Suspects;

#[cfg(test)]
mod chance;
#[cfg(test)]
mod checkup_tests;
#[cfg(test)]
mod fallback_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod sticky_tests;
#[cfg(test)]
mod tests;
