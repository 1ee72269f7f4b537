//! Header fields that a rule sets, adds and removes.
//! It must refuse what frames a message, ends at a connection or is the mesh's own: such a field says what is, not what a rule wants.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::super::bounds::{bounded, checked};
use super::super::matches::is_token;

/// Fields in each list of a filter. Source: Gateway API, `HTTPHeaderFilter`.
pub(super) const LINES_MAX: usize = 16;
/// The longest name of a field, in bytes. Source: Gateway API, `HTTPHeaderName`.
const NAME_BYTES_MAX: usize = 256;
/// The longest value, in bytes. Source: Gateway API, `HTTPHeader.value`.
const VALUE_BYTES_MAX: usize = 4096;

/// Names that no rule may touch, in lower case with hyphens, and why.
const REFUSED: [(&str, &str); 18] = [
    ("host", "use URLRewrite with hostname"),
    ("content-length", "it frames the body"),
    ("transfer-encoding", "it frames the body"),
    ("trailer", "it announces a part of the body"),
    ("expect", "it is an agreement between the two ends of a connection"),
    ("connection", "it ends at each connection"),
    ("keep-alive", "it ends at each connection"),
    ("proxy-connection", "it ends at each connection"),
    ("proxy-authenticate", "it ends at each connection"),
    ("proxy-authorization", "it ends at each connection"),
    ("te", "it ends at each connection"),
    ("upgrade", "it ends at each connection"),
    ("via", "the mesh writes it"),
    ("x-cse-context", "the mesh writes it"),
    ("x-cse-src-microservice", "the mesh writes it"),
    ("x-mesher-mirror", "the mesh writes it"),
    ("x-mesher-retries", "the mesh writes it"),
    ("x-mesher-timeout", "the mesh writes it"),
];

/// What becomes of header fields. Names are compared without case, and each may stand in one of the lists, once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderModifier {
    /// Each stands in place of all fields of its name, and is there also where none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "set")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LINES_MAX)))]
    pub set: Vec<HeaderLine>,
    /// Each is a further line behind those of its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "add")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LINES_MAX)))]
    pub add: Vec<HeaderLine>,
    /// Names of fields that do not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "remove")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LINES_MAX)))]
    pub remove: Vec<String>,
}

/// One line of a head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderLine {
    /// The name of the field.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = NAME_BYTES_MAX)))]
    pub name: String,
    /// Its value: visible ASCII, with spaces and tabs inside.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = VALUE_BYTES_MAX)))]
    pub value: String,
}

/// Reads the member of a filter.
pub(super) fn modifier<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<HeaderModifier>, D::Error> {
    checked(HeaderModifier::deserialize(deserializer)?, |modifier| {
        let lines = modifier.set.iter().chain(&modifier.add).map(|line| &line.name);
        let mut names = BTreeSet::new();
        for name in lines.chain(&modifier.remove) {
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(format!("{name:?} is named twice; a name stands in one of set, add and remove"));
            }
        }
        match names.is_empty() {
            true => Err("a header modifier says nothing; it has set, add or remove".to_owned()),
            false => Ok(()),
        }
    })
    .map(Some)
}

fn set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderLine>, D::Error> {
    lines(deserializer, "fields to set")
}

fn add<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderLine>, D::Error> {
    lines(deserializer, "fields to add")
}

fn remove<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names: Vec<String> = bounded(Vec::deserialize(deserializer)?, LINES_MAX, "fields to remove")?;
    checked(names, |names| names.iter().try_for_each(|name| check_name(name)))
}

fn lines<'de, D: Deserializer<'de>>(deserializer: D, what: &str) -> Result<Vec<HeaderLine>, D::Error> {
    let lines: Vec<HeaderLine> = bounded(Vec::deserialize(deserializer)?, LINES_MAX, what)?;
    checked(lines, |lines| lines.iter().try_for_each(check_line))
}

/// Whether a rule may write this line.
pub(super) fn check_line(line: &HeaderLine) -> Result<(), String> {
    check_name(&line.name)?;
    check_value(&line.value).map_err(|reason| format!("{:?}: {reason}", line.name))
}

/// A name as what counts is compared: many servers take these characters for hyphens.
pub(super) fn spelled(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Why no rule and no handler may set a field so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FieldFault(String);

/// Whether a field of this name may be changed.
///
/// # Errors
/// Why not.
pub fn check_field_name(name: &str) -> Result<(), FieldFault> {
    check_name(name).map_err(FieldFault)
}

/// Whether a field can have this value.
///
/// # Errors
/// Why not.
pub fn check_field_value(value: &str) -> Result<(), FieldFault> {
    check_value(value).map_err(FieldFault)
}

fn check_name(name: &str) -> Result<(), String> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !is_token(name) {
        return Err(format!("{name:?} is no name of a header field"));
    }
    // What only looks like a field that counts is refused with it.
    let spelled = spelled(name);
    match REFUSED.iter().find(|(refused, _)| *refused == spelled) {
        Some((_, reason)) => Err(format!("{name:?} is not for a rule to change: {reason}")),
        None => Ok(()),
    }
}

/// RFC 9110 §5.5, without the bytes beyond ASCII that it allows for old times' sake.
fn check_value(value: &str) -> Result<(), String> {
    let is_of_value = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    let is_bounded = (1..=VALUE_BYTES_MAX).contains(&value.len());
    if is_bounded && value.trim_ascii() == value && value.bytes().all(is_of_value) {
        return Ok(());
    }
    Err(format!(
        "a value has 1 to {VALUE_BYTES_MAX} bytes of visible ASCII, with spaces and tabs inside, none around it"
    ))
}
