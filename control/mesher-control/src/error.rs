//! Why a control plane cannot start or go on.
//! It must not hold what a caller of the API did wrong; that is answered, not returned.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use mesher_access::RestoreError;
use mesher_registry::RegistryError;
use mesher_store::StoreError;
use mesher_tls::TlsError;

/// A failure of the server itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The address is taken.
    #[error(
        "another process listens on {0}; stop it or choose another address with --listen, --kie-listen or --config-center-listen"
    )]
    AddressTaken(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store holds what no registry has written.
    #[error("the store's record {key} cannot be read: {reason}; restore a backup")]
    BadRecord {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry refuses its own record; a fault of this crate.
    #[error("the registry refuses its own record: {0}")]
    OwnRecord(#[from] RegistryError),
    /// Access control is on, and `root` has no password or a bad one.
    #[error("the password of root, which access control needs at the first start: {0}")]
    RootPassword(String),
    /// A stored record of access control cannot be read.
    #[error(transparent)]
    StoredAccess(#[from] RestoreError),
    /// A stored record of the configuration cannot be read.
    #[error(transparent)]
    StoredConfiguration(#[from] mesher_config::RestoreError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The audit file cannot be written.
    #[error("the audit file in {} cannot be written: {source}", folder.display())]
    Audit {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
