//! What a control plane is started with.
//! It must not read the environment: the command does, once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mesher_registry::Limits;
use mesher_tls::CertificateFiles;

use crate::Clock;

/// Settings of a control plane, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it answers; port 0 takes a free one. `127.0.0.1:30100` by default.
    pub listen: SocketAddr,
    /// A further door for clients that expect kie here; closed when absent. Every door answers everything.
    pub kie_listen: Option<SocketAddr>,
    /// A further door for clients that expect config-center here; closed when absent.
    pub config_center_listen: Option<SocketAddr>,
    /// The address that it names as its own to clients; found from the routes of the machine when absent.
    pub advertise: Option<IpAddr>,
    /// Names that a browser may use for it in `Host`, beside addresses and `localhost`.
    pub extra_hosts: Vec<String>,
    /// Connections served at one time; more wait in the backlog. 10,000 by default.
    pub max_connections: usize,
    /// Where records, and the audit of their changes, are kept beyond the life of the process; when absent, records are
    /// in memory only and the audit goes to the log.
    pub data_directory: Option<PathBuf>,
    /// How much the registry takes.
    pub limits: Limits,
    /// Where it reads the time.
    pub clock: Clock,
    /// Asks every caller for a token; off when absent.
    pub access: Option<AccessSettings>,
    /// Speaks TLS and nothing else; plain HTTP when absent.
    pub tls: Option<TlsSettings>,
}

/// Settings of access control.
#[derive(Clone)]
pub struct AccessSettings {
    /// The password that the account `root` gets at the first start.
    pub root_password: Option<String>,
}

impl std::fmt::Debug for AccessSettings {
    /// Without the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AccessSettings").finish_non_exhaustive()
    }
}

/// Settings of TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// Where certificate and key stand.
    pub files: CertificateFiles,
    /// How often the files are looked at again; a minute as [`Self::new`] has it.
    pub look_every: Duration,
}

impl TlsSettings {
    /// TLS with these files.
    #[must_use]
    pub const fn new(files: CertificateFiles) -> Self {
        Self { files, look_every: Duration::from_secs(60) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 30_100)),
            kie_listen: None,
            config_center_listen: None,
            advertise: None,
            extra_hosts: Vec::new(),
            max_connections: 10_000,
            data_directory: None,
            limits: Limits::default(),
            clock: Clock::system(),
            access: None,
            tls: None,
        }
    }
}
