//! Web sockets of the registry: events for those who watch, and heartbeats by pong.
//! It must not hold logic: this is the map of the folder.

mod event;
mod hub;
mod places;
mod queue;
mod socket;

pub(crate) use hub::Watchers;
pub(crate) use places::{Full, Place, Places};
pub(crate) use queue::TooSlow;
pub(crate) use socket::{PING, Source, beat, end_unknown_instance, limit, stream, tell_unknown_service};

#[cfg(test)]
mod tests;
