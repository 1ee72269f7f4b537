//! One question to one address: whether it accepts a connection, or how it answers a path.
//! It must read no more than it needs, and must end in time whatever comes.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mesher_net::{ConnectError, Socket};

/// What a check calls itself, to whoever is asked.
pub(crate) const USER_AGENT: &str = "mesher-health-check";
/// Bytes of an answer in which its first line has to be.
const LINE_BYTES_MAX: usize = 512;
/// Bytes of an answer that are read behind it, and for how long: whoever answers little is not cut off.
const REST_BYTES_MAX: usize = 64 * 1024;
const REST_TIME_MAX: Duration = Duration::from_millis(100);

/// How a check ended, as metrics word it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// Answered, and not as a rule wants it.
    BadStatus,
    /// What came is no answer.
    BadAnswer,
    /// No connection, or one that broke.
    Refused,
    /// Not within its time.
    Timeout,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Ok, Self::BadStatus, Self::BadAnswer, Self::Refused, Self::Timeout];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::BadStatus => "bad_status",
            Self::BadAnswer => "bad_answer",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
        }
    }
}

/// Why a check is a bad one: how it ended, and words that go on with "it".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) outcome: Outcome,
    pub(crate) words: String,
}

impl Trouble {
    fn new(outcome: Outcome, words: impl Into<String>) -> Self {
        Self { outcome, words: words.into() }
    }
}

/// Whether `address` accepts a connection within `limit`.
pub(super) async fn for_connection(address: SocketAddr, limit: Duration) -> Result<(), Trouble> {
    connect(address, limit).await.map(drop)
}

/// How `address` answers a `GET` of `path`, sent to `host`; all within `limit`. It is good where `is_good` says so.
pub(super) async fn for_path(
    address: SocketAddr,
    (host, path): (&str, &str),
    limit: Duration,
    is_good: impl Fn(u16) -> bool,
) -> Result<(), Trouble> {
    let asking = async {
        let mut socket = connect(address, limit).await?;
        let broken = |error: io::Error| Trouble::new(Outcome::Refused, format!("broke off: {error}"));
        let answer = converse(&mut socket, host, path).await.map_err(broken)?;
        let nonsense = || Trouble::new(Outcome::BadAnswer, "answered with what is no HTTP");
        Ok((socket, status(&answer).ok_or_else(nonsense)?))
    };
    let asked = tokio::time::timeout(limit, asking).await;
    let (mut socket, status) = asked.unwrap_or_else(|_| Err(too_late(limit)))?;
    // Whoever is asked shall not see its answer break: it would take that for a fault of ours.
    let _ = tokio::time::timeout(REST_TIME_MAX, read_rest(&mut socket)).await;
    match is_good(status) {
        true => Ok(()),
        false => Err(Trouble::new(Outcome::BadStatus, format!("answered {status}"))),
    }
}

fn too_late(limit: Duration) -> Trouble {
    Trouble::new(Outcome::Timeout, format!("did not answer within {limit:?}"))
}

async fn connect(address: SocketAddr, limit: Duration) -> Result<Socket, Trouble> {
    Socket::connect(address, limit).await.map_err(|error| match error {
        ConnectError::Refused { source, .. } => {
            Trouble::new(Outcome::Refused, format!("accepted no connection: {source}"))
        }
        ConnectError::Timeout { limit, .. } => too_late(limit),
        other => Trouble::new(Outcome::Refused, other.to_string()),
    })
}

/// Asks, and reads the beginning of the answer.
async fn converse(socket: &mut Socket, host: &str, path: &str) -> io::Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n"
    );
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        let sent = poll_fn(|context| socket.poll_write(context, rest)).await?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    let mut answer = vec![0; LINE_BYTES_MAX];
    let mut length = 0;
    while length < LINE_BYTES_MAX && !answer.get(..length).unwrap_or_default().contains(&b'\n') {
        let room = answer.get_mut(length..).unwrap_or_default();
        match poll_fn(|context| socket.poll_read(context, room)).await? {
            0 => break,
            read => length += read,
        }
    }
    answer.truncate(length);
    Ok(answer)
}

/// Reads on to the end, or to the bound.
async fn read_rest(socket: &mut Socket) {
    let mut room = vec![0; LINE_BYTES_MAX];
    let mut left = REST_BYTES_MAX;
    while left > 0 {
        match poll_fn(|context| socket.poll_read(context, &mut room)).await {
            Ok(0) | Err(_) => return,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
}

/// The status of an answer.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.")?;
    let [_, b' ', digits @ ..] = line else { return None };
    let text = std::str::from_utf8(digits.get(..3)?).ok()?;
    text.parse().ok().filter(|status| *status >= 100)
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn the_status_of_an_answer_is_read_and_of_nothing_else() {
        let table: [(&[u8], Option<u16>); 6] = [
            (b"HTTP/1.1 200 OK\r\n", Some(200)),
            (b"HTTP/1.0 503\r\n", Some(503)),
            (b"HTTP/1.1 99 X", None),
            (b"HTTP/2 200", None),
            (b"SSH-2.0-OpenSSH\r\n", None),
            (b"HTTP/1.1 2", None),
        ];
        for (answer, expected) in table {
            assert_eq!(status(answer), expected, "{}", String::from_utf8_lossy(answer));
        }
    }
}
