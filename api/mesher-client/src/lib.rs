//! A typed client of the control plane, ours or an original Service Center.
//! It must not decide what to do about a failure, and must not be led by `http_proxy`: it could end in itself.

mod address;
mod error;
mod mesh;
mod registry;
mod transport;

pub use address::{Address, AddressError};
pub use error::ClientError;
pub use registry::ServiceIdentity;
pub use transport::Tenancy;

use transport::Transport;

/// A client of one control plane, which may have several addresses.
///
/// Cheap to clone; clones share connections. Every call ends within [`CALL_TIME_MAX`].
#[derive(Debug, Clone)]
pub struct ControlClient {
    transport: Transport,
}

/// The longest that one call to one address may take.
pub const CALL_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// The largest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

impl ControlClient {
    /// A client of the control plane at `addresses`. Nothing is connected yet.
    #[must_use]
    pub fn new(addresses: Vec<Address>, tenancy: Tenancy) -> Self {
        Self { transport: Transport::new(addresses, tenancy) }
    }
}

#[cfg(test)]
mod tests;
