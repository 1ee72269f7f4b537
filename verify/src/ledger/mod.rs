//! Calls by the thousand, each with an id: which were lost, doubled, crossed or cut short.
//! It must follow from its seed alone what each call is, how it is answered and what goes wrong with it.
//!
//! A caller, the upstream and the judge all derive the same [`Deed`] from seed and id, so nothing has to be remembered
//! for a call but how often it was executed, and a run can be repeated.
//!
//! | file | holds |
//! |---|---|
//! | `deed` | what one call is and what goes wrong with it |
//! | `message` | just enough HTTP/1.1 to read both directions fast |
//! | `upstream` | the server: counts, answers, breaks |
//! | `caller` | the callers: send, leave, read, judge |
//! | `report` | what came out |

mod caller;
mod deed;
mod message;
mod report;
mod upstream;

pub use caller::run;
pub use deed::{Deed, Fault, Leaving};
pub use report::{Plan, Report};
pub use upstream::Upstream;

#[cfg(test)]
mod tests;
