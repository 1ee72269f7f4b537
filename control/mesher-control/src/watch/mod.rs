//! Web sockets of the registry: events for those who watch, and heartbeats by pong.
//! It must not hold logic: this is the map of the folder.

mod event;
mod hub;
mod queue;
mod socket;

pub(crate) use hub::Watchers;
pub(crate) use socket::{PING, beat, end_unknown_instance, limit, stream, tell_unknown_service};

#[cfg(test)]
mod tests;
