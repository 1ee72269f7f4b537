//! The grammar of an instance's endpoint: `scheme://host:port[/][?key=value[&key=value]]`.
//! It must not resolve a name or judge whether an address is reachable.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A parsed endpoint of an instance.
///
/// Source: Service Center v4, endpoint URI grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The transport: `rest`, `grpc`, `tcp`, `highway`, …; lower case.
    pub scheme: String,
    /// The address. Names are refused: an endpoint is reachable as it stands or not at all.
    pub address: SocketAddr,
    /// Whether the peer speaks TLS (`sslEnabled=true`).
    pub is_tls: bool,
    /// Whether the peer speaks HTTP/2 (`protocol=http2`).
    pub is_http2: bool,
}

/// Why an endpoint cannot be used. The instance that registered it is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// There is no `scheme://`.
    #[error("endpoint {0:?} has no scheme; expected SCHEME://HOST:PORT")]
    Scheme(String),
    /// The host is no IP address.
    #[error("endpoint {0:?} has no IP address as its host")]
    Host(String),
    /// The port is missing, zero or too large.
    #[error("endpoint {0:?} has no usable port; expected 1 to 65535")]
    Port(String),
}

impl Endpoint {
    /// Reads an endpoint as an instance registered it.
    ///
    /// # Errors
    /// [`EndpointError`] names the part that cannot be used, with the text as it stood.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| EndpointError::Scheme(text.to_owned()))?;
        if scheme.is_empty()
            || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return Err(EndpointError::Scheme(text.to_owned()));
        }
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, query),
            None => (rest, ""),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').ok_or_else(|| EndpointError::Port(text.to_owned()))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let ip: IpAddr = host.parse().map_err(|_| EndpointError::Host(text.to_owned()))?;
        let port = port
            .parse()
            .ok()
            .filter(|&port: &u16| port != 0)
            .ok_or_else(|| EndpointError::Port(text.to_owned()))?;
        let has = |pair: &str| query.split('&').any(|other| other == pair);
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            address: SocketAddr::new(ip, port),
            is_tls: has("sslEnabled=true"),
            is_http2: has("protocol=http2"),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.address)?;
        let mut separator = '?';
        for (is_set, pair) in [(self.is_tls, "sslEnabled=true"), (self.is_http2, "protocol=http2")] {
            if is_set {
                write!(formatter, "{separator}{pair}")?;
                separator = '&';
            }
        }
        Ok(())
    }
}
