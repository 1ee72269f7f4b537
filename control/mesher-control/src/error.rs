//! Why a control plane cannot start or go on.
//! It must not hold what a caller of the API did wrong; that is answered, not returned.

use std::io;
use std::net::SocketAddr;

use mesher_registry::RegistryError;

/// A failure of the server itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The address is taken.
    #[error("another process listens on {0}; stop it or choose another address with --listen")]
    AddressTaken(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The registry refuses its own record; a fault of this crate.
    #[error("the registry refuses its own record: {0}")]
    OwnRecord(#[from] RegistryError),
}
