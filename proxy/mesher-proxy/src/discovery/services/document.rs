//! The form of the services file: each service with its endpoints, or with a name of the domain name system.
//! It must take a file whole or not at all, and name line and column of what is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use mesher_model::query::ServiceKey;
use mesher_model::{Endpoint, Instance, InstanceStatus};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use crate::bootstrap::{PortProtocol, Problem, excerpt_of, syntax_problem};

/// Services that a file may name.
const SERVICES_MAX: usize = 10_000;
/// Problems that are told of one file.
const PROBLEMS_MAX: usize = 20;

/// Application and name, both in lower case: hosts are asked for so.
pub(super) type Name = (String, String);

/// One service of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) instances: Vec<Instance>,
    pub(super) lookup: Option<DnsName>,
    pub(super) version: String,
}

/// A name of the domain name system that a service's endpoints are found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DnsName {
    pub(super) protocol: &'static str,
    pub(super) name: String,
    /// The port of every address; with none the name has service records (SRV), which say the port.
    pub(super) port: Option<u16>,
}

/// The services of a good file.
pub(super) type Services = BTreeMap<Name, Service>;

/// The name by which `key` is found.
pub(super) fn name_of(key: &ServiceKey) -> Name {
    (key.app_id.to_ascii_lowercase(), key.service_name.to_ascii_lowercase())
}

/// Reads the file's text. Services without an application of their own are of `app`.
pub(super) fn read(path: &Path, text: &str, app: &str) -> Result<Services, Vec<Problem>> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let document = serde_saphyr::from_str_with_options::<Option<Document>>(text, options)
        .map_err(|error| vec![syntax_problem(path, text, &error)])?;
    // A file that was cut off, or is being written, may well be empty: that no service is left must be said.
    let Some(document) = document else {
        let message = "is empty; where no service is to be left, write services: {}".to_owned();
        return Err(vec![Problem { place: path.display().to_string(), message, excerpt: None }]);
    };
    let mut reading = Reading { path, text, problems: Vec::new() };
    let mut services = Services::new();
    for (key, entry) in document.services.0 {
        let name = reading.name(&key, app);
        let service = reading.service(&key.value, entry);
        if services.insert(name, service).is_some() {
            reading.problem(&key, "is named twice".to_owned());
        }
    }
    if services.len() > SERVICES_MAX {
        let message = format!("has {} services, more than {SERVICES_MAX}", services.len());
        return Err(vec![Problem { place: path.display().to_string(), message, excerpt: None }]);
    }
    if reading.problems.is_empty() { Ok(services) } else { Err(reading.problems) }
}

/// Gathers what is wrong.
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn problem(&mut self, at: &Spanned<String>, message: String) {
        let (line, column) = (at.referenced.line(), at.referenced.column());
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                place: format!("{}:{line}:{column}", self.path.display()),
                message: format!("{:?}: {message}", at.value),
                excerpt: excerpt_of(self.text, line, column),
            });
        }
    }

    /// `NAME`, or `NAME.APPLICATION.app` as hosts write it.
    fn name(&mut self, key: &Spanned<String>, app: &str) -> Name {
        let host = key.value.to_ascii_lowercase();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_allowed) {
            self.problem(key, "a service is called by letters, digits, '_', '.' and '-'".to_owned());
        }
        match host.strip_suffix(".app").and_then(|rest| rest.rsplit_once('.')) {
            Some((name, other)) if !name.is_empty() && !other.is_empty() => {
                (other.to_owned(), name.to_owned())
            }
            _ => (app.to_ascii_lowercase(), host),
        }
    }

    fn service(&mut self, name: &str, entry: Entry) -> Service {
        let version = entry.version.unwrap_or_default();
        let mut instances = Vec::new();
        for line in entry.endpoints {
            if let Err(error) = Endpoint::parse(&line.address.value) {
                self.problem(&line.address, format!("{error}, for example rest://10.0.0.7:8080"));
            }
            let mut properties = entry.properties.clone();
            properties.extend(line.properties);
            instances.push(Instance {
                version: line.version.unwrap_or_else(|| version.clone()),
                ..instance("file", name, line.address.value, properties)
            });
        }
        let lookup = entry.dns.and_then(|text| match parse_dns(&text.value) {
            Ok(name) => Some(name),
            Err(message) => {
                self.problem(&text, message.to_owned());
                None
            }
        });
        Service { instances, lookup, version }
    }
}

/// An instance as a registry would tell of it.
pub(super) fn instance(
    source: &str,
    service: &str,
    endpoint: String,
    properties: BTreeMap<String, String>,
) -> Instance {
    Instance {
        instance_id: format!("{source}:{service}:{endpoint}"),
        endpoints: vec![endpoint],
        status: InstanceStatus::Up.as_str().to_owned(),
        properties,
        ..Instance::default()
    }
}

/// `rest://NAME:PORT`, `tcp://NAME:PORT`, or `rest+srv://NAME`, `tcp+srv://NAME`.
fn parse_dns(text: &str) -> Result<DnsName, &'static str> {
    const FORM: &str = "write rest://NAME:PORT or tcp://NAME:PORT; or, for a name with service records, rest+srv://NAME or tcp+srv://NAME";
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    let (protocol, is_srv) = scheme.strip_suffix("+srv").map_or((scheme, false), |protocol| (protocol, true));
    let protocol = match protocol {
        "rest" | "http" => PortProtocol::Rest.as_str(),
        "tcp" => PortProtocol::Tcp.as_str(),
        _ => return Err(FORM),
    };
    let (name, port) = if is_srv {
        (rest, None)
    } else {
        let (name, port) = rest.rsplit_once(':').ok_or(FORM)?;
        (name, Some(port.parse().ok().filter(|&port: &u16| port != 0).ok_or(FORM)?))
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty() || name.len() > 253 || !name.bytes().all(is_allowed) {
        return Err(FORM);
    }
    Ok(DnsName { protocol, name: name.to_ascii_lowercase(), port })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    services: Entries,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    #[serde(default)]
    endpoints: Vec<Line>,
    dns: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    address: Spanned<String>,
    version: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// The services in the order of the file, each name with its place.
#[derive(Debug)]
struct Entries(Vec<(Spanned<String>, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Entries;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a mapping of services")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Names)
    }
}
