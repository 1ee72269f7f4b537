//! Whose proxy carries a rule out.
//! It must not know what the rule says.

use serde::{Deserialize, Serialize};

/// A side of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Side {
    /// The proxies of those who call the service, each for its own calls.
    #[default]
    Consumer,
    /// The proxies of the service, each for the calls that reach its instance.
    Provider,
}

impl Side {
    /// Whether it is the one that holds where nothing is said.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
    pub(super) const fn is_consumer(&self) -> bool {
        matches!(self, Self::Consumer)
    }
}
