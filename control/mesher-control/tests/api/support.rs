//! A control plane on a free port, with a clock in the test's hand, a client for it, and what it logs.
//! It must not interpret answers beyond reading them as text or JSON.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mesher_control::{Clock, Server, Settings};
use mesher_registry::Moment;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Seconds since the epoch at which every test begins: 2023-11-14T22:13:20Z.
const BEGIN: u64 = 1_700_000_000;

/// The registry's API.
pub(crate) const REGISTRY: &str = "/v4/default/registry";
/// Its services.
pub(crate) const SERVICES: &str = "/v4/default/registry/microservices";

pub(crate) struct Plane {
    pub(crate) address: SocketAddr,
    seconds: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer must be this refusal of the v4 API, in the one form that all clients read.
    pub(crate) fn assert_refused(&self, code: &str) {
        assert_eq!(self.status.to_string(), code[..3], "{self:?}");
        assert!(self.text.starts_with(&format!(r#"{{"errorCode":"{code}","errorMessage":""#)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json; charset=UTF-8");
    }

    pub(crate) fn assert_empty(&self) {
        assert_eq!((self.status, self.text.as_str()), (200, ""), "{self:?}");
    }
}

/// A log that a test reads.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Takes what this thread logs, in the form in which the command logs it.
    pub(crate) fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
        tracing::subscriber::set_default(lines.finish())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Plane {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let seconds = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&seconds);
        let clock = Clock::from_fn(move || {
            let now = clock.load(Ordering::SeqCst);
            Moment { monotonic: Duration::from_secs(now), unix: Duration::from_secs(BEGIN + now) }
        });
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(Settings { listen, clock, ..settings }).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            server.serve(async { drop(stopped.await) }).await.unwrap();
        });
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { address, seconds, stop, served, client }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Tells the server to end; the handle is done when it has.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.served
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let (head, body) = self.exchange(method, path, headers, body.into()).await;
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, text }
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> (hyper::http::response::Parts, Bytes) {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        (head, body.collect().await.unwrap().to_bytes())
    }

    /// The status of what another address answers.
    pub(crate) async fn get_from(address: SocketAddr, path: &str) -> u16 {
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        client.get(format!("http://{address}{path}").parse().unwrap()).await.unwrap().status().as_u16()
    }

    /// A good answer that is no text.
    /// Sends a request whose body does not end: this head, then the block at most so many times. Answers what came back, and
    /// how many blocks were taken.
    pub(crate) async fn flood(&self, head: &str, block: Vec<u8>, most: usize) -> (String, usize) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let sent = tokio::spawn(async move {
            let mut count = 0;
            while count < most && to.write_all(&block).await.is_ok() {
                count += 1;
            }
            count
        });
        let mut answer = Vec::new();
        // The rest is cut off; what was answered before stands.
        drop(from.read_to_end(&mut answer).await);
        (String::from_utf8_lossy(&answer).into_owned(), sent.await.unwrap())
    }

    pub(crate) async fn get_bytes(&self, path: &str) -> Bytes {
        let (head, body) = self.exchange("GET", path, &[], Bytes::new()).await;
        assert_eq!(head.status, 200);
        body
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, &[], body.to_owned()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body.to_owned()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "").await
    }

    /// Registers a service of application `shop` and answers its id.
    pub(crate) async fn service(&self, name: &str, version: &str) -> String {
        let body =
            format!(r#"{{"service":{{"appId":"shop","serviceName":"{name}","version":"{version}"}}}}"#);
        let answer = self.post(SERVICES, &body).await;
        answer.json()["serviceId"].as_str().unwrap().to_owned()
    }

    /// Registers an instance with the least lease, 20 seconds, and answers its id.
    pub(crate) async fn instance(&self, service: &str, host: &str) -> String {
        let body = format!(
            r#"{{"instance":{{"hostName":"{host}","endpoints":["rest://10.0.0.7:8080"],
                "healthCheck":{{"mode":"push","interval":5,"times":3}}}}}}"#
        );
        let path = format!("{SERVICES}/{service}/instances");
        self.post(&path, &body).await.json()["instanceId"].as_str().unwrap().to_owned()
    }
}
