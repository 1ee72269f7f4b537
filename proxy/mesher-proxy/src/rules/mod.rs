//! The rules that this proxy holds: those about the services that it calls, from the control plane's link.
//! No answer may empty rules that hold, and no rule that cannot be compiled may become part of a snapshot.
//!
//! | file | holds |
//! |---|---|
//! | `held` | the documents, and what they mean for each service |
//! | `desk` | what the fleet asks of them, and what the link owes it |
//! | `keys` | keys of a configuration server, waited for |
//! | `leases` | parts of limits that the whole mesh shares |
//! | `link` | the link: opened, kept, opened again |

mod desk;
mod held;
mod keys;
mod leases;
mod link;

pub(crate) use desk::{Desk, Order};
pub(crate) use held::HeldRules;
pub(crate) use keys::{KeySource, LinkedKeys, read as read_keys};
pub(crate) use leases::Leases;
pub(crate) use link::{Ears, keep};

#[cfg(test)]
mod lease_tests;
#[cfg(test)]
mod tests;
