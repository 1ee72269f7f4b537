//! The server's end: handshakes, bounded in time and number, with a certificate that may be replaced while it serves.
//! It must keep the last certificate that was good, and must answer a caller who speaks plain HTTP.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::files::{Contents, complaint_of_time};
use crate::{CertificateFiles, HTTP_1, TlsError};

/// How long a handshake may take, the wait for its first byte included.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Handshakes at one time; more wait, within the same time.
const HANDSHAKES_MAX: usize = 512;
/// What a caller gets who speaks plain HTTP.
const PLAIN_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json; charset=UTF-8\r\n\
    Content-Length: 87\r\nConnection: close\r\n\r\n\
    {\"error\":\"tls_required\",\"detail\":\"this port speaks TLS; write https:// in the address\"}";
/// The first byte of a TLS connection: a record of a handshake (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// A connection after its handshake.
pub type ServerStream = tokio_rustls::server::TlsStream<TcpStream>;

/// Why a connection did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The caller closed, or broke the rules.
    #[error("the handshake failed: {0}")]
    Handshake(io::Error),
    /// The caller took too long.
    #[error("the handshake took too long")]
    TooSlow,
    /// The caller spoke something else; it was told so.
    #[error("the caller does not speak TLS")]
    Plain,
}

/// Holds the certificate, and makes connections with it.
pub struct Keeper {
    files: CertificateFiles,
    provider: Arc<CryptoProvider>,
    contents: Mutex<Contents>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    places: Semaphore,
}

impl std::fmt::Debug for Keeper {
    /// Without the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keeper").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The certificate of the next handshake.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Keeper {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the fault.
    pub fn new(files: CertificateFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let contents = files.read()?;
        let certified = files.certified(&contents, &provider)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(certified)));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_1.to_vec()];
        Ok(Self {
            files,
            provider,
            contents: Mutex::new(contents),
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            places: Semaphore::new(HANDSHAKES_MAX),
        })
    }

    /// Where certificate and key stand.
    #[must_use]
    pub const fn files(&self) -> &CertificateFiles {
        &self.files
    }

    /// What is wrong with the time of the certificate, for people; `None` where it is good now.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        complaint_of_time(self.current.0.load().cert.first()?, &self.provider)
    }

    /// Reads the files again, and takes what they hold for the next handshakes. Says whether it is new. Blocks for the
    /// length of two small reads.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate stays as it was.
    pub fn look_again(&self) -> Result<bool, TlsError> {
        let found = self.files.read()?;
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if *contents == found {
            return Ok(false);
        }
        self.current.0.store(Arc::new(self.files.certified(&found, &self.provider)?));
        *contents = found;
        Ok(true)
    }

    /// Makes a connection of a socket.
    ///
    /// # Errors
    /// [`Refusal`]; the caller is to blame.
    pub async fn accept(&self, stream: TcpStream) -> Result<ServerStream, Refusal> {
        let handshake = async {
            // The place is taken once there is something to do: silence costs a connection, not a place.
            let mut first = [0; 1];
            if stream.peek(&mut first).await.map_err(Refusal::Handshake)? == 0 {
                return Err(Refusal::Handshake(io::ErrorKind::UnexpectedEof.into()));
            }
            if first[0] != HANDSHAKE_RECORD {
                turn_away(stream).await;
                return Err(Refusal::Plain);
            }
            // The semaphore is never closed.
            let _place = self.places.acquire().await.ok();
            self.acceptor.accept(stream).await.map_err(Refusal::Handshake)
        };
        tokio::time::timeout(HANDSHAKE_TIME_MAX, handshake).await.unwrap_or(Err(Refusal::TooSlow))
    }
}

/// Says in plain HTTP that this is no place for it. What has come is read first, or the system would take the answer
/// back with a reset.
async fn turn_away(mut stream: TcpStream) {
    let mut unread = [0; 4096];
    let _ = stream.try_read(&mut unread);
    if stream.write_all(PLAIN_ANSWER.as_bytes()).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}
