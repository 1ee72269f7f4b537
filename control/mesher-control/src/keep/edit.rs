//! One record that changed, of whichever part of the control plane.
//! It must not know what a record means.

use std::borrow::Cow;

/// Before the keys of the registry's records.
pub(super) const REGISTRY: &str = "registry/";

/// What a store keeps of a change, and what takes it back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edit {
    Registry(mesher_registry::Edit),
    Access(mesher_access::Edit),
    Config(mesher_config::Edit),
    Rules(mesher_rules::Edit),
}

impl Edit {
    /// The record's key, without what stands before all keys.
    pub(crate) fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Registry(edit) => format!("{REGISTRY}{}", edit.key.to_path()).into(),
            Self::Access(edit) => edit.key.as_str().into(),
            Self::Config(edit) => edit.key.as_str().into(),
            Self::Rules(edit) => edit.key.as_str().into(),
        }
    }

    /// Whether it is what somebody asked for, and does not follow from such an edit.
    pub(crate) fn is_asked_for(&self) -> bool {
        match self {
            Self::Registry(_) | Self::Access(_) => true,
            Self::Config(edit) => edit.is_asked_for(),
            Self::Rules(edit) => edit.is_of_document(),
        }
    }

    /// The record as it is now, as JSON; `None`: it is gone. Records are plain data, of which serde can write all.
    pub(super) fn after(&self) -> Option<Vec<u8>> {
        match self {
            Self::Registry(edit) => edit.after.as_ref().map(|record| record.to_json().unwrap_or_default()),
            Self::Access(mesher_access::Edit { after, .. })
            | Self::Config(mesher_config::Edit { after, .. })
            | Self::Rules(mesher_rules::Edit { after, .. }) => {
                after.as_ref().map(|record| record.to_string().into_bytes())
            }
        }
    }
}
