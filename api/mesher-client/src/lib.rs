//! A typed client of the control plane, ours or an original Service Center.
//! It must not decide what to do about a failure, and must not be led by `http_proxy`: it could end in itself.

mod address;
mod credentials;
mod error;
mod explain;
mod found;
mod keys;
mod link;
mod mesh;
mod registry;
mod rules;
mod standing;
mod transport;
mod watch;
mod web_socket;

pub use address::{Address, AddressError};
pub use credentials::Credentials;
pub use error::ClientError;
pub use found::FoundInstances;
pub use keys::{ItemList, KeyList};
pub use link::{Heard, Link, LinkEnd};
pub use mesher_tls::TlsError;
pub use registry::ServiceIdentity;
pub use rules::bases;
pub use transport::Tenancy;
pub use watch::{Watch, Watched};

use std::path::Path;

use transport::Transport;

/// A client of one control plane, which may have several addresses.
///
/// Cheap to clone; clones share connections, and what is remembered of the addresses. Every call ends within
/// [`CALL_TIME_MAX`]. Once an address has answered for one control plane, another address that answers for another is
/// refused ([`ClientError::Stranger`]); the address itself may come back as another, as after a restart without data. An
/// address that answers 429 or 503 with `Retry-After` is left alone for that long, [`REST_MAX`] at the most.
#[derive(Debug, Clone)]
pub struct ControlClient {
    transport: Transport,
}

/// The longest that one call to one address may take.
pub const CALL_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// Arrays and objects that may stand in one another in an answer.
pub const ANSWER_DEPTH_MAX: usize = 64;
/// How long an address is left alone at the most, whatever it asks for.
pub const REST_MAX: std::time::Duration = std::time::Duration::from_secs(60);
/// The largest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

impl ControlClient {
    /// A client of the control plane at `addresses`, known by `credentials`. Where an address asks for TLS, the
    /// certificate must lead to a root of the file `authority`, or of the system where none is given. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// [`TlsError`] where an address asks for TLS and `authority` cannot be used: whoever named the file is to blame.
    pub fn new(
        addresses: Vec<Address>,
        tenancy: Tenancy,
        credentials: Credentials,
        authority: Option<&Path>,
    ) -> Result<Self, TlsError> {
        Ok(Self { transport: Transport::new(addresses, tenancy, credentials, authority)? })
    }
}

#[cfg(test)]
mod credential_tests;
#[cfg(test)]
mod standing_tests;
#[cfg(test)]
mod tests;
