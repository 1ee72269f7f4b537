//! Configuration as values in and values out: keys with labels, their revisions and their history.
//! It must not know HTTP, read a clock, draw a random number or touch a file: all that comes in.
//!
//! | file | holds |
//! |---|---|
//! | `configuration` | the whole, for all tenants; brings records back and takes them back |
//! | `edit` | every lasting change, for a journal |
//! | `tenant` | whose configuration it is |
//! | `error` | why a call is refused |
//! | `keys/` | keys and values under labels, as kie has them |

mod configuration;
mod edit;
mod error;
mod keys;
mod tenant;

pub use configuration::Configuration;
pub use edit::{Edit, RestoreError};
pub use error::ConfigError;
pub use keys::{
    Dimension, Draft, Found, Items, KeyPattern, Keys, Labels, Limits, NotUploaded, Override, Page, Patch,
    Query, Record, Status, Topic, Uploaded, ValueType,
};
pub use tenant::Tenant;

#[cfg(test)]
mod tests;
