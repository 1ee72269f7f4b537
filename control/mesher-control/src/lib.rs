//! The control plane's HTTP face: Service Center v4, kie, config-center, `/mesher/v1`, the status page, health and metrics.
//! It must not decide what a call means for the records; that is `mesher-registry`'s.

mod access;
mod answer;
mod audit;
mod body;
mod cabinet;
mod clock;
mod configuration;
mod connection;
mod control;
mod doors;
mod error;
mod gate;
mod hosts;
mod journal;
mod keep;
mod links;
mod mesh;
mod metrics;
mod own;
mod page;
mod proxies;
mod routes;
mod rows;
mod secure;
mod server;
mod settings;
mod v4;
mod watch;

pub use clock::Clock;
pub use error::ControlError;
pub use mesher_tls::CertificateFiles;
pub use server::Server;
pub use settings::{AccessSettings, Settings, TlsSettings};

/// Version of the control plane: of every crate of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests;
