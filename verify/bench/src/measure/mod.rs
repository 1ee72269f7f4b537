//! Scenarios, windows, and what a run of them adds up to.
//! It must hold the map of this folder and no logic.

mod memory;
mod results;
mod scenario;
mod session;
mod statistics;
pub(crate) mod turn;
mod window;

pub(crate) use memory::{learn_services, measure as measure_memory, register_services};
pub(crate) use results::{Quantile, Results, Window};
pub(crate) use scenario::{Scenario, find as find_scenario, select};
pub(crate) use session::{Plan, run};
pub(crate) use statistics::{Summary, paired, summary};

#[cfg(test)]
mod tests;
