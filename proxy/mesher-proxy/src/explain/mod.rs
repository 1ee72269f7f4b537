//! Why a call goes where it goes: told by the handlers that decide, for calls that nobody has to make and for those that a
//! worker remembers. It must change nothing that a later call depends on, and must cost a call that went well next to nothing.
//!
//! | file | holds |
//! |---|---|
//! | `memory` | the calls that a worker remembers: bounded, failures apart from the rest |
//! | `story` | what is told of a call |
//! | `question` | a call that nobody makes |
//! | `answer` | one worker's answer to what the control thread asks |
//! | `gather` | the answers of all workers, put together |

mod answer;
mod gather;
mod memory;
mod question;
mod story;

pub(crate) use answer::answer;
pub(crate) use gather::ask;
pub(crate) use memory::Memory;
pub(crate) use story::{head, remember, remember_turned_away};

#[cfg(test)]
mod tests;
