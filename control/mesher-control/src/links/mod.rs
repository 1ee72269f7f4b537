//! The native links to proxies: who holds which rules, what each is told, what each says of it.
//! It must not hold logic: this is the map of the folder.
//!
//! | file | holds |
//! |---|---|
//! | `hub` | all links, and the rules as they were told |
//! | `shelf` | the rules that are kept, by the services that they are about |
//! | `keys` | the keys of a configuration server that a proxy wants to hear of |
//! | `leases` | limits that the whole mesh shares, and who has which part of them |
//! | `peer` | one proxy: what it wants, has, waits for, refused |
//! | `questions` | what proxies are asked about calls |
//! | `session` | one connection of a proxy, as its socket sees it |
//! | `socket` | the web socket itself |

mod hub;
mod keys;
mod leases;
mod peer;
mod questions;
mod session;
mod shelf;
mod socket;

pub(crate) use hub::Links;
pub(crate) use socket::{Guest, limit, serve};

#[cfg(test)]
mod lease_tests;
#[cfg(test)]
mod tests;
