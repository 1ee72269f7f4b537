//! What a rule asks of a call: its path, method, header fields, query, cookies and where it comes from.
//! It must accept no condition that a proxy could not decide within a bound.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{bounded, checked, given};
use super::words::{Cidr, Name};

/// Matches of one rule.
pub(super) const MATCHES_MAX: usize = 16;
/// Fields of one kind that a match asks for. Source: Gateway API, `HTTPRouteMatch.headers`.
const FIELDS_MAX: usize = 16;
/// The longest name of a header field, a parameter or a cookie, in bytes.
pub(super) const FIELD_NAME_BYTES_MAX: usize = 256;
/// The longest value that is compared with, in bytes: a path, a prefix, a regular expression.
const VALUE_BYTES_MAX: usize = 1024;
/// The longest method, in bytes.
const METHOD_BYTES_MAX: usize = 32;
/// Segments of a template.
const SEGMENTS_MAX: usize = 64;
/// Properties of an instance that a rule asks for.
pub(super) const PROPERTIES_MAX: usize = 16;
/// The longest value of a property, in bytes.
const PROPERTY_BYTES_MAX: usize = 256;

/// What a call has to be: all parts that are given hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallMatch {
    /// The path of the request's target, as it was sent, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "path")]
    #[cfg_attr(feature = "schema", schemars(with = "PathMatch"))]
    pub path: Option<PathMatch>,
    /// The method, in capitals.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "method")]
    #[cfg_attr(feature = "schema", schemars(with = "String", regex(pattern = "^[A-Z0-9_-]{1,32}$")))]
    pub method: Option<String>,
    /// Header fields; names are compared without case.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "headers")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = FIELDS_MAX)))]
    pub headers: Vec<FieldMatch>,
    /// Parameters of the query; names and values are compared decoded.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "query_params")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = FIELDS_MAX)))]
    pub query_params: Vec<FieldMatch>,
    /// Cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "cookies")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = FIELDS_MAX)))]
    pub cookies: Vec<FieldMatch>,
    /// Who calls.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "source")]
    #[cfg_attr(feature = "schema", schemars(with = "SourceMatch"))]
    pub source: Option<SourceMatch>,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathMatch {
    /// How it is compared.
    #[serde(rename = "type", default)]
    pub kind: PathKind,
    /// What with.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = VALUE_BYTES_MAX)))]
    pub value: String,
}

/// How a path is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PathKind {
    /// It is the value.
    Exact,
    /// It begins with the segments of the value.
    #[default]
    PathPrefix,
    /// The whole of it fits the regular expression.
    RegularExpression,
    /// It has the segments of the value, of which `{NAME}` stands for any one.
    Template,
}

/// A header field, a parameter of the query or a cookie. It may be there several times: one of them has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("if" = super::schema::asks_for_presence(), "then" = {"properties": {"value": false}}, "else" = {"required": ["value"]})))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldMatch {
    /// Its name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = FIELD_NAME_BYTES_MAX)))]
    pub name: String,
    /// How its value is compared.
    #[serde(rename = "type", default)]
    pub kind: ValueKind,
    /// What with; absent for `Present` and `Absent`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = VALUE_BYTES_MAX)))]
    pub value: Option<String>,
    /// Turns the answer around, also that for a field which is not there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ValueKind {
    /// It is the value.
    #[default]
    Exact,
    /// It begins with the value.
    Prefix,
    /// It ends with the value.
    Suffix,
    /// The whole of it fits the regular expression.
    RegularExpression,
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is a number above the value.
    Greater,
    /// It is a number not below the value.
    GreaterOrEqual,
    /// It is a number below the value.
    Less,
    /// It is a number not above the value.
    LessOrEqual,
}

impl ValueKind {
    /// Whether it compares numbers.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual)
    }

    /// Whether it only asks whether something is there.
    #[must_use]
    pub const fn is_presence(self) -> bool {
        matches!(self, Self::Present | Self::Absent)
    }
}

/// Who calls: the application beside the proxy that decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceMatch {
    /// Its service.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub service: Option<Name>,
    /// Its application.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub application: Option<Name>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::route::version")]
    #[cfg_attr(feature = "schema", schemars(with = "String", regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    pub version: Option<String>,
    /// Properties of its instance; all of them have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "properties")]
    #[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1, "maxProperties" = PROPERTIES_MAX)))]
    pub properties: BTreeMap<String, String>,
    /// The network that the connection comes from, as `10.0.0.0/8` or `fd00::/8`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Cidr"))]
    pub address: Option<Cidr>,
}

pub(super) fn matches<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CallMatch>, D::Error> {
    let matches: Vec<CallMatch> = bounded(Vec::deserialize(deserializer)?, MATCHES_MAX, "matches")?;
    checked(matches, |matches| match matches.contains(&CallMatch::default()) {
        true => Err("a match says nothing; a rule that takes every call has no matches".to_owned()),
        false => Ok(()),
    })
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathMatch>, D::Error> {
    checked(PathMatch::deserialize(deserializer)?, check_path).map(Some)
}

fn check_path(path: &PathMatch) -> Result<(), String> {
    let value = path.value.as_str();
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        return Err(format!("a path of {} bytes; it has 1 to {VALUE_BYTES_MAX}", value.len()));
    }
    if path.kind == PathKind::RegularExpression {
        return Ok(());
    }
    let is_of_path = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    if !value.starts_with('/') || !value.bytes().all(is_of_path) {
        return Err(format!(
            "{value:?} is no path: it begins with / and has no query, no space and no character that has to be encoded"
        ));
    }
    if path.kind == PathKind::Template { check_template(value) } else { Ok(()) }
}

fn check_template(value: &str) -> Result<(), String> {
    let mut names = Vec::new();
    let segments = value.split('/').skip(1);
    if segments.clone().count() > SEGMENTS_MAX {
        return Err(format!("{value:?} has more than {SEGMENTS_MAX} segments"));
    }
    for segment in segments.filter(|segment| segment.contains(['{', '}'])) {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let name = name.filter(|name| !name.is_empty() && name.bytes().all(is_inner));
        let name = name.ok_or_else(|| {
            format!("{segment:?} is no segment of a template: write {{NAME}} for any one segment, as in /users/{{id}}/orders")
        })?;
        if names.contains(&name) {
            return Err(format!("{value:?} has {{{name}}} twice"));
        }
        names.push(name);
    }
    Ok(())
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(String::deserialize(deserializer)?, |method| {
        let is_of_method =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        match (1..=METHOD_BYTES_MAX).contains(&method.len()) && method.bytes().all(is_of_method) {
            true => Ok(()),
            false => Err(format!("{method:?} is no method; methods are written in capitals, like GET")),
        }
    })
    .map(Some)
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FieldMatch>, D::Error> {
    fields(deserializer, "headers", is_token)
}

fn query_params<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FieldMatch>, D::Error> {
    fields(deserializer, "queryParams", |_| true)
}

fn cookies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FieldMatch>, D::Error> {
    fields(deserializer, "cookies", is_token)
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(name: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    name.bytes().all(is_of_token)
}

fn fields<'de, D: Deserializer<'de>>(
    deserializer: D,
    what: &str,
    is_name: fn(&str) -> bool,
) -> Result<Vec<FieldMatch>, D::Error> {
    let fields: Vec<FieldMatch> = bounded(Vec::deserialize(deserializer)?, FIELDS_MAX, what)?;
    checked(fields, |fields| {
        fields.iter().try_for_each(|field| {
            if !(1..=FIELD_NAME_BYTES_MAX).contains(&field.name.len()) || !is_name(&field.name) {
                return Err(format!("{:?} is no name that {what} can have", field.name));
            }
            check_value(field).map_err(|reason| format!("{what} {:?}: {reason}", field.name))
        })
    })
}

fn check_value(field: &FieldMatch) -> Result<(), String> {
    let kind = field.kind;
    match &field.value {
        Some(_) if kind.is_presence() => Err(format!("type {kind:?} has no value")),
        None if !kind.is_presence() => Err(format!("type {kind:?} needs a value")),
        Some(value) if value.len() > VALUE_BYTES_MAX => {
            Err(format!("a value of {} bytes; it has at most {VALUE_BYTES_MAX}", value.len()))
        }
        Some(value) if kind.is_numeric() && !is_number(value) => {
            Err(format!("{value:?} is no number; type {kind:?} compares with one like 18, -3 or 0.5"))
        }
        _ => Ok(()),
    }
}

fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn source<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SourceMatch>, D::Error> {
    checked(SourceMatch::deserialize(deserializer)?, |source| match *source == SourceMatch::default() {
        true => Err(
            "source says nothing; it names a service, an application, a version, properties or an address"
                .to_owned(),
        ),
        false => Ok(()),
    })
    .map(Some)
}

pub(super) fn properties<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    checked(BTreeMap::<String, String>::deserialize(deserializer)?, |properties| {
        if !(1..=PROPERTIES_MAX).contains(&properties.len()) {
            return Err(format!("{} properties; there have to be 1 to {PROPERTIES_MAX}", properties.len()));
        }
        let is_bounded = |(name, value): (&String, &String)| {
            !name.is_empty() && name.len().max(value.len()) <= PROPERTY_BYTES_MAX
        };
        match properties.iter().all(is_bounded) {
            true => Ok(()),
            false => Err(format!(
                "a property has a name, and name and value have at most {PROPERTY_BYTES_MAX} bytes each"
            )),
        }
    })
}
