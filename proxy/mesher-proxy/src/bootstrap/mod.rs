//! The settings of a proxy, read once at start: a file, overridden by the environment, overridden by flags.
//! Nothing else reads the environment, and nothing that is set may be ignored: it is understood or refused.
//!
//! | file | holds |
//! |---|---|
//! | `table` | every setting: its names, its kind, whether this release has its feature |
//! | `sources` | where values come from, and which of several wins |
//! | `limits` | the bounds of the data path |
//! | `overload` | the bounds of the proxy itself |
//! | `values` | how each value is read |
//! | `activation` | what a service manager says of the sockets that it passes |
//! | `problem` | what is wrong, where, and how to mend it |

mod activation;
mod health;
mod limits;
mod overload;
mod problem;
mod sources;
mod table;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mesher_client::{Address, Credentials};
use mesher_net::Fallback;
use mesher_traffic::Caller;
use mesher_traffic::balance::Locality;

pub use activation::Activation;
pub use health::{HealthCheck, HealthProbe};
pub use limits::Limits;
pub use overload::{MemoryMax, OverloadLimits};
pub use problem::{BootstrapError, Problem};
pub use sources::Sources;
pub use table::{SETTINGS, Setting};

use crate::handler::Registration;
use crate::request::invocation::Direction;
pub(crate) use sources::{excerpt_of, syntax_problem};
use values::Reader;

/// The outbound listener's address unless another is given.
pub const OUTBOUND_DEFAULT: &str = "127.0.0.1:30101";
/// The inbound listener's port unless another is given.
pub const INBOUND_PORT_DEFAULT: u16 = 30101;
/// The admin listener's address unless another is given.
pub const ADMIN_DEFAULT: &str = "127.0.0.1:30102";
/// The registry's address unless another is given.
pub const REGISTRY_DEFAULT: &str = "http://127.0.0.1:30100";

/// How long callers get to learn that an instance has left unless another time is given: they look every second.
pub const DRAIN_NOTICE_DEFAULT: Duration = Duration::from_secs(2);

/// Everything that a proxy is told at its start.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Who the local application is.
    pub identity: Identity,
    /// Where the local application listens; empty for one that only calls.
    pub ports: Vec<LocalPort>,
    /// Where the registry is; empty where there is none, and then a services file is named.
    pub registry: Vec<Address>,
    /// Services that no registry has to know.
    pub services_file: Option<PathBuf>,
    /// The authority of the registry's certificate; the system's when absent.
    pub registry_authority: Option<PathBuf>,
    /// What the registry knows this proxy by.
    pub credentials: Credentials,
    /// Addresses of the configuration server; the registry's when absent.
    pub config_center: Option<Vec<Address>>,
    /// What the configuration server speaks.
    pub config_type: ConfigType,
    /// Where calls of the local application are taken.
    pub outbound_listen: SocketAddr,
    /// Where calls for the local application are taken; derived from the advertised address when absent.
    pub inbound_listen: Option<SocketAddr>,
    /// The address that others reach this instance by.
    pub advertise: Advertise,
    /// Where the admin answers.
    pub admin_listen: SocketAddr,
    /// Properties of the instance.
    pub properties: BTreeMap<String, String>,
    /// Data threads; at least 1.
    pub workers: usize,
    /// Loopback addresses whose connections go to a TCP service.
    pub tcp_outbound: Vec<TcpOutbound>,
    /// How the application's health is checked.
    pub health_check: HealthCheck,
    /// Region of the instance; empty when unknown.
    pub region: String,
    /// Zone of the instance; empty when unknown.
    pub zone: String,
    /// Which calls are logged.
    pub access_log: AccessLog,
    /// How long callers get to learn that this instance has left.
    pub drain_notice: Duration,
    /// What to do when a listening port is taken.
    pub fallback: Fallback,
    /// Bounds of the data path.
    pub limits: Limits,
    /// From when on the proxy leaves out what it can.
    pub overload: OverloadLimits,
    /// Where the last good snapshot is kept.
    pub state: StateFolder,
    /// The Unix socket over which a new process takes the place of this one.
    pub handover: Option<PathBuf>,
    /// Where handlers of this build's own stand.
    pub handlers: Vec<Placement>,
    /// Those that this build brings along.
    pub registrations: Vec<Registration>,
    /// Sockets that a service manager passes to this process.
    pub activation: Option<Activation>,
    /// Where a service manager wants to be told that this process serves.
    pub manager: Option<String>,
}

/// What a configuration server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// Whichever of the others it turns out to be.
    Auto,
    /// kie v1.
    Kie,
    /// config-center v3.
    ConfigCenter,
}

/// Who the local application is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Tenant.
    pub domain: String,
    /// Project segment of the API paths.
    pub project: String,
    /// Application.
    pub app: String,
    /// Service name.
    pub service: String,
    /// Version.
    pub version: String,
    /// Environment; may be empty.
    pub environment: String,
}

/// What is spoken on a port of the local application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortProtocol {
    /// HTTP/1.1
    Rest,
    /// Opaque TCP.
    Tcp,
}

impl PortProtocol {
    /// The word in settings and in endpoints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Tcp => "tcp",
        }
    }
}

/// A port of the local application, on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalPort {
    /// What is spoken there.
    pub protocol: PortProtocol,
    /// 1 to 65535.
    pub port: u16,
}

/// The parts of the advertised address that were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advertise {
    /// Found from the route to the registry when absent.
    pub host: Option<AdvertisedHost>,
    /// The inbound one when absent.
    pub port: Option<u16>,
}

/// A host as it was given for the advertised address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdvertisedHost {
    /// An address, advertised as it stands.
    Address(IpAddr),
    /// A name; its address is looked up once, at the start, and advertised.
    Name(String),
}

/// A listener whose connections go to a TCP service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpOutbound {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The service, as a host names it.
    pub service: String,
}

/// Where the last good snapshot is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateFolder {
    /// Nowhere.
    Off,
    /// In this very folder. It must be one that can be written.
    Named(PathBuf),
    /// In a folder of the proxy's own below this one, where it can be had.
    Below(PathBuf),
}

/// Where a handler of one's own stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Its name.
    pub name: String,
    /// The chain.
    pub(crate) direction: Direction,
    /// The handler behind which it stands.
    pub(crate) behind: &'static str,
}

/// Which calls are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that failed or ended with a 5xx status.
    Failures,
    /// All.
    All,
}

impl Bootstrap {
    /// The application beside this proxy, as rules see a caller.
    pub(crate) fn caller(&self) -> Caller<'_> {
        let own = &self.identity;
        let (service, application, version) = (&own.service, &own.app, &own.version);
        Caller { service, application, version, properties: &self.properties }
    }

    /// Where this proxy is, as it registers it: empty where neither region nor zone is given.
    pub(crate) fn locality(&self) -> Locality<'_> {
        if self.region.is_empty() && self.zone.is_empty() {
            return Locality::default();
        }
        Locality { region: or_default(&self.region), zone: or_default(&self.zone) }
    }

    /// Checks what is given, without asking that all that is required is there.
    ///
    /// # Errors
    /// [`BootstrapError`] as [`Self::load`] has it.
    pub fn check(sources: &Sources) -> Result<(), BootstrapError> {
        let Err(mut error) = Self::load(sources) else { return Ok(()) };
        error.problems.retain(|problem| problem.message != values::SERVICE_MISSING);
        if error.problems.is_empty() { Ok(()) } else { Err(error) }
    }

    /// Reads all settings.
    ///
    /// # Errors
    /// [`BootstrapError`] lists every problem at once, each with its place and remedy.
    pub fn load(sources: &Sources) -> Result<Self, BootstrapError> {
        let mut reader = Reader::new(sources);
        let bootstrap = Self {
            identity: Identity {
                domain: reader.word("domain", mesher_model::DEFAULT),
                project: reader.word("project", mesher_model::DEFAULT),
                app: reader.name("app", mesher_model::DEFAULT),
                service: reader.required_name("service"),
                version: reader.version("version", "0.0.1"),
                environment: reader.environment("environment"),
            },
            ports: reader.ports("ports"),
            registry: reader.registry("registry"),
            services_file: reader.file("services_file"),
            registry_authority: reader.file("registry_ca"),
            config_center: reader.addresses("config_center"),
            config_type: reader.config_type("config_type"),
            credentials: reader.credentials(),
            outbound_listen: reader
                .address("outbound_listen", Some(OUTBOUND_DEFAULT))
                .unwrap_or(values::UNSET),
            inbound_listen: reader.address("inbound_listen", None),
            advertise: reader.advertise("advertise"),
            admin_listen: reader.address("admin_listen", Some(ADMIN_DEFAULT)).unwrap_or(values::UNSET),
            properties: reader.properties(),
            workers: reader.workers("workers"),
            tcp_outbound: reader.tcp_outbound("tcp_outbound"),
            health_check: HealthCheck::read(&mut reader),
            region: reader.word("region", ""),
            zone: reader.word("zone", ""),
            access_log: reader.access_log("access_log"),
            drain_notice: reader.duration("drain_notice", DRAIN_NOTICE_DEFAULT),
            fallback: reader.fallback("when_taken"),
            limits: Limits::read(&mut reader),
            overload: OverloadLimits::read(&mut reader),
            state: reader.state("state_dir", sources.environment.get("XDG_STATE_HOME")),
            handover: reader.socket_path("handover"),
            handlers: reader.handlers("handlers", &sources.handlers),
            registrations: sources.handlers.clone(),
            activation: reader.activation(&sources.environment),
            manager: sources.environment.get("NOTIFY_SOCKET").filter(|path| !path.is_empty()).cloned(),
        };
        reader.check_health(&bootstrap.health_check, &bootstrap.ports);
        reader.check_sources(&bootstrap.registry, bootstrap.services_file.as_ref());
        reader.check_loopback("outbound_listen", bootstrap.outbound_listen);
        for outbound in &bootstrap.tcp_outbound {
            reader.check_loopback("tcp_outbound", outbound.listen);
        }
        reader.finish(bootstrap)
    }

    /// Where services are looked for, for a person.
    pub(crate) fn sources_told(&self) -> String {
        let registry: Vec<_> = self.registry.iter().map(ToString::to_string).collect();
        let registry = (!registry.is_empty()).then(|| format!("the registry at {}", registry.join(", ")));
        let file = self.services_file.as_ref().map(|path| format!("the file {}", path.display()));
        registry.into_iter().chain(file).collect::<Vec<_>>().join(" and ")
    }
}

/// The registry wants both words where there is one.
const fn or_default(text: &str) -> &str {
    if text.is_empty() { mesher_model::DEFAULT } else { text }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
