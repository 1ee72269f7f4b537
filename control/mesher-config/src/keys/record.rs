//! A key with its value and its labels, as it is kept and shown.
//! It must not change once it is made: each change makes another record.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::labels::Labels;
use crate::Tenant;

/// What a value is. Nothing here reads it; clients do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Plain text.
    #[default]
    Text,
    /// Lines of names and values in sections.
    Ini,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Lines of names and values.
    Properties,
    /// XML.
    Xml,
}

impl ValueType {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Ini => "ini",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Properties => "properties",
            Self::Xml => "xml",
        }
    }

    /// The type of this word; an empty one is [`Self::Text`].
    pub(crate) fn parse(word: &str) -> Option<Self> {
        const ALL: [ValueType; 6] = [
            ValueType::Text,
            ValueType::Ini,
            ValueType::Json,
            ValueType::Yaml,
            ValueType::Properties,
            ValueType::Xml,
        ];
        if word.is_empty() { Some(Self::Text) } else { ALL.into_iter().find(|kind| kind.as_str() == word) }
    }
}

/// Whether clients are to use a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// They are.
    Enabled,
    /// They are not.
    Disabled,
}

impl Status {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Enabled, Self::Disabled].into_iter().find(|status| status.as_str() == word)
    }
}

/// A key with its value.
///
/// Source: kie v1, the document of a key value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hexadecimal SHA-256 of domain, project, key and labels.
    #[serde(skip)]
    pub id: String,
    /// [`Labels::format`] of the labels.
    #[serde(skip)]
    pub label_format: String,
    /// Its name among those with the same labels.
    pub key: String,
    /// What it stands under.
    #[serde(default)]
    pub labels: Labels,
    /// Its value.
    pub value: String,
    /// What the value is.
    #[serde(default)]
    pub value_type: ValueType,
    /// Whether clients are to use it.
    pub status: Status,
    /// Larger ones come first in a list.
    #[serde(default)]
    pub priority: i64,
    /// The name of a check of the value; nothing here runs one.
    #[serde(default)]
    pub check: String,
    /// Number of the change that made it.
    pub create_revision: u64,
    /// Number of its last change.
    pub update_revision: u64,
    /// When it was made, in seconds since 1970.
    pub create_time: u64,
    /// When it was last changed, in seconds since 1970.
    pub update_time: u64,
}

/// The id of a record: the same on every server.
///
/// Source: kie v1, `id`. The hash names, it does not protect.
pub(crate) fn id(tenant: Tenant<'_>, key: &str, label_format: &str) -> String {
    let text = [tenant.domain(), tenant.project(), key, label_format].join("/");
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
