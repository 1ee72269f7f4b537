//! Where the snapshot comes from: names asked for, looked up, kept fresh, published. All on the control thread.
//! No answer may empty a set that still works, and no outage of the registry may change what callers see.
//!
//! | file | holds |
//! |---|---|
//! | `fleet` | what is known, kept fresh, published |
//! | `source` | what is asked of a place that knows services |
//! | `registry`, `services` | the sources: the registry; a file, and the domain name system for what the file says |
//! | `feed`, `refresh` | the regular look of each source at all known services |
//! | `watch` | word from the registry that a look is due |
//! | `sets`, `doubt` | the endpoints of a service, put together from what the sources say; what is not believed at once |
//! | `known` | the same, as one process tells it to the next |
//! | `look_up` | one name, asked for the first time |
//! | `names` | which records a host can mean |
//! | `endpoints` | an instance's endpoints as the proxy can use them |
//! | `outside` | hosts that the registry does not know |
//! | `registration` | the local application's own record: create, heartbeat, remove |

mod doubt;
mod endpoints;
mod feed;
mod fleet;
mod known;
mod look_up;
mod names;
mod outside;
mod refresh;
mod registration;
mod registry;
mod services;
mod sets;
mod source;
mod watch;

pub(crate) use fleet::{Fleet, HOLD_TIME_MAX};
pub(crate) use known::Known;
pub(crate) use look_up::{Lookup, LookupFailure};
pub(crate) use names::may_be_outside;
pub(crate) use registration::Registration;
pub(crate) use registry::RegistrySource;
pub(crate) use services::{DnsSource, FileSource};
pub(crate) use source::Source;
pub(crate) use watch::{Bell, keep as watch};

#[cfg(test)]
mod tests;
