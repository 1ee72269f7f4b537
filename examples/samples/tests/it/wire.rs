//! The two ends of the wire: a caller that reads raw answers, and a provider that answers from a script.
//! Must not understand HTTP beyond a head and a body: the samples are what is tested.

use std::net::SocketAddr;

use mesher_samples::{Kind, Sample, Settings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

pub(crate) fn settings(service: &str) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        service: service.to_owned(),
        version: "0.0.1".to_owned(),
        instance: format!("{service}-a"),
        provider: None,
        proxy: None,
        no_proxy: None,
    }
}

/// Starts a sample that lives as long as the test.
pub(crate) async fn start(kind: Kind, settings: Settings) -> SocketAddr {
    let sample = Sample::bind(kind, settings).await.unwrap();
    let address = sample.address();
    tokio::spawn(sample.serve(std::future::pending()));
    address
}

pub(crate) async fn get(address: SocketAddr, target: &str) -> Answer {
    send(address, &format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")).await
}

/// Sends a request and reads until the other side closes.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A provider, or a proxy, that gives each connection a script of answers, and then closes it.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    /// The heads of the requests that came, as they came.
    pub(crate) heads: mpsc::UnboundedReceiver<String>,
}

impl Scripted {
    pub(crate) async fn start(connections: Vec<Vec<String>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, heads) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for answers in connections {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                for answer in answers {
                    // Not every test listens to what was asked.
                    let _ = heard.send(read_head(&mut stream).await);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { address, heads }
    }
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
    head
}

/// An answer with a body, on a connection that stays open.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
