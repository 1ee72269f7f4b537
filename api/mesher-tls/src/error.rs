//! Why TLS cannot be set up: which file, and what is wrong with it.
//! It must not hold what goes wrong with a single connection.

use std::path::PathBuf;

/// A file that cannot be used. Whoever wrote or named it is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no PEM, or what stands in it is broken.
    #[error("{}: {reason}", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key is another certificate's.
    #[error("{}: this key does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The library refuses what it is given; a fault of this crate.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}
