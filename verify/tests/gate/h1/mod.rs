//! HTTP/1 requests that are malformed, ambiguous, or hide another request.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.

mod chunks;
mod framing;
mod lines;
mod order;
mod targets;
