//! Where the snapshot comes from: names asked for, looked up, kept fresh, published. All on the control thread.
//! No answer may empty a set that still works, and no outage of the registry may change what callers see.
//!
//! | file | holds |
//! |---|---|
//! | `fleet` | what is known, kept fresh, published |
//! | `refresh` | the regular look at all known services |
//! | `known` | the same, as one process tells it to the next |
//! | `look_up` | one name, asked for the first time |
//! | `names` | which records a host can mean |
//! | `endpoints` | an instance's endpoints as the proxy can use them |
//! | `outside` | hosts that the registry does not know |
//! | `registration` | the local application's own record: create, heartbeat, remove |

mod endpoints;
mod fleet;
mod known;
mod look_up;
mod names;
mod outside;
mod refresh;
mod registration;

pub(crate) use fleet::{Fleet, HOLD_TIME_MAX};
pub(crate) use known::Known;
pub(crate) use look_up::{Lookup, LookupFailure};
pub(crate) use registration::Registration;

#[cfg(test)]
mod tests;
