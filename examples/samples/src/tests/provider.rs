//! Calls that only a provider with bad manners brings about.
//! Must not cover what the web page makes of them: `tests/it` does.

use std::time::Duration;

use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::provider::{ANSWER_BYTES_MAX, CallError, Provider};
use crate::route::{Base, Route};

async fn listen() -> (TcpListener, Provider) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let provider = Provider::new(Route::new(&Base::parse(&address).unwrap(), None, ""));
    (listener, provider)
}

/// Takes one connection and the beginning of its request: what comes before a request is no answer to it.
async fn hear(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.read_u8().await.unwrap();
    stream
}

#[tokio::test]
async fn a_silent_provider_is_given_up_in_time() {
    let (_silent, mut provider) = listen().await;
    provider.call_timeout = Duration::from_millis(50);
    let failure = provider.fetch("/bmi", HeaderMap::new()).await.unwrap_err();
    assert!(matches!(failure, CallError::Timeout { .. }), "{failure}");
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let (listener, provider) = listen().await;
    tokio::spawn(async move {
        let mut stream = hear(&listener).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 10 * ANSWER_BYTES_MAX);
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    });
    let failure = provider.fetch("/bmi", HeaderMap::new()).await.unwrap_err();
    assert!(matches!(failure, CallError::Body { .. }), "{failure}");
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_a_failure() {
    let (listener, provider) = listen().await;
    tokio::spawn(async move {
        let mut stream = hear(&listener).await;
        stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await.unwrap();
    });
    let failure = provider.fetch("/bmi", HeaderMap::new()).await.unwrap_err();
    assert!(matches!(failure, CallError::Exchange { .. }), "{failure}");
}
