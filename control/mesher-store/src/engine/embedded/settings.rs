//! What an embedded store needs to know.
//! It must not be read from the environment; the command fills it in.

use std::path::PathBuf;

use crate::Clock;

/// Settings of an embedded store.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// Its directory. Made with mode 0700 where it is missing; what holds it must be there.
    pub directory: PathBuf,
    /// The time of leases, and of the pause after a failure.
    pub clock: Clock,
}
