//! What the operating system gives and tells: processes, processors, memory, counters.
//! It must hold the map of this folder and no logic.

mod account;
mod affinity;
mod child;
mod facts;
mod surroundings;
mod syscalls;

pub(crate) use account::{Spent, proportional_memory, spent, threads_spent};
pub(crate) use affinity::{GENERATOR, PROXY, Processor, pin_self};
pub(crate) use child::{Child, command};
pub(crate) use facts::{Facts, facts, processor_model, version_line};
pub(crate) use surroundings::{leave_out, program, root, target};
pub(crate) use syscalls::Counter;

#[cfg(test)]
mod tests;
