//! What this proxy leaves out when it has too much to do itself: kept connections, new calls, new connections.
//! It must cost a call one look, and must let pass by what others tell whether the application works.
//!
//! | file | holds |
//! |---|---|
//! | `pressure` | what all threads know of it |
//! | `memory` | how much memory is used: looked at by the control thread |
//! | `lag` | whether a worker's work is late: looked at by that worker |
//! | `shed` | calls that are refused, and those that pass |

mod lag;
mod memory;
mod pressure;
pub(crate) mod shed;

pub(crate) use lag::Lag;
pub(crate) use memory::watch;
pub(crate) use pressure::{Pressure, Reason};

#[cfg(test)]
mod tests;
