//! The control plane under measurement: many records, short requests beside nginx, watchers, a restart.
//! It must hold the map of this folder and no logic.
//!
//! | file | holds |
//! |---|---|
//! | `run` | the order of a run |
//! | `plane`, `yardstick` | the control plane and nginx as processes |
//! | `population` | the records, as requests |
//! | `cost` | processor time a request, all kinds in turn |
//! | `frames`, `watchers` | how soon watchers hear of a registration |
//! | `figures`, `page` | what was found, and how it is shown |

mod cost;
mod figures;
pub(crate) mod frames;
mod page;
pub(crate) mod plane;
mod population;
mod run;
mod watchers;
mod yardstick;

pub(crate) use run::run;

#[cfg(test)]
mod tests;
