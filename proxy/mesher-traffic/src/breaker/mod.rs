//! Breakers: whether calls to a callee that fails too often are still sent, from what became of the last ones.
//! It must know no clock and no network, and must take no lock: every worker of a proxy asks the same breaker.
//!
//! | file | holds |
//! |---|---|
//! | `engine` | the breaker: who asks, who is refused, what opens and closes it |
//! | `permit` | the right to make one call, given back however the call ends |
//! | `policy` | what a rule says of it |
//! | `state` | its state in one word |
//! | `told` | how it stands, for people and metrics |
//! | `window` | what became of the last calls |

mod engine;
mod permit;
mod policy;
mod state;
mod told;
mod window;

pub use engine::{Breaker, Refused};
pub use permit::Permit;
pub use policy::{BreakerPolicy, BreakerRule, Span};
pub use told::{Standing, Told};

/// How a call ended, as far as a breaker asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether it failed, by the callee's fault. A call that says nothing of the callee is not recorded at all: its
    /// permit is dropped.
    pub is_failure: bool,
    /// How long it took.
    pub elapsed: std::time::Duration,
}

#[cfg(test)]
mod tests;
