//! `kind: RateLimit`: how many calls a service takes, or is sent, in a time.
//! It must accept no limit that a proxy could not count exactly.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::bounds::{bounded, checked, given};
use super::matches::{CallMatch, FIELD_NAME_BYTES_MAX, is_token, matches};
use super::side::Side;
use super::words::{Name, ServiceName, Span};

/// Limits of one document.
const LIMITS_MAX: usize = 64;
/// Requests of one interval, and of a burst.
pub(super) const REQUESTS_MAX: u32 = 1_000_000;

/// Limits of the calls to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// Whose proxy counts and refuses: that of the service, or those of its callers.
    #[serde(default = "provider", skip_serializing_if = "is_provider")]
    pub side: Side,
    /// Every one of them that is about a call has to allow it.
    #[serde(deserialize_with = "limits")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LIMITS_MAX)))]
    pub limits: Vec<Limit>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// What callers, metrics and explanations call it.
    pub name: Name,
    /// The calls that it is about; every call where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// So many pass in each interval, spread over it.
    #[serde(deserialize_with = "requests")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = REQUESTS_MAX)))]
    pub requests: u32,
    /// From `1ms` on.
    #[serde(default = "second", deserialize_with = "interval")]
    pub interval: Span,
    /// So many may pass at once after a silence; as many as `requests` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "burst")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(min = 1, max = REQUESTS_MAX)))]
    pub burst: Option<u32>,
    /// Who has the limit for itself; all calls have it together where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Per"))]
    pub per: Option<Per>,
    /// Who counts together.
    #[serde(default, skip_serializing_if = "Scope::is_proxy")]
    pub scope: Scope,
}

/// Whose calls are counted apart from those of others. Written as `Caller`, or as `{header: NAME}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Per {
    /// Those of each calling service, as it names itself. A proxy of callers has one.
    Caller,
    /// Those with each value of a header field, whose name is compared without case. Calls without it are counted together.
    Header(String),
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Scope {
    /// Those of one proxy: each has the whole limit.
    #[default]
    Proxy,
    /// Those of all proxies: the limit is divided among them.
    Mesh,
}

impl Scope {
    const fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxy)
    }
}

const fn provider() -> Side {
    Side::Provider
}

const fn is_provider(side: &Side) -> bool {
    matches!(side, Side::Provider)
}

fn second() -> Span {
    Span::try_from("1s").expect("a second is a span")
}

fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Limit>, D::Error> {
    let limits: Vec<Limit> = bounded(Vec::deserialize(deserializer)?, LIMITS_MAX, "limits")?;
    checked(limits, |limits: &Vec<Limit>| {
        let mut names = HashSet::new();
        for limit in limits {
            if !names.insert(&limit.name) {
                return Err(format!("two limits are called {:?}", limit.name.as_str()));
            }
            if limit.scope == Scope::Mesh && limit.per.is_some() {
                return Err(format!(
                    "limit {}: scope: Mesh counts all calls together, and has no per",
                    limit.name
                ));
            }
        }
        Ok(())
    })
}

fn requests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    checked(u32::deserialize(deserializer)?, |requests| match requests {
        1..=REQUESTS_MAX => Ok(()),
        _ => {
            Err(format!("{requests} requests; there are 1 to {REQUESTS_MAX} in an interval, and in a burst"))
        }
    })
}

fn burst<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    requests(deserializer).map(Some)
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    checked(Span::deserialize(deserializer)?, |interval| match interval.duration().is_zero() {
        true => Err("an interval of 0s has no rate".to_owned()),
        false => Ok(()),
    })
}

impl fmt::Display for Per {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => formatter.write_str("caller"),
            Self::Header(name) => write!(formatter, "value of {name}"),
        }
    }
}

impl Serialize for Per {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Caller => serializer.serialize_str("Caller"),
            Self::Header(name) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("header", name)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Per {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Per;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("Caller, or {header: NAME}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Per, E> {
                match text {
                    "Caller" => Ok(Per::Caller),
                    other => Err(E::custom(format_args!(
                        "unknown per {other:?}; write Caller, or {{header: NAME}}"
                    ))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Per, A::Error> {
                let mut named = None;
                while let Some(member) = map.next_key::<String>()? {
                    if member != "header" || named.is_some() {
                        return Err(A::Error::custom("per names one header, as {header: NAME}"));
                    }
                    named = Some(map.next_value::<String>()?);
                }
                let name = named.ok_or_else(|| A::Error::missing_field("header"))?;
                if (1..=FIELD_NAME_BYTES_MAX).contains(&name.len()) && is_token(&name) {
                    return Ok(Per::Header(name));
                }
                Err(A::Error::custom(format_args!("{name:?} is no name of a header")))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
