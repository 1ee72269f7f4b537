//! Bodies that are too large, and peers that are too slow or leave early.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
//!
//! | row | waits for |
//! |---|---|
//! | BL-06, beyond "not decompressed by default" | decompression |
//! | BL-07 | the JSON documents of the control API |
//! | BL-12, segments out of order | nothing: the system puts them in order before any program sees them |
//!
//! HTTP/2 bodies of BL-05 wait for that protocol.

mod bodies;
mod leaving;
mod limits;
mod segments;
mod slow;

/// The plainest call.
const GET: &str = "GET / HTTP/1.1\r\nHost: provider\r\n\r\n";
