//! The upstream of the gate's rows: keeps every byte of every connection, and answers each request once it is whole.
//! It must take what comes as it is: what it has seen is read from its log, never repaired.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesher_verify::application::Application;
use mesher_verify::http::Wire;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// One request, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first line.
    pub(crate) line: String,
    /// Names in lower case, with their values.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// The head's bytes.
    pub(crate) head: Vec<u8>,
    /// The body, without its framing.
    pub(crate) body: Vec<u8>,
    /// The lines between the last chunk and the end.
    pub(crate) trailers: Vec<u8>,
}

impl Seen {
    /// All values of a field.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let is_it = |(known, value): &(String, Vec<u8>)| {
            (known == name).then(|| String::from_utf8_lossy(value).into_owned())
        };
        self.fields.iter().filter_map(is_it).collect()
    }

    /// The target.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The method.
    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    fn of_head(head: &[u8]) -> Self {
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let fields = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(line.get(..colon)?).to_ascii_lowercase();
            Some((name, line.get(colon + 1..)?.trim_ascii().to_vec()))
        });
        Self { line, fields: fields.collect(), head: head.to_vec(), ..Self::default() }
    }
}

/// The head at the beginning of `bytes`, if it is whole, and where it ends.
pub(crate) fn head_of(bytes: &[u8]) -> Option<(Seen, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    Some((Seen::of_head(bytes.get(..end)?), end))
}

/// What a chunked body holds so far, its trailers, and where it ends, if it does.
pub(crate) fn chunks_of(mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>, Option<usize>) {
    let (mut data, whole) = (Vec::new(), bytes.len());
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return (data, Vec::new(), None);
        };
        let line = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("{line:?} is no size of ours"));
        bytes = bytes.get(end + 2..).unwrap_or_default();
        if size == 0 {
            let lines = if bytes.starts_with(b"\r\n") {
                Some(0)
            } else {
                bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 2)
            };
            let Some(lines) = lines else { return (data, Vec::new(), None) };
            let trailers = bytes.get(..lines).unwrap_or_default().to_vec();
            return (data, trailers, Some(whole - bytes.len() + lines + 2));
        }
        let Some(chunk) = bytes.get(..size + 2) else {
            data.extend_from_slice(bytes.get(..size.min(bytes.len())).unwrap_or_default());
            return (data, Vec::new(), None);
        };
        data.extend_from_slice(chunk.get(..size).unwrap_or_default());
        bytes = bytes.get(size + 2..).unwrap_or_default();
    }
}

/// The request at the beginning of `bytes`, if it is whole, and where it ends.
fn request_of(bytes: &[u8]) -> Option<(Seen, usize)> {
    let (mut seen, begin) = head_of(bytes)?;
    let rest = bytes.get(begin..).unwrap_or_default();
    if !seen.values("transfer-encoding").is_empty() {
        let (body, trailers, end) = chunks_of(rest);
        (seen.body, seen.trailers) = (body, trailers);
        return Some((seen, begin + end?));
    }
    let length = seen.values("content-length").first().map_or(0, |length| length.parse().unwrap());
    seen.body = rest.get(..length)?.to_vec();
    Some((seen, begin + length))
}

/// The whole requests in `bytes`, and what follows the last of them.
pub(crate) fn requests_of(mut bytes: &[u8]) -> (Vec<Seen>, &[u8]) {
    let mut all = Vec::new();
    while let Some((seen, end)) = request_of(bytes) {
        all.push(seen);
        bytes = bytes.get(end..).unwrap_or_default();
    }
    (all, bytes)
}

/// What came on one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    pub(crate) bytes: Vec<u8>,
    pub(crate) has_ended: bool,
}

/// How it answers.
pub(crate) trait Behaviour: Send + Sync + 'static {
    /// What is said to a head whose body is still to come; nothing more is said on its connection then.
    fn early(&self, _head: &Seen) -> Option<Vec<u8>> {
        None
    }

    /// The answer to a whole request.
    fn answer(&self, seen: &Seen) -> Vec<u8> {
        let body = if seen.method() == "HEAD" { "" } else { "ok" };
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}").into_bytes()
    }
}

/// Answers everything with 200.
pub(crate) struct Plain;

impl Behaviour for Plain {}

/// An application that remembers every byte.
pub(crate) struct Upstream {
    application: Application,
    log: Arc<Mutex<Vec<Connection>>>,
}

impl Upstream {
    pub(crate) fn start(behaviour: impl Behaviour) -> Self {
        let log = Arc::<Mutex<Vec<Connection>>>::default();
        let kept = Arc::clone(&log);
        let application = Application::start(move |wire| {
            let mut number = None;
            let served = serve(wire, &kept, &behaviour, &mut number);
            if let Some(connection) =
                number.and_then(|number: usize| lock(&kept).get_mut(number).map(|_| number))
            {
                lock(&kept)[connection].has_ended = true;
            }
            served
        });
        Self { application, log }
    }

    pub(crate) fn port(&self) -> u16 {
        self.application.port()
    }

    /// How much came on each connection so far.
    pub(crate) fn mark(&self) -> Vec<usize> {
        lock(&self.log).iter().map(|connection| connection.bytes.len()).collect()
    }

    /// What came since `mark`, by connection.
    pub(crate) fn since(&self, mark: &[usize]) -> Vec<Connection> {
        let log = lock(&self.log);
        let news = log.iter().enumerate().map(|(index, connection)| Connection {
            bytes: connection.bytes[mark.get(index).copied().unwrap_or_default()..].to_vec(),
            has_ended: connection.has_ended,
        });
        news.filter(|connection| !connection.bytes.is_empty()).collect()
    }

    /// The whole requests that came since `mark`. Nothing else may have come.
    #[track_caller]
    pub(crate) fn requests_since(&self, mark: &[usize]) -> Vec<Seen> {
        let mut all = Vec::new();
        for connection in self.since(mark) {
            let (requests, rest) = requests_of(&connection.bytes);
            assert_eq!(String::from_utf8_lossy(rest), "", "a part of a request arrived");
            all.extend(requests);
        }
        all
    }
}

fn lock(log: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(
    mut wire: Wire,
    log: &Mutex<Vec<Connection>>,
    behaviour: &impl Behaviour,
    number: &mut Option<usize>,
) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let (mut answered, mut is_done) = (0, false);
    loop {
        let read = (&mut wire.stream()).read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let bytes = {
            let mut log = lock(log);
            let index = *number.get_or_insert_with(|| {
                log.push(Connection::default());
                log.len() - 1
            });
            let connection = &mut log[index];
            connection.bytes.extend_from_slice(&buffer[..read]);
            connection.bytes.clone()
        };
        if is_done {
            continue;
        }
        let (requests, rest) = requests_of(&bytes);
        for seen in requests.iter().skip(answered) {
            wire.send(behaviour.answer(seen))?;
        }
        answered = requests.len();
        if let Some(answer) = head_of(rest).and_then(|(head, _)| behaviour.early(&head)) {
            wire.send(answer)?;
            is_done = true;
        }
    }
}
