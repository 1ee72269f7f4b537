//! What a run leaves: JSON with every window, tables, a plot, and the page of the documentation.
//! It must hold the map of this folder and no logic.

mod documentation;
mod files;
mod number;
mod plot;
mod tables;
mod targets;

pub(crate) use documentation::write as write_documentation;
pub(crate) use files::{folder, keep_counts, kept_counts, read, tell, write};
pub(crate) use number::{MEGABYTE, short, spread};
pub(crate) use tables::target_table;
pub(crate) use targets::{Bound, Target};

#[cfg(test)]
mod tests;
