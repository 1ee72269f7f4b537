//! Whether a call is one that a rule is about.
//! It must allocate nothing for a call but what encoded parameters need, and take time in proportion to the call only.
//!
//! | file | holds |
//! |---|---|
//! | `call` | a call as rules see it, lent by whoever has it |
//! | `condition` | a match: all its conditions, compiled |
//! | `field` | header fields, parameters of the query, cookies |
//! | `gate` | what can be seen of a match in a few steps |
//! | `part` | the part of a match that a call does not fit, in words |
//! | `path` | paths, by segments where it is asked for |
//! | `value` | how one value is compared |
//! | `pattern` | regular expressions, as automata |
//! | `number` | decimal numbers, compared as they are written |

pub mod call;
pub(crate) mod condition;
pub(crate) mod field;
pub(crate) mod gate;
pub(crate) mod number;
pub(crate) mod part;
mod path;
pub(crate) mod pattern;
mod value;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod verdict_tests;
