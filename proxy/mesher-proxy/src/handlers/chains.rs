//! The handler chains, top to bottom. These lists are the only order there is.
//! It must hold names and nothing else.

use crate::handlers::Handler;
use crate::handlers::balance::Balance;
use crate::handlers::breaker::Breaker;
use crate::handlers::bulkhead::Bulkhead;
use crate::handlers::metrics::Metrics;
use crate::handlers::retry::Retry;
use crate::handlers::route::Route;
use crate::request::invocation::{Direction, Invocation};

/// Calls of the local application.
static CONSUMER: &[&dyn Handler] = &[&Metrics, &Route, &Retry, &Balance];

/// The same where rules may refuse calls, or make them fail.
static CONSUMER_GUARDED: &[&dyn Handler] = &[&Metrics, &Route, &Breaker, &Bulkhead, &Retry, &Balance];

/// Calls to the local application.
static PROVIDER: &[&dyn Handler] = &[&Metrics, &Balance];

/// The same where rules may refuse calls.
static PROVIDER_GUARDED: &[&dyn Handler] = &[&Metrics, &Breaker, &Bulkhead, &Balance];

/// The chain of a call. One that no rule guards does not pass by those who would.
pub(crate) fn of(call: &Invocation) -> &'static [&'static dyn Handler] {
    let is_guarded = call.governance().is_some_and(|governance| governance.policy().is_guarded());
    match (call.direction, is_guarded) {
        (Direction::Outbound, false) => CONSUMER,
        (Direction::Inbound, false) => PROVIDER,
        (direction, true) => whole(direction),
    }
}

/// The chain of a direction with everybody in it.
pub(crate) fn whole(direction: Direction) -> &'static [&'static dyn Handler] {
    match direction {
        Direction::Outbound => CONSUMER_GUARDED,
        Direction::Inbound => PROVIDER_GUARDED,
    }
}
