//! The rules that this proxy holds: those about the services that it calls, from the control plane's link.
//! No answer may empty rules that hold, and no rule that cannot be compiled may become part of a snapshot.
//!
//! | file | holds |
//! |---|---|
//! | `held` | the documents, and what they mean for each service |
//! | `desk` | what the fleet asks of them, and what the link owes it |
//! | `keys` | keys of a configuration server, waited for |
//! | `link` | the link: opened, kept, opened again |

mod desk;
mod held;
mod keys;
mod link;

pub(crate) use desk::{Desk, Order};
pub(crate) use held::HeldRules;
pub(crate) use keys::{KeySource, LinkedKeys, read as read_keys};
pub(crate) use link::keep;

#[cfg(test)]
mod tests;
