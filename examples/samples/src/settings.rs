//! What a sample is told at its start, as plain values.
//! Must not read the environment: the command does, and passes on what it found.

use std::net::SocketAddr;

/// The provider that the web page asks when none is named: a service name, which the proxy resolves.
pub const DEFAULT_PROVIDER: &str = "http://calculator";

/// Which of the two services to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers `GET /bmi`.
    Calculator,
    /// The page at `/`, which asks a calculator.
    Webapp,
}

/// Everything that a sample needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one, which [`Sample::address`](crate::Sample::address) tells.
    pub listen: SocketAddr,
    /// The service's name, as its answers give it.
    pub service: String,
    /// The service's version, as its answers give it; it changes nothing else.
    pub version: String,
    /// The instance's id, as its answers give it, so that balancing can be seen.
    pub instance: String,
    /// Base address of the calculator (`PROVIDER_ADDR`), plain `http`; [`DEFAULT_PROVIDER`] when absent. The
    /// calculator itself does not look at it.
    pub provider: Option<String>,
    /// The proxy that calls go through (`http_proxy`), `http://HOST:PORT` or `HOST:PORT`; straight to the
    /// provider when absent or empty.
    pub proxy: Option<String>,
    /// Hosts that are called without the proxy (`no_proxy`): names, domains and addresses, comma-separated, or `*`.
    pub no_proxy: Option<String>,
}
