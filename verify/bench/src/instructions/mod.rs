//! Instructions in user mode for each request: the one figure that hardly depends on the machine's mood.
//! It must hold the map of this folder and no logic.

mod baseline;
mod callgrind;
mod gate;
mod rules;

pub(crate) use baseline::Counts;
pub(crate) use gate::{COUNTED_SERVICES, run};

#[cfg(test)]
mod tests;
