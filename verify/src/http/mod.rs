//! HTTP/1.1 by the byte, from either end: sends exactly what it is given and reads one message with its framing.
//! It must not repair, retry or follow anything: what came is what the test sees.

mod calls;
mod message;
mod wire;

pub use calls::{Kept, get, get_by_proxy, get_with, send_json, send_json_with};
pub use message::{Framing, Head, Message};
pub use wire::{Body, Wire};
