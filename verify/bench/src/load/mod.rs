//! Clients and backend in one thread: whatever stands between them is what is measured.
//! It must hold the map of this folder and no logic.

mod answer;
mod engine;
mod head_end;
mod histogram;
mod message;
mod schedule;
mod served;
mod tally;

pub(crate) use answer::Wanted;
pub(crate) use engine::{Engine, Load, Pace};
pub(crate) use histogram::Histogram;
pub(crate) use message::{Reply, Requests, request};
pub(crate) use schedule::Schedule;
pub(crate) use tally::Tally;

#[cfg(test)]
mod tests;
