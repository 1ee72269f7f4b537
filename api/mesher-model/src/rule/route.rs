//! `kind: Route`: which versions of a service take its calls, and in which shares.
//! It must accept no share that a proxy could not keep.

use serde::{Deserialize, Deserializer, Serialize};

use super::words::{Name, ServiceName};

/// Rules of one route.
const RULES_MAX: usize = 64;
/// Backends of one rule.
const BACKENDS_MAX: usize = 16;
/// The largest weight. Source: Gateway API, `BackendRef.weight`.
const WEIGHT_MAX: u32 = 1_000_000;
/// The longest version, in bytes. Source: Service Center v4.
const VERSION_BYTES_MAX: usize = 64;

/// Where the calls of a service go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The service that is called.
    pub service: ServiceName,
    /// The first one decides.
    #[serde(deserialize_with = "rules")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = RULES_MAX)))]
    pub rules: Vec<RouteRule>,
}

/// One rule of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteRule {
    /// For people, and for what explains a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Where the calls go; at least one of them has a weight.
    #[serde(deserialize_with = "backends")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = BACKENDS_MAX)))]
    pub backends: Vec<Backend>,
}

/// A share of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    /// Which instances take it; all of them where absent.
    #[serde(default, skip_serializing_if = "Subset::is_all")]
    pub subset: Subset,
    /// Its share, among the weights of the rule, 0 to 1,000,000; 0: no calls.
    #[serde(default = "one", deserialize_with = "weight")]
    #[cfg_attr(feature = "schema", schemars(range(max = WEIGHT_MAX)))]
    pub weight: u32,
}

/// A tagged part of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subset {
    /// Instances of exactly this version.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "version")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    pub version: Option<String>,
}

impl Subset {
    /// Whether it is the whole service.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.version.is_none()
    }
}

const fn one() -> u32 {
    1
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RouteRule>, D::Error> {
    bounded(Vec::deserialize(deserializer)?, RULES_MAX, "rules")
}

fn backends<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Backend>, D::Error> {
    let backends: Vec<Backend> = bounded(Vec::deserialize(deserializer)?, BACKENDS_MAX, "backends")?;
    if backends.iter().all(|backend| backend.weight == 0) {
        return Err(serde::de::Error::custom("no backend has a weight: nobody would take a call"));
    }
    Ok(backends)
}

fn bounded<T, E: serde::de::Error>(items: Vec<T>, most: usize, what: &str) -> Result<Vec<T>, E> {
    if (1..=most).contains(&items.len()) {
        return Ok(items);
    }
    Err(E::custom(format_args!("{} {what}; there have to be 1 to {most}", items.len())))
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let weight = i64::deserialize(deserializer)?;
    u32::try_from(weight).ok().filter(|weight| *weight <= WEIGHT_MAX).ok_or_else(|| {
        serde::de::Error::custom(format_args!(
            "{weight} is no weight: it is a whole number from 0 to {WEIGHT_MAX}"
        ))
    })
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let version = String::deserialize(deserializer)?;
    let is_version = (1..=VERSION_BYTES_MAX).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_version {
        return Ok(Some(version));
    }
    Err(serde::de::Error::custom(format_args!("{version:?} is no version; versions are written like 0.0.2")))
}
