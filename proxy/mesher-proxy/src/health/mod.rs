//! Checks that this proxy makes: of the application beside it, and of the instances that it calls.
//! They must stay off the request path, and must be bounded in time and number.
//!
//! | file | holds |
//! |---|---|
//! | `ask` | one question to one address |
//! | `own` | the application beside the proxy: it is `UP` or `DOWN` in the registry |
//! | `instances` | the instances of services that rules are about: they are passed over |

mod ask;
pub(crate) mod instances;
pub(crate) mod own;

pub(crate) use ask::{Outcome, Trouble, USER_AGENT};
