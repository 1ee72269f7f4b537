//! Reading the head of an answer, and watching the caller who waits for it.
//! It must never read an answer's head twice, and must leave the bytes after it untouched.

use std::task::{Context, Poll};
use std::time::Duration;

use mesher_codec::{Progress, Refusal, ResponseHead};
use mesher_net::Socket;
use mesher_net::scratch::READ_BYTES_MAX;
use mesher_traffic::Safety;

use crate::request::failure::{Failure, FailureKind};
use crate::worker::Worker;

/// How a TLS alert begins.
const TLS_ALERT: &[u8] = &[0x15, 0x03];

/// For how long an answer asks to be left alone (RFC 9110 §10.2.3): seconds, or a date.
pub(crate) fn retry_after(response: &ResponseHead) -> Option<Duration> {
    let mut fields = response.fields();
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let text = std::str::from_utf8(value).ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}

/// Reads up to the end of the next head. Bytes after it are left in `input`.
pub(crate) fn read_head(
    context: &mut Context<'_>,
    worker: &Worker,
    socket: &mut Socket,
    response: &mut ResponseHead,
    input: &mut Vec<u8>,
    answers_head: bool,
) -> Poll<Result<(), Failure>> {
    loop {
        if !input.is_empty() {
            match response.parse(input, answers_head) {
                Ok(Progress::Complete(used)) => {
                    input.drain(..used);
                    return Poll::Ready(Ok(()));
                }
                Ok(Progress::Partial) => {}
                Err(refusal) => return Poll::Ready(Err(bad_response(refusal))),
            }
        }
        let has_part = !input.is_empty();
        let read = worker.scratch.with_input(|buffer| match socket.poll_read(context, buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) => Poll::Ready(Err(terminated(has_part, None))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(terminated(has_part, Some(&error)))),
            Poll::Ready(Ok(read)) => {
                let bytes = buffer.get(..read).unwrap_or_default();
                if has_part {
                    input.extend_from_slice(bytes);
                    return Poll::Ready(Ok(false));
                }
                // The usual case: the head is whole in the first read, and is parsed where it lies.
                match response.parse(bytes, answers_head) {
                    Ok(Progress::Complete(used)) => {
                        worker.keep_rest(input, bytes.get(used..).unwrap_or_default());
                        Poll::Ready(Ok(true))
                    }
                    Ok(Progress::Partial) => {
                        input.extend_from_slice(bytes);
                        Poll::Ready(Ok(false))
                    }
                    Err(_) if bytes.starts_with(TLS_ALERT) => Poll::Ready(Err(tls_alert())),
                    Err(refusal) => Poll::Ready(Err(bad_response(refusal))),
                }
            }
        });
        if std::task::ready!(read)? {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Watches a caller that waits for its answer. Ready when its connection broke: nobody is left to answer.
///
/// A caller that only ends its own direction still gets its answer. What it sends meanwhile belongs to its next
/// request and is kept, bounded, in `input`.
pub(crate) fn watch_caller(
    context: &mut Context<'_>,
    socket: &mut Socket,
    input: &mut Vec<u8>,
    has_ended: &mut bool,
    worker: &Worker,
) -> Poll<Failure> {
    while !*has_ended && input.len() < READ_BYTES_MAX {
        let read = worker.scratch.with_input(|buffer| {
            let read = socket.poll_read(context, buffer);
            if let Poll::Ready(Ok(read)) = read {
                input.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
            read
        });
        match std::task::ready!(read) {
            Ok(read) => *has_ended = read == 0,
            Err(error) => {
                let detail = format!("the caller ended before its answer: {error}");
                return Poll::Ready(Failure::downstream(FailureKind::Terminated, detail));
            }
        }
    }
    Poll::Pending
}

pub(crate) fn terminated(has_part: bool, error: Option<&std::io::Error>) -> Failure {
    let detail = match error {
        Some(error) => format!("the connection broke before the answer: {error}"),
        None => "the connection was closed before the answer".to_owned(),
    };
    let safety = if has_part { Safety::Spent } else { Safety::MayHaveActed };
    Failure::upstream(FailureKind::Terminated, safety, detail)
}

/// A peer that expects TLS has read nothing of the call.
fn tls_alert() -> Failure {
    let detail = "the endpoint answers with a TLS alert: it expects TLS";
    Failure::upstream(FailureKind::Terminated, Safety::MayHaveActed, detail)
}

pub(crate) fn bad_response(refusal: Refusal) -> Failure {
    Failure::upstream(
        FailureKind::BadResponse(refusal),
        Safety::Spent,
        format!("the answer was refused: {refusal}"),
    )
}
