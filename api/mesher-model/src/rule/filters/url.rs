//! Other places for a call: a URL that the callee gets in place of the caller's, and one that the caller is sent to.
//! It must accept no path and no host that a head could not carry as they stand.

use serde::de::{Deserializer, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::super::bounds::{checked, given};
use super::super::words::Name;

/// The longest path that takes the place of another, in bytes. Source: Gateway API, `HTTPPathModifier`.
pub(in super::super) const PATH_BYTES_MAX: usize = 1024;
/// Statuses of redirects. Source: Gateway API, `HTTPRequestRedirectFilter.statusCode`.
pub(in super::super) const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// What the callee is asked in place of what the caller asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UrlRewrite {
    /// The host that the callee is told. A port that the caller named stays. Who takes the call does not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub hostname: Option<Name>,
    /// The path; the query stays.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "PathModifier"))]
    pub path: Option<PathModifier>,
}

/// Where the caller is sent. What is not given stays as the caller asked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("anyOf" = super::super::schema::any_required(["scheme", "hostname", "path", "port"]))))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRedirect {
    /// The scheme.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Scheme"))]
    pub scheme: Option<Scheme>,
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub hostname: Option<Name>,
    /// The path; the query stays.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "PathModifier"))]
    pub path: Option<PathModifier>,
    /// The port. Where it is absent: that of the scheme, where one is given; else the one that the caller named.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "port")]
    #[cfg_attr(feature = "schema", schemars(with = "u16", range(min = 1)))]
    pub port: Option<u16>,
    /// The status of the answer.
    #[serde(default = "found", deserialize_with = "status_code")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = REDIRECTS)))]
    pub status_code: u16,
}

/// The scheme of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// Another path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathModifier {
    /// In place of the whole path.
    ReplaceFullPath(String),
    /// In place of the prefix that a match of type `PathPrefix` found.
    ReplacePrefixMatch(String),
}

/// A path modifier as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    #[serde(rename = "type")]
    kind: FormKind,
    #[serde(default, deserialize_with = "given")]
    replace_full_path: Option<String>,
    #[serde(default, deserialize_with = "given")]
    replace_prefix_match: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum FormKind {
    ReplaceFullPath,
    ReplacePrefixMatch,
}

impl Form {
    fn into_modifier(self) -> Result<PathModifier, String> {
        match (self.kind, self.replace_full_path, self.replace_prefix_match) {
            (FormKind::ReplaceFullPath, Some(path), None) => {
                check_path(&path)?;
                Ok(PathModifier::ReplaceFullPath(path))
            }
            (FormKind::ReplacePrefixMatch, None, Some(prefix)) => {
                // Nothing in place of the prefix: that takes it away.
                if !prefix.is_empty() {
                    check_path(&prefix)?;
                }
                Ok(PathModifier::ReplacePrefixMatch(prefix))
            }
            (FormKind::ReplaceFullPath, ..) => {
                Err("type ReplaceFullPath has the member replaceFullPath and no other".to_owned())
            }
            (FormKind::ReplacePrefixMatch, ..) => {
                Err("type ReplacePrefixMatch has the member replacePrefixMatch and no other".to_owned())
            }
        }
    }
}

impl<'de> Deserialize<'de> for PathModifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer)?.into_modifier().map_err(D::Error::custom)
    }
}

impl Serialize for PathModifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let (kind, member, value) = match self {
            Self::ReplaceFullPath(path) => (FormKind::ReplaceFullPath, "replaceFullPath", path),
            Self::ReplacePrefixMatch(prefix) => (FormKind::ReplacePrefixMatch, "replacePrefixMatch", prefix),
        };
        map.serialize_entry("type", &kind)?;
        map.serialize_entry(member, value)?;
        map.end()
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let is_of_path = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    if path.len() <= PATH_BYTES_MAX && path.starts_with('/') && path.bytes().all(is_of_path) {
        return Ok(());
    }
    Err(format!(
        "{path:?} is no path: it begins with /, has at most {PATH_BYTES_MAX} bytes and no query, no space and no character that has to be encoded"
    ))
}

/// Reads the member of a filter.
pub(super) fn rewrite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UrlRewrite>, D::Error> {
    checked(UrlRewrite::deserialize(deserializer)?, |rewrite| match *rewrite == UrlRewrite::default() {
        true => Err("a rewrite says nothing; it has hostname or path".to_owned()),
        false => Ok(()),
    })
    .map(Some)
}

/// Reads the member of a filter.
pub(super) fn redirect<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<RequestRedirect>, D::Error> {
    checked(RequestRedirect::deserialize(deserializer)?, |redirect| {
        let RequestRedirect { scheme, hostname, path, port, status_code: _ } = redirect;
        match (scheme, hostname, path, port) {
            (None, None, None, None) => {
                Err("a redirect leads back to where it came from; it has scheme, hostname, path or port"
                    .to_owned())
            }
            _ => Ok(()),
        }
    })
    .map(Some)
}

const fn found() -> u16 {
    302
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let port = i64::deserialize(deserializer)?;
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(D::Error::custom(format_args!("{port} is no port: it is a whole number from 1 to 65535"))),
    }
}

fn status_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status = i64::deserialize(deserializer)?;
    let known = REDIRECTS.into_iter().find(|known| i64::from(*known) == status);
    known.ok_or_else(|| {
        let known = REDIRECTS.map(|known| known.to_string()).join(", ");
        D::Error::custom(format_args!("{status} is no status of a redirect; there are {known}"))
    })
}
