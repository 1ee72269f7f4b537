//! A key of a configuration server with its value, in kie's form.
//! It must not decide what a key means, nor which of two that are equal holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One key.
///
/// Source: kie v1, the document of a key value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// Its value, as `value_type` says.
    pub value: String,
    /// `text`, `yaml`, `json`, `properties`, `ini`, `xml`.
    pub value_type: String,
    /// `enabled` or `disabled`; a server that says nothing means the first.
    pub status: Option<String>,
    /// What it stands under.
    pub labels: Option<BTreeMap<String, String>>,
    /// When it was last changed, in seconds since 1970.
    pub update_time: i64,
    /// The revision of that change.
    pub update_revision: i64,
}

impl KeyValue {
    /// Whether it holds.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("enabled"))
    }
}
