//! The client's end: which roots a server's certificate may lead to.
//! It must not be set up where nobody asks for it: the roots of a system take a megabyte and some time.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::files::{certificates, read};
use crate::{Connector, TlsError};

/// A connector for `http://` and `https://`. The roots are those of `authority`, a file in PEM; the system's where none
/// is given.
///
/// # Errors
/// [`TlsError`] names the file and the fault.
pub fn connector(mut http: HttpConnector, authority: Option<&Path>) -> Result<Connector, TlsError> {
    // It connects for the TLS above it too.
    http.enforce_http(false);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(authority)?)
        .with_no_client_auth();
    // The protocol inside is named by the builder.
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http))
}

fn roots(authority: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(file) => {
            for certificate in certificates(file, &read(file)?)? {
                roots.add(certificate).map_err(|error| TlsError::Malformed {
                    file: file.to_owned(),
                    reason: format!("a certificate is broken: {error}"),
                })?;
            }
        }
        // A system without roots, or with some that cannot be read, trusts nobody by them: the handshake says so.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    Ok(roots)
}
