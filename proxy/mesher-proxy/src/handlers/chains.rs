//! The two handler chains, top to bottom. This list is the only order there is.
//! It must hold names and nothing else.

use crate::handlers::Handler;
use crate::handlers::balance::Balance;
use crate::handlers::metrics::Metrics;
use crate::handlers::retry::Retry;
use crate::handlers::route::Route;
use crate::request::invocation::Direction;

/// Calls of the local application.
static CONSUMER: &[&dyn Handler] = &[&Metrics, &Route, &Retry, &Balance];

/// Calls to the local application.
static PROVIDER: &[&dyn Handler] = &[&Metrics, &Balance];

/// The chain of a direction.
pub(crate) fn of(direction: Direction) -> &'static [&'static dyn Handler] {
    match direction {
        Direction::Outbound => CONSUMER,
        Direction::Inbound => PROVIDER,
    }
}
