//! A control plane that is away, that lies, or that comes back to all at once: rows RG of the bad inputs and faults.
//! It must cost no call to what still works.
//!
//! | row | where |
//! |---|---|
//! | RG-01 | `registries.rs`: a proxy that never saw its registry |
//! | RG-02, RG-03 | `stored.rs`; every changed bit: unit tests of `mesher-proxy` |
//!
//! Rows that do not apply yet:
//!
//! | row | waits for |
//! |---|---|

mod stored;
