//! What a rule does with its calls besides choosing who takes them, compiled.
//! It must be valid by construction: whoever carries it out checks nothing of it.
//!
//! | file | holds |
//! |---|---|
//! | `action` | all that is done with the calls of one rule, or of one of its backends |
//! | `answer` | answers of a rule's own |
//! | `fields` | changes of header fields |
//! | `mirror` | copies for somebody else |
//! | `target` | other hosts and paths, for the callee or for the caller |

mod action;
mod answer;
mod fields;
mod mirror;
mod target;

pub use action::Actions;
pub use answer::{Direct, OwnAnswer};
pub use fields::FieldEdits;
pub use mirror::Mirror;
pub use target::{Asked, Redirect, Rewrite};

#[cfg(test)]
mod tests;
