//! Upstreams that fail, stall, or answer nonsense.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
//!
//! | row | waits for |
//! |---|---|
//! | UP-16, the last good addresses | a setting for the time after which an outside host is asked for again (60 s) |
//! | UP-16, private addresses behind public names | a policy for outside hosts |
//! | UP-17 | ejection of endpoints that fail |
//! | UP-18 | ejection, and its panic threshold |
//! | UP-19 | a budget for retries |
//! | UP-20 | TLS towards endpoints |
//! | UP-22 | the PROXY protocol |
//!
//! "Counts as a failure for ejection" in UP-03 and "retried within a budget" in UP-04 wait with them; a retry is bounded
//! by its number of tries until then. HTTP/2 and gRPC callers of UP-05, UP-06 and UP-14 wait for those protocols.

mod answers;
mod cases;
mod connections;
mod endings;
mod flows;
mod framing;
mod interim;
mod names;
mod slow;
