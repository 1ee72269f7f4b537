//! Which proxies there are, and what they are called in arguments and tables.
//! It must not know how one is started.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A proxy, with its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The bare TCP relay of this crate.
    Relay,
    /// Mesher as it is by default: failures are logged.
    Mesher,
    /// Mesher without an access log.
    MesherOff,
    /// Mesher with every call in its access log.
    MesherAll,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy, connection manager and router only.
    Envoy,
    /// Envoy as a mesh configures it.
    EnvoyMesh,
}

impl Kind {
    /// As tables call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Relay => "bare relay",
            Self::Mesher => "Mesher",
            Self::MesherOff => "Mesher, no access log",
            Self::MesherAll => "Mesher, full access log",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy, router only",
            Self::EnvoyMesh => "Envoy, mesh",
        }
    }

    /// As arguments, files and processes call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Mesher => "mesher",
            Self::MesherOff => "mesher-off",
            Self::MesherAll => "mesher-all",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::EnvoyMesh => "envoy-mesh",
        }
    }

    /// The access log of a Mesher; `None` where it is another proxy.
    pub(crate) const fn access_log(self) -> Option<&'static str> {
        match self {
            Self::Mesher => Some("failures"),
            Self::MesherOff => Some("off"),
            Self::MesherAll => Some("all"),
            _ => None,
        }
    }
}
