//! The engine with a file: redb behind a disk of ours, a directory that is ours alone, and a way back after a failure.
//! It must not acknowledge what may be lost, nor go on with a handle that has failed.

mod database;
mod directory;
mod disk;
mod guard;
mod open;
mod rows;
mod settings;

#[cfg(test)]
mod tests;

pub(crate) use directory::{folder_of, sync_directory};
pub(crate) use guard::Embedded;
pub(crate) use open::{explain, open, restore};
pub use settings::EmbeddedSettings;
