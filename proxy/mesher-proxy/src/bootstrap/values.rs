//! How each value is read. Every refusal names the text, the reason and what would be right.
//! It must not stop at the first problem: a person mends them all at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use mesher_client::{Address, Credentials};
use mesher_net::Fallback;

use super::activation::{self, Activation};
use super::health::{HealthCheck, HealthProbe};
use super::problem::{BootstrapError, Problem};
use super::sources::{self, Given, Sources, Values};
use super::{
    AccessLog, Advertise, AdvertisedHost, ConfigType, LocalPort, Placement, PortProtocol, REGISTRY_DEFAULT,
    StateFolder, TcpOutbound,
};
use crate::handler::Registration;
use crate::handlers::chains::names;
use crate::request::invocation::Direction;

/// Stands for an address that could not be read; the problem beside it keeps it from being used.
pub(super) const UNSET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// What is told when no service is named.
pub(super) const SERVICE_MISSING: &str =
    "not set; a sidecar needs the name of its service, for example MESHER_SERVICE=calculator";
/// Most data threads that can be asked for.
const WORKERS_MAX: usize = 1024;
/// The longest time that a setting can ask for.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// Most bytes of the path of a Unix socket: systems take 107, and a process's number is added while it is made.
const SOCKET_PATH_BYTES_MAX: usize = 96;
/// Below which the last good snapshot is kept, unless the environment says where states belong.
const STATE_DEFAULT: &str = "/var/lib/mesher";
/// Most characters of a service name.
const NAME_CHARACTERS_MAX: usize = 128;

/// Reads values one by one and gathers what is wrong.
pub(super) struct Reader {
    values: Values,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(sources: &Sources) -> Self {
        let mut problems = Vec::new();
        let values = sources::collect(sources, &mut problems);
        Self { values, problems }
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, BootstrapError> {
        if self.problems.is_empty() { Ok(value) } else { Err(BootstrapError { problems: self.problems }) }
    }

    /// Reads the setting `key` with `parse`, or takes `absent` where it is not given.
    pub(super) fn read<T>(&mut self, key: &str, absent: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T
    where
        T: Clone,
    {
        let Some(Given { text, place, excerpt }) = self.values.get(key).cloned() else { return absent };
        parse(&text).unwrap_or_else(|reason| {
            self.problems.push(Problem { place, message: format!("{text:?}: {reason}"), excerpt });
            absent
        })
    }

    pub(super) fn word(&mut self, key: &str, default: &str) -> String {
        self.read(key, default.to_owned(), |text| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            if text.len() <= NAME_CHARACTERS_MAX && text.bytes().all(is_allowed) {
                Ok(text.to_owned())
            } else {
                Err("only letters, digits, '_', '.' and '-', at most 128 of them".to_owned())
            }
        })
    }

    pub(super) fn name(&mut self, key: &str, default: &str) -> String {
        self.read(key, default.to_owned(), check_name)
    }

    pub(super) fn required_name(&mut self, key: &'static str) -> String {
        if !self.values.contains_key(key) {
            self.problems.push(Problem {
                place: "MESHER_SERVICE".to_owned(),
                message:
                    "not set; a sidecar needs the name of its service, for example MESHER_SERVICE=calculator"
                        .to_owned(),
                excerpt: None,
            });
        }
        self.name(key, "")
    }

    /// Up to four numbers with dots between (Service Center v4).
    pub(super) fn version(&mut self, key: &str, default: &str) -> String {
        self.read(key, default.to_owned(), |text| {
            let parts: Vec<_> = text.split('.').collect();
            let is_number = |part: &&str| {
                part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse().is_ok_and(|number: u32| number <= 32767)
            };
            if parts.len() <= 4 && parts.iter().all(is_number) {
                Ok(text.to_owned())
            } else {
                Err("a version is one to four numbers with dots between, each at most 32767, for example 1.0.2".to_owned())
            }
        })
    }

    pub(super) fn environment(&mut self, key: &str) -> String {
        self.read(key, String::new(), |text| {
            if mesher_model::ENVIRONMENTS.contains(&text) {
                Ok(text.to_owned())
            } else {
                Err("one of development, testing, acceptance, production, or nothing".to_owned())
            }
        })
    }

    pub(super) fn ports(&mut self, key: &str) -> Vec<LocalPort> {
        self.read(key, Vec::new(), |text| {
            let ports = items(text).map(parse_port).collect::<Result<Vec<_>, _>>()?;
            let repeated = ports
                .iter()
                .enumerate()
                .find(|(index, port)| ports.iter().take(*index).any(|earlier| earlier.port == port.port));
            match repeated {
                Some((_, port)) => Err(format!("port {} is named twice", port.port)),
                None => Ok(ports),
            }
        })
    }

    pub(super) fn registry(&mut self, key: &str) -> Vec<Address> {
        let default = vec![REGISTRY_DEFAULT.parse().expect("the default address is one")];
        self.read(key, default, |text| {
            if text == "off" {
                return Ok(Vec::new());
            }
            let addresses = items(text).map(str::parse).collect::<Result<Vec<Address>, _>>();
            match addresses {
                Ok(addresses) if addresses.is_empty() => Err("no address; write http://HOST:PORT".to_owned()),
                other => other.map_err(|error| error.to_string()),
            }
        })
    }

    pub(super) fn address(&mut self, key: &str, default: Option<&str>) -> Option<SocketAddr> {
        let absent = default.and_then(|text| text.parse().ok());
        self.read(key, absent, |text| parse_address(text).map(Some))
    }

    pub(super) fn advertise(&mut self, key: &str) -> Advertise {
        self.read(key, Advertise::default(), |text| {
            if let Ok(address) = text.parse::<SocketAddr>() {
                let port = Some(address.port()).filter(|&port| port != 0);
                return check_advertised(address.ip()).map(|host| Advertise { host: Some(host), port });
            }
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            if let Ok(host) = bare.parse() {
                return check_advertised(host).map(|host| Advertise { host: Some(host), port: None });
            }
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(parse_port_number(port)?)),
                None => (text, None),
            };
            let wrong = |_| {
                "an IP address or a host name, with an optional port, for example 10.0.0.7:30101".to_owned()
            };
            let name = check_name(name).map_err(wrong)?;
            Ok(Advertise { host: Some(AdvertisedHost::Name(name)), port })
        })
    }

    pub(super) fn properties(&mut self) -> BTreeMap<String, String> {
        let mut properties = self.read("properties", BTreeMap::new(), |text| {
            let pairs = text.split('|').map(str::trim).filter(|pair| !pair.is_empty());
            let pair = |pair: &str| {
                let (key, value) =
                    pair.split_once('=').ok_or_else(|| format!("{pair:?} is no pair; write k=v|k=v"))?;
                Ok((key.trim().to_owned(), value.trim().to_owned()))
            };
            pairs.map(pair).collect()
        });
        if let Some(node) = self.read("node_ip", None, |text| Ok(Some(text.to_owned()))) {
            properties.insert("nodeIP".to_owned(), node);
        }
        properties
    }

    pub(super) fn workers(&mut self, key: &str) -> usize {
        self.read(key, mesher_net::worker::processor_count(), |text| {
            let workers = text.parse().ok().filter(|workers| (1..=WORKERS_MAX).contains(workers));
            workers.ok_or_else(|| format!("a number from 1 to {WORKERS_MAX}"))
        })
    }

    pub(super) fn tcp_outbound(&mut self, key: &str) -> Vec<TcpOutbound> {
        self.read(key, Vec::new(), |text| {
            let pair = |item: &str| {
                let (listen, service) = item.split_once('=').ok_or_else(|| {
                    format!("{item:?}: write LISTEN=SERVICE, for example 127.0.0.1:6379=cache")
                })?;
                let service = check_name(service.trim())?;
                Ok(TcpOutbound { listen: parse_address(listen.trim())?, service })
            };
            items(text).map(pair).collect()
        })
    }

    /// Where handlers of the build's own stand.
    pub(super) fn handlers(&mut self, key: &str, known: &[Registration]) -> Vec<Placement> {
        self.read(key, Vec::new(), |text| items(text).map(|item| placement(item, known)).collect())
    }

    pub(super) fn access_log(&mut self, key: &str) -> AccessLog {
        self.read(key, AccessLog::Failures, |text| match text {
            "off" => Ok(AccessLog::Off),
            "failures" => Ok(AccessLog::Failures),
            "all" => Ok(AccessLog::All),
            _ => Err("one of off, failures, all".to_owned()),
        })
    }

    pub(super) fn config_type(&mut self, key: &str) -> ConfigType {
        self.read(key, ConfigType::Auto, |text| match text {
            "auto" => Ok(ConfigType::Auto),
            "kie" => Ok(ConfigType::Kie),
            "config-center" => Ok(ConfigType::ConfigCenter),
            _ => Err("one of auto, kie, config-center".to_owned()),
        })
    }

    /// Addresses that may be absent.
    pub(super) fn addresses(&mut self, key: &str) -> Option<Vec<Address>> {
        self.values.contains_key(key).then(|| self.registry(key))
    }

    /// `2s`, `500ms`, `1m`, `1h`.
    pub(super) fn duration(&mut self, key: &str, absent: Duration) -> Duration {
        self.read(key, absent, parse_duration)
    }

    /// A time that something may take: as [`Self::duration`], and more than nothing.
    pub(super) fn limit(&mut self, key: &str, absent: Duration) -> Duration {
        self.read(key, absent, parse_time_max)
    }

    pub(super) fn count(&mut self, key: &str, absent: usize, range: RangeInclusive<usize>) -> usize {
        self.read(key, absent, |text| {
            let count = text.parse().ok().filter(|count| range.contains(count));
            count.ok_or_else(|| format!("a number from {} to {}", range.start(), range.end()))
        })
    }

    /// A number of bytes, or `off`.
    pub(super) fn bound(&mut self, key: &str, absent: Option<u64>) -> Option<u64> {
        self.read(key, absent, |text| match text {
            "off" => Ok(None),
            _ => text.parse().map(Some).map_err(|_| "a number of bytes, or off".to_owned()),
        })
    }

    pub(super) fn fallback(&mut self, key: &str) -> Fallback {
        self.read(key, Fallback::Fail, |text| match text {
            "fail" => Ok(Fallback::Fail),
            "any-port" => Ok(Fallback::AnyPort),
            _ => Err("one of fail, any-port".to_owned()),
        })
    }

    pub(super) fn file(&mut self, key: &str) -> Option<PathBuf> {
        self.read(key, None, |text| Ok(Some(PathBuf::from(text))))
    }

    /// An account with its password, or a token: not both, and no half.
    pub(super) fn credentials(&mut self) -> Credentials {
        let name = self.values.contains_key("registry_account").then(|| self.name("registry_account", ""));
        let (password_file, token_file) =
            (self.file("registry_password_file"), self.file("registry_token_file"));
        match (name, password_file, token_file) {
            (None, None, None) => Credentials::None,
            (Some(name), Some(password_file), None) => Credentials::Account { name, password_file },
            (None, None, Some(file)) => Credentials::TokenFile(file),
            (_, _, Some(_)) => self.half("registry_token_file", "name a token or an account, not both"),
            (Some(_), None, None) => self
                .half("registry_account", "MESHER_REGISTRY_PASSWORD_FILE must name a file with its password"),
            (None, Some(_), None) => {
                self.half("registry_password_file", "MESHER_REGISTRY_ACCOUNT must name the account")
            }
        }
    }

    fn half(&mut self, key: &str, message: &str) -> Credentials {
        if let Some(Given { text, place, excerpt }) = self.values.get(key).cloned() {
            self.problems.push(Problem { place, message: format!("{text:?}: {message}"), excerpt });
        }
        Credentials::None
    }

    pub(super) fn socket_path(&mut self, key: &str) -> Option<PathBuf> {
        self.read(key, None, |text| {
            let path = PathBuf::from(text);
            let is_file = path.is_absolute() && path.file_name().is_some() && !text.ends_with('/');
            if is_file && text.len() <= SOCKET_PATH_BYTES_MAX {
                Ok(Some(path))
            } else {
                Err(format!("an absolute path of at most {SOCKET_PATH_BYTES_MAX} bytes, in a folder of your own, for example /run/mesher/orders.sock"))
            }
        })
    }

    /// `off`, `tcp`, or the path that is asked.
    pub(super) fn health_probe(&mut self, key: &str) -> HealthProbe {
        let is_of_path = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        self.read(key, HealthProbe::Off, |text| match text {
            "off" => Ok(HealthProbe::Off),
            "tcp" => Ok(HealthProbe::Tcp),
            _ if text.starts_with('/') && text.bytes().all(is_of_path) => {
                Ok(HealthProbe::Path(text.to_owned()))
            }
            _ => Err("off, tcp, or a path such as /health".to_owned()),
        })
    }

    /// There must be something that can be checked.
    pub(super) fn check_health(&mut self, check: &HealthCheck, ports: &[LocalPort]) {
        let is_there = match check.probe {
            HealthProbe::Off => true,
            HealthProbe::Tcp => !ports.is_empty(),
            HealthProbe::Path(_) => ports.iter().any(|port| port.protocol == PortProtocol::Rest),
        };
        let Some(given) = self.values.get("health_check").filter(|_| !is_there) else { return };
        self.problems.push(Problem {
            place: given.place.clone(),
            message: format!(
                "{:?}: the application has no port that can be asked; name it in MESHER_PORTS",
                given.text
            ),
            excerpt: given.excerpt.clone(),
        });
    }

    /// Somebody must know where services are.
    pub(super) fn check_sources(&mut self, registry: &[Address], file: Option<&PathBuf>) {
        let (Some(given), true) = (self.values.get("registry"), registry.is_empty() && file.is_none()) else {
            return;
        };
        self.problems.push(Problem {
            place: given.place.clone(),
            message: format!(
                "{:?}: without a registry, name a file of services in MESHER_SERVICES_FILE",
                given.text
            ),
            excerpt: given.excerpt.clone(),
        });
    }

    /// A folder, or `off`. By default one below where the `home` of states is, if it is a path as its standard wants it
    /// (XDG Base Directory Specification).
    pub(super) fn state(&mut self, key: &str, home: Option<&String>) -> StateFolder {
        let home = home.map(PathBuf::from).filter(|home| home.is_absolute());
        let root = home.map_or_else(|| PathBuf::from(STATE_DEFAULT), |home| home.join("mesher"));
        self.read(key, StateFolder::Below(root), |text| match text {
            "off" => Ok(StateFolder::Off),
            _ if text.starts_with('/') => Ok(StateFolder::Named(PathBuf::from(text))),
            _ => Err("an absolute path of a folder, for example /var/lib/mesher/orders, or off".to_owned()),
        })
    }

    /// Sockets that are passed to this process. Variables that speak to another process are none of ours.
    pub(super) fn activation(&mut self, environment: &BTreeMap<String, String>) -> Option<Activation> {
        activation::read(environment, std::process::id()).unwrap_or_else(|problem| {
            self.problems.push(problem);
            None
        })
    }

    /// Whoever can reach an outbound listener calls in the name of the service.
    pub(super) fn check_loopback(&mut self, key: &str, address: SocketAddr) {
        let (Some(given), false) = (self.values.get(key), address.ip().is_loopback()) else { return };
        if address != UNSET {
            self.problems.push(Problem {
                place: given.place.clone(),
                message: format!(
                    "{:?}: the application's own calls are taken on a loopback address only, for example 127.0.0.1:{}",
                    given.text,
                    address.port()
                ),
                excerpt: given.excerpt.clone(),
            });
        }
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time with its unit, at most a day: 500ms, 2s, 1m, 1h".to_owned();
    let end = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(end);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let time = number.parse::<u64>().ok().and_then(|number| number.checked_mul(milliseconds));
    time.map(Duration::from_millis).filter(|time| *time <= DURATION_MAX).ok_or_else(wrong)
}

/// A time that something may take.
pub(super) fn parse_time_max(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("nothing can happen in no time; name at least 1ms".to_owned()),
        time => Ok(time),
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn check_name(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let ends_well = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_name = text.len() <= NAME_CHARACTERS_MAX
        && text.bytes().all(is_allowed)
        && ends_well(text.bytes().next())
        && ends_well(text.bytes().next_back());
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 128 letters, digits, '_', '.' or '-', and begins and ends with a letter or digit".to_owned())
    }
}

fn check_advertised(host: IpAddr) -> Result<AdvertisedHost, String> {
    if host.is_unspecified() || host.is_multicast() {
        Err("others cannot reach this address; name the one that they use".to_owned())
    } else {
        Ok(AdvertisedHost::Address(host))
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().map_err(|_| {
        "an address is HOST:PORT with an IP address, for example 127.0.0.1:30101 or [::1]:30101".to_owned()
    })
}

fn parse_port(item: &str) -> Result<LocalPort, String> {
    let (protocol, port) = item.split_once(':').unwrap_or(("rest", item));
    let protocol = match protocol {
        "rest" | "http" => PortProtocol::Rest,
        "tcp" => PortProtocol::Tcp,
        "grpc" | "highway" | "dubbo" => {
            return Err(format!("this release does not speak {protocol} yet; use rest or tcp"));
        }
        _ => return Err(format!("{protocol:?} is no protocol; write rest:8080 or tcp:5432")),
    };
    let port = parse_port_number(port).map_err(|reason| format!("{item:?}: {reason}"))?;
    Ok(LocalPort { protocol, port })
}

fn parse_port_number(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|&port: &u16| port != 0);
    port.ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

/// `NAME@CHAIN[:BEHIND]`.
fn placement(item: &str, known: &[Registration]) -> Result<Placement, String> {
    let form = || {
        format!("write NAME@CHAIN or NAME@CHAIN:BEHIND, for example audit@consumer:route, and not {item:?}")
    };
    let (name, place) = item.split_once('@').ok_or_else(form)?;
    let (chain, behind) = place.split_once(':').unwrap_or((place, "metrics"));
    let (name, chain, behind) = (name.trim(), chain.trim(), behind.trim());
    let direction = match chain {
        "consumer" => Direction::Outbound,
        "provider" => Direction::Inbound,
        _ => return Err(format!("{chain:?} is no chain; there are consumer and provider")),
    };
    if !known.iter().any(|registration| registration.name() == name) {
        let own: Vec<_> = known.iter().map(Registration::name).collect();
        return Err(match own.as_slice() {
            [] => format!("no handler is called {name:?}: this build brings none of its own"),
            _ => format!("no handler is called {name:?}; this build brings {}", own.join(", ")),
        });
    }
    let built_in = names(direction);
    let behind = built_in.iter().find(|known| **known == behind).ok_or_else(|| {
        format!("no handler {behind:?} is in the chain {chain}; there are {}", built_in.join(", "))
    })?;
    Ok(Placement { name: name.to_owned(), direction, behind })
}
