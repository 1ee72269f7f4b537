//! One request to one of several addresses, bounded in time and size.
//! It must not follow redirects and must not retry what an address has answered.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mesher_model::mesh::MeshError;
use mesher_model::{CONSUMER_HEADER, DOMAIN_HEADER, ErrorBody};
use mesher_tls::{Connector, TlsError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::credentials::Keyring;
use crate::standing::Standing;
use crate::{ANSWER_BYTES_MAX, ANSWER_DEPTH_MAX, Address, CALL_TIME_MAX, ClientError, Credentials, standing};

/// Idle connections to the control plane are closed after this time: heartbeats keep one, and one that was only needed for a
/// moment costs the control plane more than the link does.
const IDLE_TIME_MAX: Duration = Duration::from_secs(15);
/// How much of a strange answer a message shows.
const SHOWN_BYTES_MAX: usize = 120;

/// On whose behalf the client speaks.
#[derive(Debug, Clone)]
pub struct Tenancy {
    /// The tenant.
    pub domain: String,
    /// The project segment of the paths.
    pub project: String,
}

impl Default for Tenancy {
    fn default() -> Self {
        Self { domain: mesher_model::DEFAULT.to_owned(), project: mesher_model::DEFAULT.to_owned() }
    }
}

/// The connections and where they lead.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    addresses: Arc<[Address]>,
    standing: Arc<Standing>,
    tenancy: Arc<Tenancy>,
    http: Http,
    keyring: Keyring,
}

/// The connections: TLS is set up only where an address asks for it, since the roots of a system take much memory.
#[derive(Debug, Clone)]
enum Http {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Secure(Client<Connector, Full<Bytes>>),
}

impl Http {
    fn new(is_secure: bool, authority: Option<&Path>) -> Result<Self, TlsError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CALL_TIME_MAX / 2));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIME_MAX);
        Ok(if is_secure {
            Self::Secure(builder.build(mesher_tls::connector(connector, authority)?))
        } else {
            Self::Plain(builder.build(connector))
        })
    }

    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Secure(client) => client.request(request),
        }
    }
}

/// One request.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) consumer: Option<&'a str>,
    /// Fields that only this call has.
    pub(crate) fields: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    /// How long it may take at one address.
    pub(crate) time_max: Duration,
    /// Whether it is sent to an address that asked to be left alone, too.
    pub(crate) is_urgent: bool,
}

impl Transport {
    pub(crate) fn new(
        addresses: Vec<Address>,
        tenancy: Tenancy,
        credentials: Credentials,
        authority: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let http = Http::new(addresses.iter().any(Address::is_secure), authority)?;
        let tenancy = Arc::new(tenancy);
        let keyring = Keyring::new(credentials);
        Ok(Self { addresses: addresses.into(), standing: Arc::default(), tenancy, http, keyring })
    }

    /// The project in paths.
    pub(crate) fn project(&self) -> String {
        escape(&self.tenancy.project)
    }

    /// The path of the v4 registry API.
    pub(crate) fn registry_path(&self, rest: &str) -> String {
        format!("/v4/{}/registry{rest}", self.project())
    }

    /// Sends `call` with what the client is known by, and reads its answer.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Bytes, ClientError> {
        self.with_token(async |token| self.send_with(&call, token).await).await
    }

    /// As [`Self::send`], with the fields of the answer. `None`: what was asked for stands as the caller has it.
    pub(crate) async fn send_unless_same(
        &self,
        call: Call<'_>,
    ) -> Result<Option<(HeaderMap, Bytes)>, ClientError> {
        let take = async |address: &Address, answer: Response<Incoming>| {
            let (head, body) = answer.into_parts();
            let body = whole(address, head.status, body).await?;
            if head.status == StatusCode::NOT_MODIFIED {
                return Ok(None);
            }
            read_answer(address, head.status, body).map(|body| Some((head.headers, body)))
        };
        self.with_token(async |token| self.at_addresses(&call, token, take).await).await
    }

    /// As [`Self::send`], for a connection that becomes another.
    pub(crate) async fn upgrade(
        &self,
        call: &Call<'_>,
        is_taken: impl Fn(&Response<Incoming>) -> bool,
    ) -> Result<Upgraded, ClientError> {
        let take = async |address: &Address, answer| upgraded(address, answer, &is_taken).await;
        self.with_token(async |token| self.at_addresses(call, token, take).await).await
    }

    /// Does something with what the client is known by. A token that is not taken is replaced once: a control plane that
    /// was started anew may know none of those that it gave out before.
    async fn with_token<T>(
        &self,
        act: impl AsyncFn(Option<&HeaderValue>) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let token = self.keyring.field(self).await?;
        let answer = act(token.as_ref()).await;
        let Some(used) = token.filter(|_| answer.as_ref().is_err_and(|error| error.status() == Some(401)))
        else {
            return answer;
        };
        if !self.keyring.refused(&used).await {
            return answer;
        }
        match self.keyring.field(self).await? {
            Some(other) if other != used => act(Some(&other)).await,
            _ => answer,
        }
    }

    async fn send_with(&self, call: &Call<'_>, token: Option<&HeaderValue>) -> Result<Bytes, ClientError> {
        let take = async |address: &Address, answer: Response<Incoming>| {
            let status = answer.status();
            read_answer(address, status, whole(address, status, answer.into_body()).await?)
        };
        self.at_addresses(call, token, take).await
    }

    /// Sends `call` to the address that answered last, then to the others, until one answers.
    async fn at_addresses<T>(
        &self,
        call: &Call<'_>,
        token: Option<&HeaderValue>,
        take: impl AsyncFn(&Address, Response<Incoming>) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let first = self.standing.preferred();
        let mut last = no_address();
        for offset in 0..self.addresses.len() {
            let index = (first + offset) % self.addresses.len();
            let Some(address) = self.addresses.get(index) else { continue };
            if let Some(rest) = self.standing.rest(index).filter(|_| !call.is_urgent) {
                last = graver(last, resting(address, rest));
                continue;
            }
            match self.exchange(index, call, token, &take).await {
                Err(error) if is_worth_another_address(&error) => last = graver(last, error),
                answer => return answer,
            }
        }
        Err(last)
    }

    /// Sends a request to an address, and takes what is wanted of its answer, in the time of the call.
    async fn exchange<T>(
        &self,
        index: usize,
        call: &Call<'_>,
        token: Option<&HeaderValue>,
        take: &impl AsyncFn(&Address, Response<Incoming>) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let address = self.addresses.get(index).ok_or_else(no_address)?;
        let request = self.request(address, call, token)?;
        let exchange = async {
            let answer = self.http.request(request).await;
            let answer = answer.map_err(|error| unreachable(address, innermost(&error)))?;
            let cluster = standing::cluster(answer.headers());
            self.check_cluster(index, cluster.as_ref())?;
            self.standing.heard(index, answer.status(), answer.headers());
            let taken = take(address, answer).await;
            if !taken.as_ref().is_err_and(is_worth_another_address) {
                self.standing.answered(index, cluster);
            }
            taken
        };
        tokio::time::timeout(call.time_max, exchange).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout { address: address.to_string(), seconds: call.time_max.as_secs() })
        })
    }

    /// Refuses the answer of an address that is no stand-in for the one in use.
    fn check_cluster(&self, index: usize, cluster: Option<&HeaderValue>) -> Result<(), ClientError> {
        let Some((known, known_cluster)) = self.standing.differing(index, cluster) else { return Ok(()) };
        let address = |index: usize| self.addresses.get(index).map(Address::to_string).unwrap_or_default();
        Err(ClientError::Stranger {
            address: address(index),
            cluster: standing::shown(cluster),
            known_address: address(known),
            known_cluster: standing::shown(Some(&known_cluster)),
        })
    }

    /// As [`Self::send`], for something that stands at this ETag.
    pub(crate) async fn send_on_condition(
        &self,
        mut call: Call<'_>,
        tag: &str,
    ) -> Result<Bytes, ClientError> {
        call.fields.push((IF_MATCH, tag.to_owned()));
        self.send(call).await
    }

    /// As [`Self::send`], with the answer read as JSON.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ClientError> {
        self.read(&self.send(call).await?)
    }

    /// As [`Self::fetch`], without a token: for the call that gets one.
    pub(crate) async fn fetch_openly<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ClientError> {
        self.read(&self.send_with(&call, None).await?)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, body: &Bytes) -> Result<T, ClientError> {
        let garbage = |reason: String| ClientError::Garbage {
            address: self.addresses.first().map(Address::to_string).unwrap_or_default(),
            status: StatusCode::OK.as_u16(),
            reason,
        };
        if is_deeper_than(ANSWER_DEPTH_MAX, body) {
            return Err(garbage(format!("it is nested more than {ANSWER_DEPTH_MAX} deep")));
        }
        serde_json::from_slice(body)
            .map_err(|error| garbage(format!("{error}; it began with {:?}", shown(body))))
    }

    /// Writes the answer of the first address into `sink`, piece by piece. Answers how many bytes that were.
    pub(crate) async fn download(&self, path: &str, sink: &mut impl Write) -> Result<u64, ClientError> {
        let token = self.keyring.field(self).await?;
        let address = self.addresses.first().ok_or_else(no_address)?;
        let call = call(Method::GET, path.to_owned());
        let unreachable = |reason| unreachable(address, reason);
        let late =
            |_| ClientError::Timeout { address: address.to_string(), seconds: CALL_TIME_MAX.as_secs() };
        let request = self.request(address, &call, token.as_ref())?;
        let answer = tokio::time::timeout(CALL_TIME_MAX, self.http.request(request)).await.map_err(late)?;
        let answer = answer.map_err(|error| unreachable(innermost(&error)))?;
        let (status, mut body) = (answer.status(), answer.into_body());
        if !status.is_success() {
            return read_answer(address, status, whole(address, status, body).await?).map(|_| 0);
        }
        let mut count = 0;
        while let Some(frame) = tokio::time::timeout(CALL_TIME_MAX, body.frame()).await.map_err(late)? {
            let frame = frame.map_err(|error| unreachable(format!("its answer broke off: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            sink.write_all(&data)
                .map_err(|error| unreachable(format!("its answer cannot be written: {error}")))?;
            count += data.len() as u64;
        }
        Ok(count)
    }

    fn request(
        &self,
        address: &Address,
        call: &Call<'_>,
        token: Option<&HeaderValue>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let unreachable = |reason| unreachable(address, reason);
        let url =
            address.url(&call.path).ok_or_else(|| unreachable(format!("{:?} is no path", call.path)))?;
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(url)
            .header(DOMAIN_HEADER, &self.tenancy.domain)
            .header(http::header::CONTENT_TYPE, "application/json");
        if let Some(consumer) = call.consumer {
            request = request.header(CONSUMER_HEADER, consumer);
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        for (name, value) in &call.fields {
            request = request.header(name, value);
        }
        request.body(Full::new(call.body.clone())).map_err(|error| unreachable(error.to_string()))
    }
}

async fn whole(address: &Address, status: StatusCode, body: Incoming) -> Result<Bytes, ClientError> {
    let announced = body.size_hint().lower();
    if announced > ANSWER_BYTES_MAX as u64 {
        let reason = format!("it announces {announced} bytes, more than {ANSWER_BYTES_MAX}");
        return Err(ClientError::Garbage { address: address.to_string(), status: status.as_u16(), reason });
    }
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    body.map(|body| body.to_bytes())
        .map_err(|error| unreachable(address, format!("its answer broke off: {error}")))
}

/// The connection behind an answer that lets it become another.
async fn upgraded(
    address: &Address,
    answer: Response<Incoming>,
    is_taken: &impl Fn(&Response<Incoming>) -> bool,
) -> Result<Upgraded, ClientError> {
    if is_taken(&answer) {
        return hyper::upgrade::on(answer).await.map_err(|error| unreachable(address, innermost(&error)));
    }
    let status = answer.status();
    let body = whole(address, status, answer.into_body()).await?;
    // Whatever good it means, it is not what was asked for.
    read_answer(address, status, body).and_then(|body| {
        Err(ClientError::Garbage {
            address: address.to_string(),
            status: status.as_u16(),
            reason: format!("it does not upgrade; it began with {:?}", shown(&body)),
        })
    })
}

fn read_answer(address: &Address, status: StatusCode, body: Bytes) -> Result<Bytes, ClientError> {
    if status.is_success() {
        return Ok(body);
    }
    match serde_json::from_slice::<ErrorBody>(&body).or_else(|_| mesh_error(&body)) {
        Ok(body) => Err(ClientError::Refused { address: address.to_string(), status: status.as_u16(), body }),
        Err(_) => Err(ClientError::Garbage {
            address: address.to_string(),
            status: status.as_u16(),
            reason: format!("it began with {:?}", shown(&body)),
        }),
    }
}

/// A refusal in the form of `/mesher/v1`.
fn mesh_error(body: &[u8]) -> serde_json::Result<ErrorBody> {
    let MeshError { error, detail, .. } = serde_json::from_slice(body)?;
    Ok(ErrorBody { error_code: error, error_message: String::new(), detail })
}

/// Whether more than `limit` arrays and objects stand in one another. What is not read is walked through as well.
fn is_deeper_than(limit: usize, json: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

fn unreachable(address: &Address, reason: String) -> ClientError {
    ClientError::Unreachable { address: address.to_string(), reason }
}

fn no_address() -> ClientError {
    ClientError::Unreachable { address: String::new(), reason: "no address is configured".to_owned() }
}

/// A refusal and an unknown path are answers; everything else may be one node's trouble.
fn is_worth_another_address(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { status, .. } => *status >= 500,
        ClientError::Garbage { .. } => !error.is_unknown_path(),
        ClientError::Unreachable { .. }
        | ClientError::Timeout { .. }
        | ClientError::Resting { .. }
        | ClientError::Stranger { .. } => true,
        ClientError::Credentials { .. } => false,
    }
}

/// Which of two failures is told: somebody must act where an address is another control plane.
fn graver(one: ClientError, other: ClientError) -> ClientError {
    if matches!(one, ClientError::Stranger { .. }) { one } else { other }
}

fn resting(address: &Address, rest: Duration) -> ClientError {
    // Rounded up: no rest that is left is told as none.
    let seconds = rest.as_secs() + u64::from(rest.subsec_nanos() > 0);
    ClientError::Resting { address: address.to_string(), seconds }
}

fn shown(body: &[u8]) -> String {
    let end = body.len().min(SHOWN_BYTES_MAX);
    String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned()
}

/// The reason at the bottom: "connection refused" rather than "client error".
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Escapes a segment of a path or a value of a query.
pub(crate) fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A request without a body.
pub(crate) fn call(method: Method, path: String) -> Call<'static> {
    let (fields, body) = (Vec::new(), Bytes::new());
    Call { method, path, consumer: None, fields, body, time_max: CALL_TIME_MAX, is_urgent: false }
}

/// A request with a JSON body.
pub(crate) fn call_with<T: Serialize>(method: Method, path: String, body: &T) -> Call<'static> {
    let body =
        serde_json::to_vec(body).expect("the model's types have string keys and no failing serializer");
    Call { body: body.into(), ..call(method, path) }
}
