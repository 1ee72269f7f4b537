//! TLS of the control plane's API, both ends: a server's certificate from files, a client's roots.
//! It must be the only crate that names the TLS library, and must never fall back to what is not encrypted.
//!
//! TLS 1.2 and 1.3 with `aws-lc-rs`; HTTP/1.1 is what is spoken inside.

mod client;
mod error;
mod files;
mod server;

pub use client::connector;
pub use error::TlsError;
pub use files::CertificateFiles;
pub use server::{Keeper, Refusal, ServerStream};

/// The connector of HTTP clients that may meet `http://` and `https://` addresses.
pub type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;

/// The protocol inside, as ALPN names it.
const HTTP_1: &[u8] = b"http/1.1";

#[cfg(test)]
mod tests;
