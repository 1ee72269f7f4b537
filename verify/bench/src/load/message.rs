//! The requests that clients send and the replies that the backend gives, rendered before they are needed.
//! It must give every proxy the same bytes.

use std::collections::VecDeque;
use std::rc::Rc;

use super::answer::Wanted;

/// A rendered answer of the backend.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) bytes: Rc<[u8]>,
    /// What a client has to get.
    pub(crate) wanted: Wanted,
    /// Whether the backend closes after it.
    pub(crate) closes: bool,
}

impl Reply {
    /// An answer of `length` bytes on a connection that is kept.
    pub(crate) fn of(length: usize) -> Self {
        Self::render(length, "", false)
    }

    /// The same on a connection that is closed after it, so that no proxy keeps one.
    pub(crate) fn closing(length: usize) -> Self {
        Self::render(length, "Connection: close\r\n", true)
    }

    /// What another server answers; the backend is not asked for it.
    pub(crate) fn elsewhere(wanted: Wanted) -> Self {
        Self { bytes: [].into(), wanted, closes: false }
    }

    fn render(length: usize, more: &str, closes: bool) -> Self {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n{more}\r\n");
        let mut bytes = head.into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        Self { bytes: bytes.into(), wanted: Wanted::ok(length), closes }
    }
}

/// A request for a host, in a form that every proxy takes.
pub(crate) fn request(host: &str) -> Rc<[u8]> {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes().into()
}

/// What clients send, in order.
#[derive(Debug, Clone)]
pub(crate) enum Requests {
    /// The same again and again.
    Same(Rc<[u8]>),
    /// Each once.
    Each(VecDeque<Rc<[u8]>>),
    /// Each, and the first again after the last.
    Round(VecDeque<Rc<[u8]>>),
}

impl Requests {
    pub(crate) fn next(&mut self) -> Option<Rc<[u8]>> {
        match self {
            Self::Same(request) => Some(Rc::clone(request)),
            Self::Each(requests) => requests.pop_front(),
            Self::Round(requests) => {
                requests.rotate_left(1.min(requests.len()));
                requests.back().cloned()
            }
        }
    }
}
