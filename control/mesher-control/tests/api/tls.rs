//! TLS on the API: a certificate that is replaced while the control plane serves.
//! It must not count on a pause being long enough: it asks until the new certificate is there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http_body_util::Empty;
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mesher_control::{CertificateFiles, Server, Settings, TlsSettings};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::Log;

/// How long a change may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the log says of a certificate that cannot be used.
const KEPT_LAST: &str = "the last good one is served on";

/// Writes a new certificate and its key, and the certificate alone as the authority `name`.
fn write(folder: &Path, name: &str) -> PathBuf {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("tls.crt"), &certificate).unwrap();
    let authority = folder.join(name);
    std::fs::write(&authority, certificate).unwrap();
    authority
}

/// Whether a new connection trusts the server by this authority, and is served.
async fn is_served(url: &str, authority: &Path) -> bool {
    let connector = mesher_tls::connector(HttpConnector::new(), Some(authority)).unwrap();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = client.get(format!("{url}/readyz").parse::<Uri>().unwrap()).await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart() {
    let log = Log::default();
    let _guard = log.begin();
    let folder = TempDir::new().unwrap();
    let first = write(folder.path(), "first.crt");
    let files =
        CertificateFiles { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
    let tls = TlsSettings { look_every: Duration::from_millis(20), ..TlsSettings::new(files) };
    let listen = ([127, 0, 0, 1], 0).into();
    let settings = Settings { listen, kie_listen: Some(listen), tls: Some(tls), ..Settings::default() };
    let server = Server::bind(settings).await.unwrap();
    let (url, kie) = (server.url(), server.kie_url().unwrap());
    assert!(url.starts_with("https://"));
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.serve(async { drop(stopped.await) }));
    assert!(is_served(&url, &first).await && is_served(&kie, &first).await);
    let plain = kie.replace("https://", "http://");
    assert!(!is_served(&plain, &first).await, "no door speaks without TLS");

    std::fs::write(folder.path().join("tls.crt"), "half of a change").unwrap();
    // Before the server has looked at it, an answer tells nothing.
    let begun = Instant::now();
    while !log.text().contains(KEPT_LAST) {
        assert!(begun.elapsed() < PATIENCE, "the broken certificate is not seen: {}", log.text());
        tokio::task::yield_now().await;
    }
    assert!(is_served(&url, &first).await);
    let second = write(folder.path(), "second.crt");
    let begun = Instant::now();
    while !is_served(&url, &second).await {
        assert!(begun.elapsed() < PATIENCE, "the new certificate is not served");
        tokio::task::yield_now().await;
    }
    assert!(!is_served(&url, &first).await);
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}
