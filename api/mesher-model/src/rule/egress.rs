//! `kind: Egress`: which hosts outside the mesh a service may call, and by which way.
//! It must not know how a name is looked up: hosts are compared as they are written in a URL, in lower case.

use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{bounded, checked, given};
use super::words::{Name, ServiceName};

/// Rules of one document.
const RULES_MAX: usize = 64;
/// Hosts of one rule.
const HOSTS_MAX: usize = 256;
/// Ports of one rule.
const PORTS_MAX: usize = 16;
/// The longest name of a host, in bytes (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// The longest part of a name between two dots (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// What may leave the mesh from a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Egress {
    /// The service that calls; `*`: each that no document of its own names.
    pub service: ServiceName,
    /// The first that is about a host decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "rules")]
    #[cfg_attr(feature = "schema", schemars(length(max = 64)))]
    pub rules: Vec<EgressRule>,
    /// What becomes of calls to all other hosts.
    pub otherwise: Otherwise,
}

/// What becomes of calls to some hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressRule {
    /// Its name, for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub name: Option<Name>,
    /// The hosts: a name or an address; `*.example.org`, every name below `example.org`; `*`, every host.
    #[serde(deserialize_with = "hosts")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub hosts: Vec<Host>,
    /// The ports; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "ports")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 16), inner(range(min = 1))))]
    pub ports: Option<Vec<u16>>,
    /// What becomes of the calls.
    pub action: Way,
    /// With `action: Route`: the service of the mesh that takes the calls.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub to: Option<Name>,
}

/// What becomes of a call that would leave the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Way {
    /// It goes there.
    Allow,
    /// It is refused.
    Refuse,
    /// It goes to a service of the mesh instead, with the host that it named.
    Route,
}

/// What becomes of calls to hosts that no rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Otherwise {
    /// They go there.
    Allow,
    /// They are refused.
    Refuse,
}

/// A host, or all hosts below a name: in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Host(String);

impl Host {
    /// Every host.
    pub const EVERY: &str = "*";

    /// As it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Host {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_prefix("*.").unwrap_or(&lower);
        let is_address = text.parse::<std::net::IpAddr>().is_ok();
        if lower == Self::EVERY || is_address || is_host_name(name) {
            return Ok(Self(lower));
        }
        Err(format!(
            "{text:?} is no host; write a name as api.example.org, *.example.org for all names below it, an address without brackets or port, or *"
        ))
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?.as_str()).map_err(serde::de::Error::custom)
    }
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_inner)
    };
    name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label)
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EgressRule>, D::Error> {
    let rules = Vec::deserialize(deserializer)?;
    checked(rules, |rules: &Vec<EgressRule>| {
        if rules.len() > RULES_MAX {
            return Err(format!("{} rules; there may be {RULES_MAX}", rules.len()));
        }
        let is_odd = |rule: &EgressRule| rule.to.is_some() != (rule.action == Way::Route);
        match rules.iter().position(is_odd) {
            Some(place) => Err(format!(
                "rule {}: `to` names the service that takes the calls of `action: Route`, and stands with no other action",
                place + 1
            )),
            None => Ok(()),
        }
    })
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Host>, D::Error> {
    bounded(Vec::deserialize(deserializer)?, HOSTS_MAX, "hosts")
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u16>>, D::Error> {
    let ports = bounded(Vec::deserialize(deserializer)?, PORTS_MAX, "ports")?;
    let checked = checked(ports, |ports: &Vec<u16>| match ports.contains(&0) {
        true => Err("0 is no port".to_owned()),
        false => Ok(()),
    });
    checked.map(Some)
}
