//! A certificate with its key, read from two files in PEM.
//! It must name the file and the fault, and must never show a byte of a key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};

use crate::TlsError;

/// Most bytes of a file: a chain of certificates has some thousands.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where certificate and key stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and after it those that lead to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What the two files hold.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateFiles {
    pub(crate) fn read(&self) -> Result<Contents, TlsError> {
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    pub(crate) fn certified(
        &self,
        contents: &Contents,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let malformed = |reason: String| TlsError::Malformed { file: self.key.clone(), reason };
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|error| match error {
            PemError::NoItemsFound => malformed("there is no private key in it".to_owned()),
            error => malformed(format!("the private key cannot be read: {error}")),
        })?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { certificate: self.certificate.clone(), key: self.key.clone() }
            }
            Error::InvalidCertificate(reason) => TlsError::Malformed {
                file: self.certificate.clone(),
                reason: format!("the certificate is broken: {reason}"),
            },
            error => malformed(format!("the private key cannot be used: {error}")),
        })
    }
}

/// The certificates of a file; at least one.
pub(crate) fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed = |reason: String| TlsError::Malformed { file: file.to_owned(), reason };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates =
        certificates.map_err(|error| malformed(format!("a certificate cannot be read: {error}")))?;
    if certificates.is_empty() {
        return Err(malformed("there is no certificate in it; PEM is expected".to_owned()));
    }
    Ok(certificates)
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { file: file.to_owned(), source };
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        let reason = format!("more than {FILE_BYTES_MAX} bytes are no certificate");
        return Err(TlsError::Malformed { file: file.to_owned(), reason });
    }
    std::fs::read(file).map_err(unreadable)
}

/// What is wrong with the time of a certificate, for people; `None` where it is good now.
///
/// The library tells the time of a certificate only while it checks one, and it looks at the time first. So it is had
/// checked against itself as a root, and every other complaint is passed over.
pub(crate) fn complaint_of_time(
    certificate: &CertificateDer<'static>,
    provider: &Arc<CryptoProvider>,
) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).ok()?;
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = builder.build().ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let verdict = verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::since_unix_epoch(now));
    let days = |seconds: u64| seconds / 86_400;
    match verdict {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            let ago = days(now.as_secs().saturating_sub(not_after.as_secs()));
            Some(format!("the certificate ran out {ago} days ago; clients will refuse it"))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            let left = days(not_before.as_secs().saturating_sub(now.as_secs()));
            Some(format!("the certificate is not good before {left} days from now; clients will refuse it"))
        }
        _ => None,
    }
}
