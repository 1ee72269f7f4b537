//! The bad inputs and faults that a proxy in production meets, one test for each, called by the id of its row.
//! It must demand the outcome that the row demands, and must link no product crate.
//!
//! | prefix | what goes wrong |
//! |---|---|
//! | `h1` | an HTTP/1 request is malformed, ambiguous or smuggles another |
//! | `hd` | header fields lie about who calls, or say more than they may |
//! | `bl` | bodies are too large, clients or servers too slow, connections end early |
//! | `up` | the upstream fails, stalls or answers nonsense |
//! | `cp` | a pooled connection carries more than its own call |
//! | `re` | resources run out |
//!
//! `cargo xtask test` runs each at a scale that ends within two seconds; `cargo xtask soak` runs them at full scale.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure of the system is a failure of the test")]

mod bl;
mod canary;
mod cp;
mod ground;
mod h1;
mod hd;
mod re;
mod stand;
mod stimulus;
mod up;
mod upstream;
