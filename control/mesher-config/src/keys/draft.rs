//! What a caller sends of a record, and the rules for each of its members.
//! It must not look at other records: quota and duplicates are for whoever has them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::labels::Labels;
use super::record::{Status, ValueType};
use crate::ConfigError;

/// The longest key, in bytes.
const KEY_MAX: usize = 2_048;
/// The longest value, in bytes.
const VALUE_MAX: usize = 128 * 1024;
/// The most labels of a record.
const LABELS_MAX: usize = 6;
/// The most labels that a caller may ask for.
const SELECTOR_MAX: usize = 8;
/// The longest name of a label, in bytes.
const LABEL_NAME_MAX: usize = 32;
/// The longest value of a label, in bytes.
const LABEL_VALUE_MAX: usize = 160;
/// The longest name of a check, in bytes.
const CHECK_MAX: usize = 160;
/// Policies of the original's governance have the least priority.
const PRIORITIES: std::ops::RangeInclusive<i64> = -1..=i32::MAX as i64;

const KEY_RULE: &str = "^[a-zA-Z0-9._:-]+$";
const LABEL_NAME_RULE: &str = "1 to 32 letters, digits, _-. with a letter or digit at both ends";
const LABEL_VALUE_RULE: &str = "up to 160 letters, digits, _-. with a letter or digit at both ends";
const STATUS_RULE: &str = "^$|^(enabled|disabled)$";

/// A new record as a caller sends it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// Its name.
    pub key: String,
    /// What it stands under.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: String,
    /// A word of [`ValueType`]; empty for text.
    pub value_type: String,
    /// `enabled`, or `disabled`, which an empty one means, too.
    pub status: String,
    /// Larger ones come first in a list.
    pub priority: i64,
    /// The name of a check of the value.
    pub check: String,
}

/// What a caller changes of a record; what is empty stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Patch {
    /// The new value.
    pub value: String,
    /// The new status.
    pub status: String,
}

/// A draft that keeps the rules.
pub(crate) struct Checked {
    pub(crate) key: String,
    pub(crate) labels: Labels,
    pub(crate) value: String,
    pub(crate) value_type: ValueType,
    /// `None`: the caller does not say.
    pub(crate) status: Option<Status>,
    pub(crate) priority: i64,
    pub(crate) check: String,
}

impl Draft {
    /// The labels, once they keep the rules.
    ///
    /// # Errors
    /// [`ConfigError::Field`]
    pub fn checked_labels(&self) -> Result<Labels, ConfigError> {
        let labels: Labels =
            self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        check_labels(&labels, LABELS_MAX)?;
        Ok(labels)
    }

    pub(crate) fn check(self) -> Result<Checked, ConfigError> {
        check_key(&self.key)?;
        let labels = self.checked_labels()?;
        check_value(&self.value)?;
        let value_type = ValueType::parse(&self.value_type);
        let type_rule = "^$|^(ini|json|text|yaml|properties|xml)$";
        let value_type = value_type.ok_or_else(|| ConfigError::field("KVDoc.ValueType", type_rule))?;
        let status = check_status(&self.status)?;
        let Self { key, value, priority, check, .. } = self;
        require(PRIORITIES.contains(&priority), "KVDoc.Priority", "min = -1, max = 2147483647")?;
        let is_check = check.len() <= CHECK_MAX && !check.chars().any(char::is_control);
        require(is_check, "KVDoc.Checker", "max = 160, no control characters")?;
        Ok(Checked { key, labels, value, value_type, status, priority, check })
    }
}

impl Patch {
    pub(crate) fn check(&self) -> Result<Option<Status>, ConfigError> {
        check_value(&self.value)?;
        check_status(&self.status)
    }
}

fn require(holds: bool, field: &str, rule: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::field(field, rule)) }
}

pub(crate) fn check_key(key: &str) -> Result<(), ConfigError> {
    const FIELD: &str = "KVDoc.Key";
    require(!key.is_empty(), FIELD, "min = 1")?;
    require(key.len() <= KEY_MAX, FIELD, "max = 2048")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
    require(is_key, FIELD, KEY_RULE)
}

/// A value may be any text. A NUL would end it early in what many clients write it to.
pub(crate) fn check_value(value: &str) -> Result<(), ConfigError> {
    const FIELD: &str = "KVDoc.Value";
    require(value.len() <= VALUE_MAX, FIELD, "max = 131072")?;
    require(!value.contains('\0'), FIELD, "no NUL")
}

fn check_status(word: &str) -> Result<Option<Status>, ConfigError> {
    if word.is_empty() {
        return Ok(None);
    }
    Status::parse(word).map(Some).ok_or_else(|| ConfigError::field("KVDoc.Status", STATUS_RULE))
}

/// The labels that a caller asks for.
pub(crate) fn check_selector(labels: &Labels) -> Result<(), ConfigError> {
    check_labels(labels, SELECTOR_MAX)
}

fn check_labels(labels: &Labels, most: usize) -> Result<(), ConfigError> {
    const FIELD: &str = "KVDoc.Labels";
    require(labels.len() <= most, FIELD, &format!("max = {most}"))?;
    for (name, value) in labels.iter() {
        let is_name = !name.is_empty() && name.len() <= LABEL_NAME_MAX && is_word(name);
        require(is_name, FIELD, LABEL_NAME_RULE)?;
        check_label_value(value)?;
    }
    Ok(())
}

pub(crate) fn check_label_value(value: &str) -> Result<(), ConfigError> {
    let is_value = value.len() <= LABEL_VALUE_MAX && is_word(value);
    require(is_value, "KVDoc.Labels", LABEL_VALUE_RULE)
}

/// Letters, digits, `_-.`, with a letter or digit at both ends; or nothing.
fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_ends = match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric(),
        _ => true,
    };
    has_ends && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
}
