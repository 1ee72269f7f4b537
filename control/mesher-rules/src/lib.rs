//! The rule documents of a mesh: read from text, checked against each other, changed, remembered, taken back.
//! It must own no clock, no storage and no HTTP: moments and authors come in, edits go out.
//!
//! | file | holds |
//! |---|---|
//! | `parse` | text → documents, or where and why not |
//! | `book` | all documents as they stand |
//! | `amend` | several changes at once: planned, and made as a whole |
//! | `history` | what was changed, and the state at an earlier revision |
//! | `edit` | what a store keeps of it |

mod amend;
mod book;
mod edit;
mod error;
mod history;
mod parse;

pub use amend::{Author, Plan};
pub use book::{Book, DOCUMENTS_AT_ONCE_MAX, DOCUMENTS_MAX};
pub use edit::Edit;
pub use error::RuleError;
pub use history::CHANGES_MAX;
pub use parse::{Parsed, Part, Places, TEXT_BYTES_MAX, parse, warning};

#[cfg(test)]
mod tests;
