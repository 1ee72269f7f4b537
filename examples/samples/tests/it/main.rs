//! The samples on real loopback sockets, as their callers and browsers meet them.
//! Must not reach into the crate: it uses the public API and the wire.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure of the wire is a failure of the test")]

mod calculator;
mod webapp;
mod wire;
