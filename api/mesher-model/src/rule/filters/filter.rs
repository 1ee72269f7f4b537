//! The frame of a filter: its type, and one member that is called after it.
//! It must refuse a filter beside which another has no effect: whoever wrote it relies on it.

use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::super::bounds::bounded;
use super::answer::{DirectResponse, response};
use super::fields::{HeaderModifier, modifier};
use super::mirror::{RequestMirror, mirror};
use super::url::{PathModifier, RequestRedirect, UrlRewrite, redirect, rewrite};

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
    /// Changes host and path of the request.
    UrlRewrite(UrlRewrite),
    /// Sends the caller elsewhere.
    RequestRedirect(RequestRedirect),
    /// Answers the caller.
    DirectResponse(DirectResponse),
    /// Sends somebody else a copy.
    RequestMirror(RequestMirror),
}

/// The type of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FilterKind {
    /// Changes header fields of the request.
    RequestHeaderModifier,
    /// Changes header fields of the answer.
    ResponseHeaderModifier,
    /// Changes host and path of the request.
    #[serde(rename = "URLRewrite")]
    UrlRewrite,
    /// Sends the caller elsewhere.
    RequestRedirect,
    /// Answers the caller.
    DirectResponse,
    /// Sends somebody else a copy.
    RequestMirror,
}

impl FilterKind {
    /// Every type.
    pub const ALL: [Self; 6] = [
        Self::RequestHeaderModifier,
        Self::ResponseHeaderModifier,
        Self::UrlRewrite,
        Self::RequestRedirect,
        Self::DirectResponse,
        Self::RequestMirror,
    ];

    /// As documents write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestHeaderModifier => "RequestHeaderModifier",
            Self::ResponseHeaderModifier => "ResponseHeaderModifier",
            Self::UrlRewrite => "URLRewrite",
            Self::RequestRedirect => "RequestRedirect",
            Self::DirectResponse => "DirectResponse",
            Self::RequestMirror => "RequestMirror",
        }
    }

    /// The member that says more.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::RequestHeaderModifier => "requestHeaderModifier",
            Self::ResponseHeaderModifier => "responseHeaderModifier",
            Self::UrlRewrite => "urlRewrite",
            Self::RequestRedirect => "requestRedirect",
            Self::DirectResponse => "directResponse",
            Self::RequestMirror => "requestMirror",
        }
    }

    /// Whether it only changes header fields.
    #[must_use]
    pub const fn is_about_fields(self) -> bool {
        matches!(self, Self::RequestHeaderModifier | Self::ResponseHeaderModifier)
    }

    /// Whether it answers a call, so that nobody else is asked.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::RequestRedirect | Self::DirectResponse)
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
            Self::UrlRewrite(_) => FilterKind::UrlRewrite,
            Self::RequestRedirect(_) => FilterKind::RequestRedirect,
            Self::DirectResponse(_) => FilterKind::DirectResponse,
            Self::RequestMirror(_) => FilterKind::RequestMirror,
        }
    }

    /// Whether it puts something in place of the prefix that a match found.
    pub(in super::super) const fn replaces_prefix(&self) -> bool {
        let path = match self {
            Self::UrlRewrite(rewrite) => &rewrite.path,
            Self::RequestRedirect(redirect) => &redirect.path,
            _ => return false,
        };
        matches!(path, Some(PathModifier::ReplacePrefixMatch(_)))
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
    #[serde(default, deserialize_with = "rewrite")]
    url_rewrite: Option<UrlRewrite>,
    #[serde(default, deserialize_with = "redirect")]
    request_redirect: Option<RequestRedirect>,
    #[serde(default, deserialize_with = "response")]
    direct_response: Option<DirectResponse>,
    #[serde(default, deserialize_with = "mirror")]
    request_mirror: Option<RequestMirror>,
}

impl Form {
    fn into_filter(self) -> Result<Filter, String> {
        let kind = self.kind;
        let given = [
            self.request_header_modifier.map(Filter::RequestHeaderModifier),
            self.response_header_modifier.map(Filter::ResponseHeaderModifier),
            self.url_rewrite.map(Filter::UrlRewrite),
            self.request_redirect.map(Filter::RequestRedirect),
            self.direct_response.map(Filter::DirectResponse),
            self.request_mirror.map(Filter::RequestMirror),
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
            Self::UrlRewrite(rewrite) => map.serialize_entry(member, rewrite)?,
            Self::RequestRedirect(redirect) => map.serialize_entry(member, redirect)?,
            Self::DirectResponse(response) => map.serialize_entry(member, response)?,
            Self::RequestMirror(mirror) => map.serialize_entry(member, mirror)?,
        }
        map.end()
    }
}

/// Reads the filters of a rule.
pub(in super::super) fn filters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Filter>, D::Error> {
    let filters: Vec<Filter> = bounded(Vec::deserialize(deserializer)?, FILTERS_MAX, "filters")?;
    for (place, filter) in filters.iter().enumerate() {
        let kind = filter.kind();
        let may_repeat = kind == FilterKind::RequestMirror;
        if !may_repeat && filters.iter().take(place).any(|other| other.kind() == kind) {
            return Err(D::Error::custom(format_args!("a filter of type {kind} stands there twice")));
        }
    }
    let answering = filters.iter().map(Filter::kind).find(|kind| kind.answers());
    let is_idle = |kind: &FilterKind| {
        answering.is_some_and(|answering| *kind != answering && *kind != FilterKind::ResponseHeaderModifier)
    };
    match (answering, filters.iter().map(Filter::kind).find(is_idle)) {
        (Some(answering), Some(idle)) => Err(D::Error::custom(format_args!(
            "{idle} has no effect beside {answering}, which answers the call itself"
        ))),
        _ => Ok(filters),
    }
}

/// Reads the filters of a backend, which can only be about header fields.
pub(in super::super) fn filters_of_backend<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Filter>, D::Error> {
    let filters = filters(deserializer)?;
    match filters.iter().map(Filter::kind).find(|kind| !kind.is_about_fields()) {
        Some(kind) => Err(D::Error::custom(format_args!(
            "{kind} stands in a rule; a backend has RequestHeaderModifier and ResponseHeaderModifier"
        ))),
        None => Ok(filters),
    }
}
