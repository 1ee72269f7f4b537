//! How a new process takes the place of a running proxy, and how sockets come from a service manager.
//! Until the new process serves, the old one must go on as if nobody had asked.
//!
//! ```text
//! new: hello                  old: offer, one message for each socket     (both work; the old one serves)
//! new: ready                  old: go                                     (the old one still serves)
//! new: serving                old: yours                                  (the old one accepts nothing more)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `words` | the messages, and their version |
//! | `stock` | sockets that were handed over or passed, until the settings ask for them |
//! | `taker` | the new process's side |
//! | `giver` | the old process's side |

mod giver;
mod stock;
mod taker;
mod words;

pub(crate) use giver::{Giver, Offered, Question, Successor};
pub(crate) use stock::Stock;
pub use taker::HandoverError;
pub(crate) use taker::{Taken, ask};
pub(crate) use words::Identity;

#[cfg(test)]
mod tests;
