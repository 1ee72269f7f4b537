//! The one table from failure to status, and the bytes of the answer that tells a caller why there is none.
//! It must tell two proxies in a row apart, and must never leave a caller with a bare reset where a status can be given.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use mesher_codec::{Refusal, Version};
use mesher_net::{Deadline, Socket};
use serde::Serialize;

use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::InvocationId;
use crate::request::stand_in::StandInAnswer;
use crate::worker::Worker;

/// How long a caller may take to read an answer of ours.
pub(crate) const WRITE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection is read after an answer that ends it, so that the answer is not lost to a reset.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
/// How much is read then.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// The parameter of `Proxy-Status` by which a proxy says that it has too much to do.
const OVERLOADED: &str = "; overloaded";
/// The same, with the error before it: no detail of another failure is taken for it.
pub(crate) const SAYS_OVERLOADED: &str = "; error=proxy_internal_response; overloaded;";

/// What a caller is told: status and RFC 9209 error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    /// Whether what follows on the connection cannot be trusted.
    pub(crate) closes: bool,
}

/// The failure table.
pub(crate) const fn verdict(kind: FailureKind) -> Verdict {
    let (status, error, closes) = match kind {
        FailureKind::BadRequest(refusal) => (refusal_status(refusal), "http_request_error", true),
        FailureKind::MethodNotAllowed => (405, "http_request_denied", true),
        FailureKind::HeadTimeout | FailureKind::Stalled => (408, "http_request_error", true),
        FailureKind::UnknownService | FailureKind::UnknownPort | FailureKind::EgressRefused => {
            (502, "destination_not_found", false)
        }
        FailureKind::DnsError => (502, "dns_error", false),
        FailureKind::DnsTimeout => (504, "dns_timeout", false),
        FailureKind::Loop => (502, "proxy_loop_detected", false),
        FailureKind::NoEndpoint | FailureKind::RegistryAway => (503, "destination_unavailable", false),
        FailureKind::LookupLimit | FailureKind::PoolFull => (503, "connection_limit_reached", false),
        FailureKind::ConnectRefused => (502, "connection_refused", false),
        FailureKind::ConnectTimeout => (504, "connection_timeout", false),
        FailureKind::Terminated => (502, "connection_terminated", false),
        FailureKind::ResponseTimeout => (504, "http_response_timeout", false),
        FailureKind::BadResponse(_) => (502, "http_protocol_error", false),
        FailureKind::BadStatus(status) => (status, "http_upstream_status", false),
        FailureKind::RateLimited => (429, "http_request_denied", false),
        FailureKind::BreakerOpen | FailureKind::BulkheadFull => (503, "destination_unavailable", false),
        FailureKind::DeadlineSpent => (504, "http_response_timeout", false),
        FailureKind::Overloaded => (503, "proxy_internal_response", false),
        FailureKind::Refused(status) => (status, "http_request_denied", false),
        FailureKind::Injected(status) => (status, "proxy_internal_response", false),
        // Where it can be told at all.
        FailureKind::InjectedReset => (502, "connection_terminated", true),
        FailureKind::Cancelled | FailureKind::Internal => (500, "proxy_internal_error", true),
    };
    Verdict { status, error, closes }
}

const fn refusal_status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::BodyTooLarge => 413,
        Refusal::TargetTooLong => 414,
        Refusal::TooManyFields | Refusal::HeadTooLarge | Refusal::TooManyForwarded => 431,
        Refusal::Expectation => 417,
        Refusal::MethodTooLong | Refusal::UnknownCoding => 501,
        Refusal::Version => 505,
        _ => 400,
    }
}

/// An answer of the proxy's own.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) failure: &'a Failure,
    pub(crate) signature: &'a str,
    pub(crate) service: &'a str,
    pub(crate) invocation: Option<InvocationId>,
    pub(crate) is_head: bool,
    pub(crate) version: Version,
    pub(crate) must_close: bool,
}

/// The body of an answer, in the order in which a person reads it.
#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    detail: &'a str,
    service: &'a str,
    invocation: String,
}

impl Answer<'_> {
    pub(crate) fn status(&self) -> u16 {
        self.stand_in().map_or_else(|| verdict(self.failure.kind).status, |answer| answer.status)
    }

    fn stand_in(&self) -> Option<&StandInAnswer> {
        self.failure.advice.as_deref()?.stand_in.as_ref()
    }

    /// Whether the connection ends with this answer.
    pub(crate) const fn closes(&self) -> bool {
        self.must_close || verdict(self.failure.kind).closes
    }

    /// As it is written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (status, error) = (self.status(), verdict(self.failure.kind).error);
        let own = Body {
            error,
            detail: &self.failure.detail,
            service: self.service,
            invocation: self.invocation.map_or_else(String::new, |id| id.to_string()),
        };
        let (body, kind) = match self.stand_in() {
            Some(answer) => (answer.body.clone(), "text/plain; charset=utf-8"),
            None => {
                let text = serde_json::to_string(&own).expect("four texts always make an object");
                (text + "\n", "application/json")
            }
        };
        let mut head = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nProxy-Status: {}; error={error}{}; details=\"{}\"",
            reason(status),
            body.len(),
            self.signature,
            // The name is ours, too: of all answers that a proxy gives by itself, this one may be had elsewhere.
            if self.failure.kind == FailureKind::Overloaded { OVERLOADED } else { "" },
            quotable(&self.failure.detail),
        );
        if let Some(id) = self.invocation {
            // The name is ours (RFC 9209 §2 allows further parameters): `mesher explain` finds the call by it.
            let _ = write!(head, "; invocation=\"{id}\"");
        }
        head.push_str("\r\n");
        let advice = self.failure.advice.as_deref();
        if let Some(pause) = advice.and_then(|advice| advice.retry_after) {
            // Whole seconds, and never too early (RFC 9110 §10.2.3).
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            let _ = write!(head, "Retry-After: {}\r\n", seconds.max(1));
        }
        for (name, value) in advice.map(|advice| advice.fields.as_slice()).unwrap_or_default() {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if status == 405 {
            head.push_str("Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n");
        }
        if self.closes() {
            head.push_str("Connection: close\r\n");
        } else if self.version == Version::Http10 {
            head.push_str("Connection: keep-alive\r\n");
        }
        head.push_str("\r\n");
        if !self.is_head {
            head.push_str(&body);
        }
        head.into_bytes()
    }
}

/// Writes the answer, and lets the caller read it before the connection is closed.
pub(crate) async fn write(
    worker: &Worker,
    socket: &mut Socket,
    deadline: &Deadline,
    answer: &Answer<'_>,
) -> Result<(), ()> {
    send(worker, socket, deadline, &answer.bytes(), answer.closes()).await
}

/// Writes an answer that is whole. Where it `closes` the connection, the caller gets to read it before.
pub(crate) async fn send(
    worker: &Worker,
    socket: &mut Socket,
    deadline: &Deadline,
    mut rest: &[u8],
    closes: bool,
) -> Result<(), ()> {
    poll_fn(|context| match poll_write_all(context, socket, &mut rest) {
        Poll::Pending => deadline.poll_passed(context).map(Err),
        written => written,
    })
    .await?;
    if closes {
        linger(worker, socket).await;
    }
    Ok(())
}

/// Writes what is left, and takes away what was written. An error: the peer takes nothing more.
pub(crate) fn poll_write_all(
    context: &mut Context<'_>,
    socket: &mut Socket,
    rest: &mut &[u8],
) -> Poll<Result<(), ()>> {
    while !rest.is_empty() {
        match std::task::ready!(socket.poll_write(context, rest)) {
            Ok(written) if written > 0 => *rest = rest.get(written..).unwrap_or_default(),
            _ => return Poll::Ready(Err(())),
        }
    }
    Poll::Ready(Ok(()))
}

/// Reads what still comes, bounded, so that closing does not reset the connection under the answer (RFC 9112 §9.6).
pub(crate) async fn linger(worker: &Worker, socket: &mut Socket) {
    let mut budget = LINGER_BYTES_MAX;
    let drain = poll_fn(|context| {
        if std::task::ready!(socket.poll_shutdown(context)).is_err() {
            return Poll::Ready(());
        }
        loop {
            let read = worker.scratch.with_input(|buffer| socket.poll_read(context, buffer));
            match std::task::ready!(read) {
                Ok(read) if read > 0 && budget > read => budget -= read,
                _ => return Poll::Ready(()),
            }
        }
    });
    let _ = tokio::time::timeout(LINGER_TIME_MAX, drain).await;
}

/// The words beside a status; none where it has none of its own.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// Text as a quoted string of a structured field can hold it (RFC 8941 §3.3.3).
pub(crate) fn quotable(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars().take(200) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted
}
