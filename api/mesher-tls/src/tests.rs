//! Both ends against each other over loopback, with certificates made here.
//! They must not ask for a file of the machine's own.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::{CertificateFiles, Keeper, Refusal, TlsError, connector};

struct Folder {
    _folder: TempDir,
    files: CertificateFiles,
}

/// A certificate for `localhost`, and its key; good until this year.
fn made(until: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn folder((certificate, key): (String, String)) -> Folder {
    let folder = TempDir::new().unwrap();
    let files =
        CertificateFiles { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
    let made = Folder { _folder: folder, files };
    made.write(&certificate, &key);
    made
}

impl Folder {
    fn write(&self, certificate: &str, key: &str) {
        fs::write(&self.files.certificate, certificate).unwrap();
        fs::write(&self.files.key, key).unwrap();
    }
}

/// A handshake that trusts `certificate`; what came of it at the server.
async fn shake(keeper: &Keeper, certificate: &str) -> Result<(), Refusal> {
    let mut roots = RootCertStore::empty();
    let file = PathBuf::from("here");
    roots.add(crate::files::certificates(&file, certificate.as_bytes()).unwrap().remove(0)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(drop)
    };
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        keeper.accept(stream).await
    };
    let (client, server) = tokio::join!(client, server);
    assert_eq!(client.is_ok(), server.is_ok(), "{client:?}");
    server.map(drop)
}

#[tokio::test]
async fn a_certificate_is_replaced_while_it_serves_and_a_bad_one_is_not_taken() {
    let (first, key) = made(2999);
    let folder = folder((first.clone(), key));
    let keeper = Keeper::new(folder.files.clone()).unwrap();
    shake(&keeper, &first).await.unwrap();
    assert!(!keeper.look_again().unwrap(), "nothing is new");

    let (second, second_key) = made(2999);
    folder.write(&second, "no key");
    assert!(keeper.look_again().is_err(), "half of a pair");
    shake(&keeper, &first).await.unwrap();
    assert!(matches!(shake(&keeper, &second).await, Err(Refusal::Handshake(_))));

    folder.write(&second, &second_key);
    assert!(keeper.look_again().unwrap());
    shake(&keeper, &second).await.unwrap();
    assert!(matches!(shake(&keeper, &first).await, Err(Refusal::Handshake(_))));

    fs::remove_file(&folder.files.key).unwrap();
    assert!(matches!(keeper.look_again(), Err(TlsError::Unreadable { .. })));
    shake(&keeper, &second).await.unwrap();
}

#[test]
fn a_bad_file_is_named_with_its_fault() {
    let (certificate, key) = made(2999);
    let (_, other_key) = made(2999);
    let half = &certificate[..certificate.len() / 2];
    let broken = certificate.replace("MII", "AAA");
    let table = [
        ("", key.as_str(), "tls.crt", "no certificate"),
        ("nonsense", &key, "tls.crt", "no certificate"),
        (half, &key, "tls.crt", "cannot be read"),
        (&broken, &key, "tls.crt", "broken"),
        (&certificate, "", "tls.key", "no private key"),
        (&certificate, &certificate, "tls.key", "no private key"),
        (&certificate, &other_key, "tls.key", "does not belong"),
    ];
    for (certificate, key, file, fault) in table {
        let folder = folder((certificate.to_owned(), key.to_owned()));
        let told = Keeper::new(folder.files.clone()).unwrap_err().to_string();
        assert!(told.contains(file) && told.contains(fault), "{file}, {fault}: {told}");
        assert!(!told.contains("PRIVATE") && !told.contains("MII"), "{told}");
    }
    let missing = CertificateFiles { certificate: "/nowhere/tls.crt".into(), key: "/nowhere/tls.key".into() };
    let told = Keeper::new(missing).unwrap_err().to_string();
    assert!(told.contains("/nowhere/tls.crt") && told.contains("No such file"), "{told}");
}

#[test]
fn a_certificate_that_ran_out_is_complained_of() {
    let good = folder(made(2999));
    assert_eq!(Keeper::new(good.files.clone()).unwrap().complaint(), None);
    let old = folder(made(2001));
    let told = Keeper::new(old.files.clone()).unwrap().complaint().unwrap();
    assert!(told.contains("ran out"), "{told}");
}

#[tokio::test]
async fn plain_http_is_told_to_speak_tls() {
    let folder = folder(made(2999));
    let keeper = Keeper::new(folder.files.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    assert!(matches!(keeper.accept(stream).await, Err(Refusal::Plain)));
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400") && body.contains("https://"), "{answer}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
}

#[test]
fn an_authority_is_read_before_anything_is_connected() {
    let folder = folder(made(2999));
    let http = hyper_util::client::legacy::connect::HttpConnector::new;
    connector(http(), Some(&folder.files.certificate)).unwrap();
    connector(http(), None).unwrap();
    let told = connector(http(), Some(&folder.files.key)).unwrap_err().to_string();
    assert!(told.contains("tls.key") && told.contains("no certificate"), "{told}");
}
