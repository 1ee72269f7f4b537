//! What a rule does with its calls besides choosing who takes them, compiled.
//! It must be valid by construction: whoever carries it out checks nothing of it.
//!
//! | file | holds |
//! |---|---|
//! | `action` | all that is done with the calls of one rule, or of one of its backends |
//! | `fields` | changes of header fields |

mod action;
mod fields;

pub use action::Actions;
pub use fields::FieldEdits;

#[cfg(test)]
mod tests;
