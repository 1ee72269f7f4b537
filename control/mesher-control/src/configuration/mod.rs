//! The configuration servers: kie and config-center, two faces of the same keys.
//! It must not hold logic: this is the map of the folder.
//!
//! | file | holds |
//! |---|---|
//! | `waiters` | who waits for a change of what |
//! | `polls` | the polls of those who name a session |
//! | `call` | what a handler knows of its request |
//! | `refused` | the form of a refusal |
//! | `kie/` | kie's paths |
//! | `center/` | config-center's paths |

mod call;
mod center;
mod kie;
mod polls;
mod refused;
mod waiters;

use std::sync::Arc;

use axum::Router;

use crate::control::Control;

pub(crate) use call::{is_seen, reach};
pub(crate) use polls::Polls;
pub(crate) use waiters::Waiters;

#[cfg(test)]
mod tests;

/// What a handler answers.
type Outcome = Result<axum::response::Response, refused::Refused>;

pub(crate) fn routes() -> Router<Arc<Control>> {
    kie::routes().merge(center::routes())
}
