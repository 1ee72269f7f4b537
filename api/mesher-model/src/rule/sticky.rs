//! What calls of one user have in common, so that they all go to one side.
//! It must not say who goes where: that is `mesher-traffic`'s.

use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::bounds::given;
use super::matches::{FIELD_NAME_BYTES_MAX, is_token};

/// A value of a call that decides which backend takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// That of a header field, whose name is compared without case.
    Header(String),
    /// That of a cookie, as it was sent.
    Cookie(String),
    /// That of a parameter of the query, decoded.
    QueryParam(String),
}

/// As it is written: one of the members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    #[serde(default, deserialize_with = "given")]
    header: Option<String>,
    #[serde(default, deserialize_with = "given")]
    cookie: Option<String>,
    #[serde(default, deserialize_with = "given")]
    query_param: Option<String>,
}

impl Sticky {
    /// The member that it is written as.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Cookie(_) => "cookie",
            Self::QueryParam(_) => "queryParam",
        }
    }

    /// The name of the field, the cookie or the parameter.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Header(name) | Self::Cookie(name) | Self::QueryParam(name) => name,
        }
    }
}

impl Sticky {
    /// What is wrong with its name, in a sentence.
    pub(super) fn check_name(&self) -> Result<(), String> {
        let name = self.name();
        let is_name = (1..=FIELD_NAME_BYTES_MAX).contains(&name.len())
            && (matches!(self, Self::QueryParam(_)) || is_token(name));
        if is_name { Ok(()) } else { Err(format!("{name:?} is no name of a {}", self.member())) }
    }
}

impl fmt::Display for Sticky {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.member(), self.name())
    }
}

impl<'de> Deserialize<'de> for Sticky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { header, cookie, query_param } = Form::deserialize(deserializer)?;
        let given = [header.map(Self::Header), cookie.map(Self::Cookie), query_param.map(Self::QueryParam)];
        let mut given = given.into_iter().flatten();
        let (Some(sticky), None) = (given.next(), given.next()) else {
            return Err(D::Error::custom("sticky names one of header, cookie and queryParam"));
        };
        sticky.check_name().map_err(D::Error::custom)?;
        Ok(sticky)
    }
}

impl Serialize for Sticky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.member(), self.name())?;
        map.end()
    }
}
