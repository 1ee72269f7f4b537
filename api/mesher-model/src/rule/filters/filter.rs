//! The frame of a filter: its type, and one member that is called after it.
//! It must refuse a filter beside which another has no effect: whoever wrote it relies on it.

use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::super::bounds::bounded;
use super::fields::{HeaderModifier, modifier};

/// Filters of one rule. Source: Gateway API, `HTTPRouteRule.filters`.
pub(in super::super) const FILTERS_MAX: usize = 16;

/// What is done with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Changes header fields of the request.
    RequestHeaderModifier(HeaderModifier),
    /// Changes header fields of the answer.
    ResponseHeaderModifier(HeaderModifier),
}

/// The type of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FilterKind {
    /// Changes header fields of the request.
    RequestHeaderModifier,
    /// Changes header fields of the answer.
    ResponseHeaderModifier,
}

impl FilterKind {
    /// Every type.
    pub const ALL: [Self; 2] = [Self::RequestHeaderModifier, Self::ResponseHeaderModifier];

    /// As documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestHeaderModifier => "RequestHeaderModifier",
            Self::ResponseHeaderModifier => "ResponseHeaderModifier",
        }
    }

    /// The member that says more.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::RequestHeaderModifier => "requestHeaderModifier",
            Self::ResponseHeaderModifier => "responseHeaderModifier",
        }
    }
}

impl fmt::Display for FilterKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Filter {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> FilterKind {
        match self {
            Self::RequestHeaderModifier(_) => FilterKind::RequestHeaderModifier,
            Self::ResponseHeaderModifier(_) => FilterKind::ResponseHeaderModifier,
        }
    }
}

/// A filter as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    #[serde(rename = "type")]
    kind: FilterKind,
    #[serde(default, deserialize_with = "modifier")]
    request_header_modifier: Option<HeaderModifier>,
    #[serde(default, deserialize_with = "modifier")]
    response_header_modifier: Option<HeaderModifier>,
}

impl Form {
    fn into_filter(self) -> Result<Filter, String> {
        let Self { kind, request_header_modifier, response_header_modifier } = self;
        let given = [
            request_header_modifier.map(Filter::RequestHeaderModifier),
            response_header_modifier.map(Filter::ResponseHeaderModifier),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(filter), None) if filter.kind() == kind => Ok(filter),
            _ => Err(format!("a filter of type {kind} has the member {} and no other", kind.member())),
        }
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer)?.into_filter().map_err(D::Error::custom)
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", &self.kind())?;
        let member = self.kind().member();
        match self {
            Self::RequestHeaderModifier(modifier) | Self::ResponseHeaderModifier(modifier) => {
                map.serialize_entry(member, modifier)?;
            }
        }
        map.end()
    }
}

/// Reads the filters of a rule.
pub(in super::super) fn filters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Filter>, D::Error> {
    let filters: Vec<Filter> = bounded(Vec::deserialize(deserializer)?, FILTERS_MAX, "filters")?;
    for (place, filter) in filters.iter().enumerate() {
        let kind = filter.kind();
        if filters.iter().take(place).any(|other| other.kind() == kind) {
            return Err(D::Error::custom(format_args!("a filter of type {kind} stands there twice")));
        }
    }
    Ok(filters)
}

/// Reads the filters of a backend, which can only be about header fields.
pub(in super::super) fn filters_of_backend<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Filter>, D::Error> {
    filters(deserializer)
}
