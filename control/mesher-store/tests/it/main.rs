//! Tests of the store through its public face: the contract on every engine, directories, backups.
//! They must not look into its files but to damage them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the lints' exception for tests does not reach the helpers of an integration suite"
)]

mod backup;
mod bed;
mod conformance;
mod directory;
mod format;
mod growth;
mod linear;
mod model;
