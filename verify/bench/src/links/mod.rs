//! The links between control plane and proxies under measurement: how soon all have a change, what one costs.
//! It must hold the map of this folder and no logic.
//!
//! | file | holds |
//! |---|---|
//! | `run` | the order of a run |
//! | `peer` | one proxy as the control plane sees it |
//! | `rules` | the documents, as requests |
//! | `page` | what was found, and how it is shown |

mod page;
mod peer;
mod rules;
mod run;

pub(crate) use run::run;

#[cfg(test)]
mod tests;
