//! The messages that hyper finds in a byte string: its real connections, driven over a wire in memory.
//! It must judge nothing, and must not wait: where hyper would wait, the reading ends.

mod client;
mod drive;
mod observe;
mod server;
mod wire;

pub use client::read_responses;
pub use server::read_requests;
