//! `kind: Balance`: which of several instances that may take a call takes it.
//! It must not know how one is chosen: that is `mesher-traffic`'s.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounds::{checked, given};
use super::matches::{CallMatch, FIELD_NAME_BYTES_MAX, is_token, matches};
use super::route::Subset;
use super::sticky::Sticky;
use super::words::{Name, ServiceName, Span};

/// The property of instances that says their weight, where a rule asks for weights and names none.
pub const WEIGHT_PROPERTY: &str = "weight";
/// The cookie or header field of a session that nobody gave a name.
pub const SESSION_NAME: &str = "mesher-session";
/// The least factor: a zone bears its own part.
const OVERPROVISIONING_MIN: u16 = 100;
/// The largest factor.
const OVERPROVISIONING_MAX: u16 = 1_000;
/// Points of an endpoint on a ring at most.
const RING_POINTS_MAX: u32 = 1_024;
/// The smallest and the largest table of Maglev.
const TABLE_SIZES: [u32; 2] = [251, 655_357];
/// The most failures that end a session.
const FAILURES_MAX: u32 = 1_000;

/// How the calls to a service are balanced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("allOf" = super::schema::fits_strategy())))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct Balance {
    /// The service that is called; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// Which calls it is about: those that a Route sends to this subset; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "subset")]
    #[cfg_attr(feature = "schema", schemars(with = "Subset"))]
    pub subset: Option<Subset>,
    /// Which calls it is about: those for which one of these holds; all where absent. Documents with matches are tried in the
    /// order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "matches")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = super::matches::MATCHES_MAX)))]
    pub matches: Vec<CallMatch>,
    /// How one of several instances is chosen.
    #[serde(default)]
    pub strategy: BalanceStrategy,
    /// With `RingHash` and `Maglev`: the value of a call that decides. Calls without it are spread by chance.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "HashOn"))]
    pub hash_on: Option<HashOn>,
    /// With `PeakEwma`: how long it takes until a peak of latency is forgotten by two thirds; `10s` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "decay_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub decay_time: Option<Span>,
    /// With `RingHash`: points on the ring of an endpoint of weight 1, 1 to 1,024; 160 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "points")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(min = 1, max = RING_POINTS_MAX)))]
    pub points_per_endpoint: Option<u32>,
    /// With `Maglev`: places of the table, a prime from 251 to 655,357; 65,537 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "table_size")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(min = TABLE_SIZES[0], max = TABLE_SIZES[1])))]
    pub table_size: Option<u32>,
    /// The property of instances that says their weight, 0 to 1,000 with up to three decimals; 1 for those without it. With
    /// `Weighted` it is `weight` where absent; with all others there are no weights then.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub weight_property: Option<Name>,
    /// Whether instances of the caller's own zone are preferred; where absent, zones do not count.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "ZonePreference"))]
    pub zone: Option<ZonePreference>,
    /// From the first sight of a new instance to its full share of the calls; it begins with a tenth. At once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub slow_start: Option<Span>,
    /// What keeps calls with the instance that took the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "persistence")]
    #[cfg_attr(feature = "schema", schemars(with = "SessionPersistence"))]
    pub session_persistence: Option<SessionPersistence>,
    /// What is made of an answer 429 or 503 with `Retry-After`.
    #[serde(default, skip_serializing_if = "RetryAfter::is_heed")]
    pub retry_after: RetryAfter,
}

/// How one of several instances is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum BalanceStrategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// By chance.
    Random,
    /// In turn, by their weights.
    Weighted,
    /// Of two by chance the one with fewer calls on their way.
    LeastRequest,
    /// Of two by chance the one whose latency, with its peaks, times its calls is less.
    PeakEwma,
    /// By a value of the call, on a ring.
    RingHash,
    /// By a value of the call, in a table: spread more evenly than on a ring.
    Maglev,
    /// The slower, the less, as long as one answers in more than 10 ms on average; ServiceComb's.
    WeightedResponse,
}

impl BalanceStrategy {
    const fn hashes(self) -> bool {
        matches!(self, Self::RingHash | Self::Maglev)
    }
}

impl fmt::Display for BalanceStrategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// A value of a call that is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashOn {
    /// That of a header field, a cookie, or a parameter of the query.
    Value(Sticky),
    /// The address that the caller's connection comes from.
    SourceAddress,
}

/// As the address is written.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SourceAddress {
    source_address: bool,
}

impl Serialize for HashOn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::SourceAddress => SourceAddress { source_address: true }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for HashOn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Form {
            #[serde(default, deserialize_with = "given")]
            header: Option<String>,
            #[serde(default, deserialize_with = "given")]
            cookie: Option<String>,
            #[serde(default, deserialize_with = "given")]
            query_param: Option<String>,
            #[serde(default)]
            source_address: bool,
        }
        let Form { header, cookie, query_param, source_address } = Form::deserialize(deserializer)?;
        let address = source_address.then_some(Self::SourceAddress);
        let values =
            [header.map(Sticky::Header), cookie.map(Sticky::Cookie), query_param.map(Sticky::QueryParam)];
        let mut given = values.into_iter().flatten().map(Self::Value).chain(address);
        let (Some(hash_on), None) = (given.next(), given.next()) else {
            return Err(serde::de::Error::custom(
                "hashOn names one of header, cookie, queryParam and sourceAddress: true",
            ));
        };
        checked(hash_on, |hash_on| match hash_on {
            Self::Value(value) => value.check_name(),
            Self::SourceAddress => Ok(()),
        })
    }
}

/// How far the own zone is preferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZonePreference {
    /// What is preferred.
    pub prefer: Preferred,
    /// How many percent of its part of the calls a zone can bear, 100 to 1,000. What it cannot bear goes to the other zones of
    /// the region, and then further.
    #[serde(default = "overprovisioning", deserialize_with = "overprovisioning_factor")]
    #[cfg_attr(feature = "schema", schemars(range(min = OVERPROVISIONING_MIN, max = OVERPROVISIONING_MAX)))]
    pub overprovisioning_factor: u16,
}

/// What is preferred to all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Preferred {
    /// Instances of the caller's zone, and behind these those of its region.
    SameZone,
}

/// What keeps calls with one instance. In the words of the Gateway API (GEP-1619), with a type of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("allOf" = super::schema::fits_session())))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionPersistence {
    /// What a session is told by.
    #[serde(rename = "type", default)]
    pub kind: SessionKind,
    /// Name of the cookie or the header field; `mesher-session` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = FIELD_NAME_BYTES_MAX), regex(pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")))]
    pub session_name: Option<String>,
    /// With `Cookie`: for how long it is kept; until the browser is closed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub absolute_timeout: Option<Span>,
    /// With `Caller`: how long there may be no call until another instance is chosen; `30s` where absent, `0s`: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Span"))]
    pub idle_timeout: Option<Span>,
    /// With `Caller`: failures one after the other until another instance is chosen; 5 where absent, 0: any number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "failures")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", range(max = FAILURES_MAX)))]
    pub successive_failures: Option<u32>,
}

/// What a session is told by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SessionKind {
    /// A cookie that the proxy sets with the first answer.
    #[default]
    Cookie,
    /// A header field that the proxy adds to the first answer, and the caller sends from then on.
    Header,
    /// Nothing: all calls of one proxy stay with one instance.
    Caller,
}

/// What is made of a wish to be left alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RetryAfter {
    /// Calls go elsewhere for so long, at most 30 s, as long as there is anybody else.
    #[default]
    Heed,
    /// Nothing.
    Ignore,
}

impl RetryAfter {
    const fn is_heed(&self) -> bool {
        matches!(self, Self::Heed)
    }
}

const fn overprovisioning() -> u16 {
    140
}

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// Members that do not fit each other are refused here: none of them is wrong alone.
impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl Balance {
    /// What of it does not fit together, in a sentence.
    fn check(&self) -> Result<(), String> {
        let strategy = self.strategy;
        if strategy.hashes() != self.hash_on.is_some() {
            return Err(format!(
                "hashOn stands with RingHash and Maglev, which need it, and with no other strategy; this is {strategy}"
            ));
        }
        for (member, is_given, owner) in [
            ("decayTime", self.decay_time.is_some(), BalanceStrategy::PeakEwma),
            ("pointsPerEndpoint", self.points_per_endpoint.is_some(), BalanceStrategy::RingHash),
            ("tableSize", self.table_size.is_some(), BalanceStrategy::Maglev),
        ] {
            if is_given && strategy != owner {
                return Err(format!("{member} stands with strategy {owner} only; this is {strategy}"));
            }
        }
        if self.slow_start.is_some() && strategy.hashes() {
            return Err(format!("slowStart does not stand with {strategy}: a key has its instance at once"));
        }
        Ok(())
    }
}

fn subset<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Subset>, D::Error> {
    checked(Subset::deserialize(deserializer)?, |subset| {
        if subset.is_all() { Err("subset says nothing; leave it out".to_owned()) } else { Ok(()) }
    })
    .map(Some)
}

fn decay_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    checked(Span::deserialize(deserializer)?, |span| {
        if span.duration().is_zero() { Err("decayTime is at least 1ms".to_owned()) } else { Ok(()) }
    })
    .map(Some)
}

fn ranged<T: PartialOrd + fmt::Display>(number: T, [least, most]: [T; 2], what: &str) -> Result<T, String> {
    if number < least || number > most {
        return Err(format!("{number} is no {what}: it is from {least} to {most}"));
    }
    Ok(number)
}

fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = u32::deserialize(deserializer)?;
    ranged(number, [1, RING_POINTS_MAX], "number of points").map(Some).map_err(serde::de::Error::custom)
}

fn table_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let size = u32::deserialize(deserializer)?;
    // With a prime every step leads to every place.
    let is_prime = (2..=size.isqrt()).all(|divisor| !size.is_multiple_of(divisor));
    if is_prime && (TABLE_SIZES[0]..=TABLE_SIZES[1]).contains(&size) {
        return Ok(Some(size));
    }
    let [least, most] = TABLE_SIZES;
    Err(serde::de::Error::custom(format_args!(
        "{size} is no size of a table: it is a prime from {least} to {most}"
    )))
}

fn overprovisioning_factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let range = [OVERPROVISIONING_MIN, OVERPROVISIONING_MAX];
    ranged(number, range, "factor").map_err(serde::de::Error::custom)
}

fn failures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = u32::deserialize(deserializer)?;
    ranged(number, [0, FAILURES_MAX], "number of failures").map(Some).map_err(serde::de::Error::custom)
}

fn persistence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SessionPersistence>, D::Error> {
    checked(SessionPersistence::deserialize(deserializer)?, |session| {
        let kind = session.kind;
        for (member, is_given, stands) in [
            ("sessionName", session.session_name.is_some(), kind != SessionKind::Caller),
            ("absoluteTimeout", session.absolute_timeout.is_some(), kind == SessionKind::Cookie),
            ("idleTimeout", session.idle_timeout.is_some(), kind == SessionKind::Caller),
            ("successiveFailures", session.successive_failures.is_some(), kind == SessionKind::Caller),
        ] {
            if is_given && !stands {
                return Err(format!("{member} does not stand with type {kind:?}"));
            }
        }
        let is_name = |name: &String| (1..=FIELD_NAME_BYTES_MAX).contains(&name.len()) && is_token(name);
        match session.session_name.as_ref().filter(|name| !is_name(name)) {
            Some(name) => Err(format!("{name:?} is no name of a cookie or a header field")),
            None => Ok(()),
        }
    })
    .map(Some)
}
