//! The addresses of a control plane, as a person writes them.
//! It must not resolve names: that happens anew at each connection.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

/// One address of a control plane: `http://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    authority: Authority,
}

/// Why a text is no address of a control plane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is no URL with a host.
    #[error("{0:?} is no address; write http://HOST:PORT")]
    Malformed(String),
    /// TLS towards the control plane is not there yet.
    #[error(
        "{0:?} asks for https, which this release does not speak to the control plane yet; write http://HOST:PORT"
    )]
    Tls(String),
    /// There is a path or a query.
    #[error("{0:?} has a path; write http://HOST:PORT alone")]
    HasPath(String),
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `http://HOST:PORT`, `HOST:PORT` or `HOST`; the port is 30100 when absent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || AddressError::Malformed(text.to_owned());
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = with_scheme.parse().map_err(|_| malformed())?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => return Err(AddressError::Tls(text.to_owned())),
            _ => return Err(malformed()),
        }
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
        Ok(Self { authority })
    }
}

impl Address {
    /// The URL of `path_and_query` at this address; `None` where the path holds what no URL can.
    pub(crate) fn url(&self, path_and_query: &str) -> Option<Uri> {
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path_and_query)
            .build()
            .ok()
    }

    /// `HOST:PORT`
    #[must_use]
    pub fn host_and_port(&self) -> &str {
        self.authority.as_str()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.authority)
    }
}
