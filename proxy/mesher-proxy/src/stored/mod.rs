//! The last good snapshot on disk: a proxy that starts while its control plane is away serves with it.
//! It must never cost a request anything, and must never be taken for more than it says: whole, ours, and this old.
//!
//! | file | holds |
//! |---|---|
//! | `format` | what a stored snapshot looks like, and why one is not taken |
//! | `folder` | where it lies: chosen, made, written whole, read |
//! | `keeper` | when it is written |

mod folder;
mod format;
mod keeper;

pub(crate) use folder::Folder;
pub use folder::StateError;
pub(crate) use format::Owner;
pub(crate) use keeper::Keeper;

#[cfg(test)]
mod tests;
