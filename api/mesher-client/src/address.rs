//! The addresses of a control plane, as a person writes them.
//! It must not resolve names: that happens anew at each connection.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

/// One address of a control plane: `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    authority: Authority,
    is_secure: bool,
}

/// Why a text is no address of a control plane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is no URL with a host.
    #[error("{0:?} is no address; write http://HOST:PORT or https://HOST:PORT")]
    Malformed(String),
    /// There is a path or a query.
    #[error("{0:?} has a path; write http://HOST:PORT alone")]
    HasPath(String),
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `http://HOST:PORT`, `https://HOST:PORT`, `HOST:PORT` or `HOST`; the port is 30100 when absent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || AddressError::Malformed(text.to_owned());
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = with_scheme.parse().map_err(|_| malformed())?;
        let is_secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(malformed()),
        };
        if !matches!(uri.path_and_query().map(http::uri::PathAndQuery::as_str), None | Some("/" | "")) {
            return Err(AddressError::HasPath(text.to_owned()));
        }
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(malformed());
        }
        let authority = match authority.port_u16() {
            Some(0) => return Err(malformed()),
            Some(_) => authority.clone(),
            // A port that is no port: the parser keeps its text and reads none.
            None if authority.as_str().len() > authority.host().len() => return Err(malformed()),
            None => format!("{}:30100", authority.host()).parse().map_err(|_| malformed())?,
        };
        Ok(Self { authority, is_secure })
    }
}

impl Address {
    /// The URL of `path_and_query` at this address; `None` where the path holds what no URL can.
    pub(crate) fn url(&self, path_and_query: &str) -> Option<Uri> {
        Uri::builder()
            .scheme(if self.is_secure { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(self.authority.clone())
            .path_and_query(path_and_query)
            .build()
            .ok()
    }

    /// Whether TLS is spoken there.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether it cannot lead to another machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `HOST:PORT`
    #[must_use]
    pub fn host_and_port(&self) -> &str {
        self.authority.as_str()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority)
    }
}
