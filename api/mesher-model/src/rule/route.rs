//! `kind: Route`: which instances of a service take which of its calls, and in which shares.
//! It must accept no share that a proxy could not keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{bounded, checked, given};
use super::filters::{Filter, filters, filters_of_backend};
use super::matches::{CallMatch, FieldMatch, PathKind, ValueKind, matches, properties};
use super::sticky::Sticky;
use super::timeout::{RouteTimeouts, timeouts};
use super::words::{Name, ServiceName};

/// Rules of one route.
const RULES_MAX: usize = 64;
/// Backends of one rule.
const BACKENDS_MAX: usize = 16;
/// The largest weight. Source: Gateway API, `BackendRef.weight`.
const WEIGHT_MAX: u32 = 1_000_000;
/// Conditions of all rules of one route together: a proxy may have to look at each for one call.
const CONDITIONS_MAX: usize = 512;
/// Regular expressions among them.
const EXPRESSIONS_MAX: usize = 64;
/// Bytes of these expressions together: compiling one may take time in proportion to the square of its length.
const EXPRESSIONS_BYTES_MAX: usize = 16 * 1024;
/// The longest version, in bytes. Source: Service Center v4.
const VERSION_BYTES_MAX: usize = 64;

/// Where the calls of a service go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The service that is called.
    pub service: ServiceName,
    /// The first one whose matches hold decides; where none does, any instance takes the call.
    #[serde(deserialize_with = "rules")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = RULES_MAX)))]
    pub rules: Vec<RouteRule>,
}

/// One rule of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("if" = super::schema::answers(), "then" = {"properties": {"backends": false, "fallback": {"const": "None"}, "sticky": false, "timeouts": false}}, "else" = {"required": ["backends"]})))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteRule {
    /// For people, and for what explains a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Which calls it is about: those for which one of these holds; every call where absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// What is done with the calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "filters")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::filters::filter::FILTERS_MAX)))]
    pub filters: Vec<Filter>,
    /// Where the calls go; at least one of them has a weight. Absent only where a filter answers the calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "backends")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = BACKENDS_MAX)))]
    pub backends: Vec<Backend>,
    /// Who takes the calls for a backend without an instance.
    #[serde(default, skip_serializing_if = "RouteFallback::is_none")]
    pub fallback: RouteFallback,
    /// What decides in place of a count which backend takes a call, so that all calls of a user go to one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Sticky"))]
    pub sticky: Option<Sticky>,
    /// How long the calls may take. They hold in place of what a Timeout or a key says.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "timeouts")]
    #[cfg_attr(feature = "schema", schemars(with = "RouteTimeouts"))]
    pub timeouts: Option<RouteTimeouts>,
}

impl RouteRule {
    /// Whether it says anything of those who would be asked.
    fn asks_somebody(&self) -> bool {
        let is_more = self.sticky.is_some() || self.timeouts.is_some();
        is_more || !self.backends.is_empty() || !self.fallback.is_none()
    }
}

/// Who takes calls for which there is no instance of the kind that a rule wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RouteFallback {
    /// Nobody: they are answered 503.
    #[default]
    None,
    /// Every instance of the service.
    Any,
}

impl RouteFallback {
    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
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
    /// What is done with the calls of this backend, behind what the rule does: changes of header fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "filters_of_backend")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::filters::filter::FILTERS_MAX)))]
    pub filters: Vec<Filter>,
}

/// A tagged part of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subset {
    /// Instances of exactly this version.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "version")]
    #[cfg_attr(feature = "schema", schemars(with = "String", regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    pub version: Option<String>,
    /// Instances with all of these properties.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "properties")]
    #[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1, "maxProperties" = super::matches::PROPERTIES_MAX)))]
    pub properties: BTreeMap<String, String>,
    /// Instances of this zone.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub zone: Option<Name>,
}

impl Subset {
    /// Whether it is the whole service.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.version.is_none() && !self.is_particular()
    }

    /// Whether it asks for more of an instance than its version.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        self.zone.is_some() || !self.properties.is_empty()
    }
}

const fn one() -> u32 {
    1
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RouteRule>, D::Error> {
    let rules: Vec<WholeRule> = bounded(Vec::deserialize(deserializer)?, RULES_MAX, "rules")?;
    let rules = rules.into_iter().map(|WholeRule(rule)| rule).collect();
    checked(rules, |rules: &Vec<RouteRule>| {
        let matches = || rules.iter().flat_map(|rule| &rule.matches);
        for (what, count, most) in [
            ("conditions", matches().map(conditions).sum::<usize>(), CONDITIONS_MAX),
            ("regular expressions", matches().flat_map(expressions).count(), EXPRESSIONS_MAX),
            (
                "bytes of regular expressions",
                matches().flat_map(expressions).map(str::len).sum(),
                EXPRESSIONS_BYTES_MAX,
            ),
        ] {
            if count > most {
                return Err(format!("{count} {what}; all matches of a route have at most {most} together"));
            }
        }
        Ok(())
    })
}

/// A rule whose parts fit each other, so that a fault is told where the rule stands.
struct WholeRule(RouteRule);

impl<'de> Deserialize<'de> for WholeRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(RouteRule::deserialize(deserializer)?, check_rule).map(Self)
    }
}

fn check_rule(rule: &RouteRule) -> Result<(), String> {
    let answering = rule.filters.iter().map(Filter::kind).find(|kind| kind.answers());
    match answering {
        Some(kind) if rule.asks_somebody() => {
            return Err(format!(
                "{kind} answers the calls of its rule itself: backends, fallback, sticky and timeouts would have no effect"
            ));
        }
        None if rule.backends.is_empty() => {
            return Err("missing field `backends`: nobody would take a call".to_owned());
        }
        _ => {}
    }
    let is_of_prefix =
        |part: &CallMatch| part.path.as_ref().is_some_and(|path| path.kind == PathKind::PathPrefix);
    if rule.filters.iter().any(Filter::replaces_prefix) && !rule.matches.iter().all(is_of_prefix) {
        return Err(
            "ReplacePrefixMatch replaces what a match of type PathPrefix found: every match of its rule has such a path"
                .to_owned(),
        );
    }
    Ok(())
}

fn fields(part: &CallMatch) -> impl Iterator<Item = &FieldMatch> {
    part.headers.iter().chain(&part.query_params).chain(&part.cookies)
}

fn conditions(part: &CallMatch) -> usize {
    let others = [part.path.is_some(), part.method.is_some(), part.source.is_some()];
    fields(part).count() + others.into_iter().filter(|is_given| *is_given).count()
}

fn expressions(part: &CallMatch) -> impl Iterator<Item = &str> {
    let of_path = part.path.iter().filter(|path| path.kind == PathKind::RegularExpression);
    let of_fields = fields(part).filter(|field| field.kind == ValueKind::RegularExpression);
    let of_path = of_path.map(|path| path.value.as_str());
    of_path.chain(of_fields.filter_map(|field| field.value.as_deref()))
}

fn backends<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Backend>, D::Error> {
    let backends: Vec<Backend> = bounded(Vec::deserialize(deserializer)?, BACKENDS_MAX, "backends")?;
    if backends.iter().all(|backend| backend.weight == 0) {
        return Err(serde::de::Error::custom("no backend has a weight: nobody would take a call"));
    }
    Ok(backends)
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let weight = i64::deserialize(deserializer)?;
    u32::try_from(weight).ok().filter(|weight| *weight <= WEIGHT_MAX).ok_or_else(|| {
        serde::de::Error::custom(format_args!(
            "{weight} is no weight: it is a whole number from 0 to {WEIGHT_MAX}"
        ))
    })
}

pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let version = String::deserialize(deserializer)?;
    let is_version = (1..=VERSION_BYTES_MAX).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_version {
        return Ok(Some(version));
    }
    Err(serde::de::Error::custom(format_args!("{version:?} is no version; versions are written like 0.0.2")))
}
