//! Hazards of pooled upstream connections.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
//!
//! | row | waits for |
//! |---|---|
//! | CP-06, keys of TLS, identity and the PROXY protocol | those features |
//! | CP-08, CP-09, CP-10 | HTTP/2 towards endpoints |
//!
//! The identity check for each connection in CP-07 waits for TLS; the drain on removal does not.

mod change;
mod desync;
mod keys;
mod limits;
mod stale;
