//! Rate limits as arithmetic: how many calls pass, when the next one may, and which part of a limit is whose.
//! It must read no clock: times are spans since one moment of the process, the same for all calls.
//!
//! | file | holds |
//! |---|---|
//! | `pace` | a token bucket, in one word |
//! | `window` | so many permits in each period, in one word |
//! | `meter` | either of them, and what it says of a call |
//! | `table` | one such word for each caller, or each value of a header field, bounded |
//! | `share` | the part of a limit of the whole mesh that is this proxy's |
//! | `lease` | how the mesh divides such a limit, and what holds while nobody divides it |
//! | `rule` | limits as rules state them, and what all of them say of a call |
//! | `fields` | what a caller is told who is refused |

pub mod fields;
pub mod lease;
pub mod meter;
pub mod pace;
pub mod rule;
pub mod share;
pub mod table;
pub mod window;

pub use lease::{Lease, WHOLE, slices};
pub use meter::{Granted, Meter, Refused, Standing};
pub use pace::Pace;
pub use rule::{Counter, Denial, LimitRule, Limits, check, look};
pub use share::Share;
pub use table::Table;
pub use window::Window;

#[cfg(test)]
mod tests;
