//! A control plane that is away, that lies, or that comes back to all at once: rows RG of the bad inputs and faults.
//! It must cost no call to what still works.
//!
//! | row | where |
//! |---|---|
//! | RG-01 | `registries.rs`: a proxy that never saw its registry |
//! | RG-02, RG-03 | `stored.rs`; every changed bit: unit tests of `mesher-proxy` |
//! | RG-06 to RG-11 | `answers.rs`; the course of ten minutes, and answers by the byte: unit tests of `mesher-proxy` and `mesher-client` |
//! | RG-09 with `Retry-After`, RG-16 | `addresses.rs`; each case: unit tests of `mesher-client` (`standing_tests.rs`) |
//! | RG-05 | `verify/tests/crash/outage.rs` |
//! | RG-13 | a watch brings no state: it only hastens the look that finds it; `mesher-client` and `mesher-control` (`links`) |
//! | RG-14 | the spread: unit test of `mesher-proxy` (`backoff.rs`) |
//! | RG-17, RG-18 | the registry's half: `mesher-registry` and `mesher-control` |
//! | RG-19 | the proxy measures waits with a clock that nobody sets |
//! | RG-20, RG-21, RG-22 | `access.rs`, `tls.rs` |
//!
//! Rows that do not apply yet:
//!
//! | row | waits for |
//! |---|---|
//! | RG-04 at its full length | a soak of hours; `registries.rs` and `instances.rs` have the same in seconds |
//! | RG-12 | deltas with an order: an answer is a whole set, and a revision is opaque text in which nothing is older |
//! | RG-14 at 10,000 proxies | machines for them. Heartbeats keep their rhythm of 10 s, which is no peak |
//! | RG-15 | a control plane of several nodes; "higher revision of the same cluster" of RG-16 waits for it, too |
//! | RG-23 | a proxy that captures its own traffic: the registry is never asked through `http_proxy` |

mod addresses;
mod answers;
mod stored;
