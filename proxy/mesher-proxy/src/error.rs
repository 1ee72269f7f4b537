//! Why a proxy cannot start: each with the setting that is to blame.
//! It must name a remedy wherever there is one.

use mesher_client::TlsError;
use mesher_net::BindError;

use crate::bootstrap::BootstrapError;
use crate::handover::HandoverError;
use crate::stored::StateError;

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// An address cannot be listened on.
    #[error("{setting}: {reason}; {remedy}")]
    Bind {
        /// The setting that names the address.
        setting: &'static str,
        /// Why.
        reason: BindError,
        /// What to do.
        remedy: &'static str,
    },
    /// The name to advertise has no address.
    #[error(
        "MESHER_ADVERTISE: the resolver knows no address of {name:?}; name an IP address, or a host that it knows"
    )]
    Advertise {
        /// The name.
        name: String,
    },
    /// A service manager passes a socket that cannot be used.
    #[error("LISTEN_FDS: {reason}; pass listening TCP sockets, called outbound, inbound or admin")]
    Activation {
        /// Which, and why.
        reason: String,
    },
    /// The place of the running proxy cannot be taken, or this one's cannot be offered.
    #[error("MESHER_HANDOVER: {0}")]
    Handover(#[from] HandoverError),
    /// The registry's certificate cannot be checked.
    #[error("MESHER_REGISTRY_CA: {0}")]
    Authority(#[from] TlsError),
    /// The folder for the last good snapshot cannot be used.
    #[error("MESHER_STATE_DIR: {0}")]
    State(#[from] StateError),
    /// The services file is bad.
    #[error("MESHER_SERVICES_FILE: {0}")]
    Services(#[from] BootstrapError),
    /// The system gave no thread or no event queue.
    #[error("cannot start a worker: {0}")]
    Worker(std::io::Error),
}
