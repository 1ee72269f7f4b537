//! Keys and values under labels, as kie has them: map of this part.
//! It must not hold logic.
//!
//! | file | holds |
//! |---|---|
//! | `labels` | names and values that a record stands under |
//! | `record` | a key with its value, as it is kept and shown |
//! | `draft` | what a caller sends of a record, and the rules for it |
//! | `query` | which records a caller wants, and in which part of the list |
//! | `topic` | whose changes a caller wants to hear of |
//! | `dimension` | the scopes of config-center, as labels |
//! | `project` | the records of one project, indexed by their labels |
//! | `domain` | the projects of one domain, and the counter of all their changes |
//! | `write` | every change of a record, with its revision and its history |
//! | `read` | look-ups |
//! | `upload` | many records at once |
//! | `items` | the same records through the scopes of config-center |
//! | `restore` | the way back from a store |
//! | `store` | the whole of it, and its limits |

mod dimension;
mod domain;
mod draft;
mod items;
mod labels;
mod project;
mod query;
mod read;
mod record;
mod restore;
mod store;
mod topic;
mod upload;
mod write;

pub use dimension::Dimension;
pub use draft::{Draft, Patch};
pub use items::Items;
pub use labels::Labels;
pub use query::{Found, KeyPattern, Page, Query};
pub use record::{Record, Status, ValueType};
pub(crate) use restore::{is_bookkeeping, tenant_of_record};
pub use store::{Keys, Limits};
pub use topic::Topic;
pub use upload::{NotUploaded, Override, Uploaded};
