//! Connections: how they are bounded, and how they end with the server.
//! They must not use the shared client: it hides connections.

use std::net::SocketAddr;
use std::time::Duration;

use mesher_control::{ControlError, Server, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Plane;

/// Far longer than anything here takes, shorter than the server's own bounds would make it.
const SOON: Duration = Duration::from_secs(4);

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    timeout(SOON, stream.read_u8()).await.is_ok_and(|byte| byte.is_err())
}

#[tokio::test]
async fn a_taken_address_is_named_with_the_remedy() {
    let plane = Plane::start().await;
    let settings = Settings { listen: plane.address, ..Settings::default() };
    let error = Server::bind(settings).await.unwrap_err();
    assert!(matches!(error, ControlError::AddressTaken(_)));
    let text = format!(
        "another process listens on {}; stop it or choose another address with --listen, --kie-listen or --config-center-listen",
        plane.address
    );
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn idle_connections_close_at_once_with_the_server() {
    let plane = Plane::start().await;
    let address = plane.address;
    let mut used = TcpStream::connect(address).await.unwrap();
    used.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut used, "\r\n\r\n").await;
    let mut fresh = TcpStream::connect(address).await.unwrap();
    // Once this is answered, the connection before it has been taken too.
    plane.get("/livez").await;
    let ended = plane.stop();
    assert!(is_closed(&mut used).await);
    assert!(is_closed(&mut fresh).await);
    timeout(SOON, ended).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let plane = Plane::start().await;
    let mut stream = TcpStream::connect(plane.address).await.unwrap();
    let body = r#"{"service":{"serviceName":"late"}}"#;
    let head = format!(
        "POST /v4/default/registry/microservices HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let wanted = read_until(&mut stream, "\r\n\r\n").await;
    assert!(wanted.starts_with("HTTP/1.1 100"), "the server waits for the body: {wanted}");
    let ended = plane.stop();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("Connection: close"), "{answer}");
    timeout(SOON, ended).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_does_not_hold_the_server() {
    let plane = Plane::start().await;
    let mut stream = TcpStream::connect(plane.address).await.unwrap();
    let head = "PUT /v4/default/registry/heartbeats HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    plane.stop().await.unwrap();
    assert!(is_closed(&mut stream).await);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_and_a_slow_head_are_closed() {
    let plane = Plane::start().await;
    for sent in ["", "GET /livez HTTP/1.1\r\nho", "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = TcpStream::connect(plane.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let closed = timeout(Duration::from_secs(70), stream.read_to_string(&mut answer)).await;
        assert!(closed.is_ok(), "{sent:?} is still open, {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_bound_wait_their_turn() {
    let plane = Plane::start_with(Settings { max_connections: 1, ..Settings::default() }).await;
    let ask = |address: SocketAddr| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        stream
    };
    let mut first = ask(plane.address).await;
    read_until(&mut first, "\r\n\r\n").await;
    let mut second = ask(plane.address).await;
    let early = timeout(Duration::from_millis(50), second.read_u8()).await;
    assert!(early.is_err(), "the second was answered beside the first");
    drop(first);
    let answer = timeout(SOON, read_until(&mut second, "\r\n\r\n")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// As Java clients of kie and of the registry look for it: with its case.
#[tokio::test]
async fn names_of_fields_are_written_as_the_original_writes_them() {
    let plane = Plane::start().await;
    for (path, name) in [
        ("/v1/default/kie/kv", "\r\nX-Kie-Revision: "),
        ("/v1/default/kie/kv?revision=0", "\r\nX-Kie-Revision: "),
        (
            "/v4/default/registry/instances?appId=default&serviceName=SERVICECENTER&version=0%2B",
            "\r\nX-Resource-Revision: ",
        ),
    ] {
        let mut stream = TcpStream::connect(plane.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", plane.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains(name), "{answer}");
    }
}
