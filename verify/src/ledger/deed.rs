//! One call: its method, its bodies, its answer, and what goes wrong with it, all of it from seed and id.
//! It must hold no state, so that each side can ask it again.

use crate::draw::Draw;

/// One in so many calls meets a fault of the upstream.
const FAULT_IN: u64 = 100;
/// One in so many callers leaves.
const LEAVING_IN: u64 = 100;
/// One in so many callers speaks HTTP/1.0.
const OLD_IN: u64 = 50;
/// One in so many answers is followed by the end of its connection, of which nothing was said.
const STALE_IN: u64 = 50;
/// One in so many answers follows interim ones.
const INTERIM_IN: u64 = 20;
/// One in so many bodies is large.
const LARGE_IN: u64 = 200;
/// The largest of the usual bodies, and of the large ones.
const BODY_MAX: u64 = 2000;
const LARGE_MAX: u64 = 200_000;
/// Digits of an id in a body.
const PATTERN: usize = 16;

/// What the upstream does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It ends the connection without reading the call.
    EndUnread,
    /// It breaks the connection without reading the call.
    BreakUnread,
    /// It reads the call, and ends the connection.
    EndRead,
    /// It reads the call, and breaks the connection.
    BreakRead,
    /// It ends the connection within the head of its answer.
    EndInHead,
    /// It breaks the connection within the head of its answer.
    BreakInHead,
    /// It ends the connection within the body of its answer.
    EndInBody,
    /// It breaks the connection within the body of its answer.
    BreakInBody,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::EndUnread,
        Self::BreakUnread,
        Self::EndRead,
        Self::BreakRead,
        Self::EndInHead,
        Self::BreakInHead,
        Self::EndInBody,
        Self::BreakInBody,
    ];

    /// Whether the connection breaks instead of ending.
    pub const fn is_break(self) -> bool {
        matches!(self, Self::BreakUnread | Self::BreakRead | Self::BreakInHead | Self::BreakInBody)
    }

    /// Whether the call is never read.
    pub const fn is_unread(self) -> bool {
        matches!(self, Self::EndUnread | Self::BreakUnread)
    }
}

/// When a caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaving {
    /// In the middle of its own body, or head.
    InRequest,
    /// Once it has sent all.
    AfterRequest,
    /// Once it has read the head of its answer.
    InAnswer,
}

impl Leaving {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::InRequest, Self::AfterRequest, Self::InAnswer];
}

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// No body at all.
    Empty,
    /// `Content-Length`.
    Length,
    /// Chunks.
    Chunked,
    /// Until the connection ends.
    UntilClose,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Deed {
    /// Its id.
    pub id: u64,
    /// Its method.
    pub method: &'static str,
    /// Whether its caller speaks HTTP/1.0.
    pub is_old: bool,
    /// How its body is framed.
    pub request: Frame,
    /// How long its body is.
    pub request_bytes: usize,
    /// The status of its answer.
    pub status: u16,
    /// How its answer is framed; what HEAD would get.
    pub answer: Frame,
    /// How long the body of its answer is.
    pub answer_bytes: usize,
    /// Interim answers before that.
    pub interim: u64,
    /// What goes wrong at the upstream.
    pub fault: Option<Fault>,
    /// How many tries of the call it goes wrong with.
    pub fault_tries: u8,
    /// Whether the upstream ends the connection right after the answer.
    pub is_stale_after: bool,
    /// When its caller leaves.
    pub leaving: Option<Leaving>,
}

/// One of them; there is one at least.
fn choose<T: Copy>(draw: &mut Draw, all: &[T]) -> T {
    *draw.one_of(all.iter()).expect("there is one at least")
}

fn choose_size(draw: &mut Draw) -> usize {
    let most = if draw.one_in(LARGE_IN) { LARGE_MAX } else { BODY_MAX };
    usize::try_from(draw.below(most)).unwrap_or_default()
}

impl Deed {
    /// The call with this id.
    pub fn of(seed: u64, id: u64) -> Self {
        let seed = seed.wrapping_mul(0xd134_2543_de82_ef95) ^ id.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let mut draw = Draw::new(seed);
        let method =
            choose(&mut draw, &["GET", "GET", "GET", "GET", "HEAD", "DELETE", "PUT", "PUT", "POST", "POST"]);
        let is_old = draw.one_in(OLD_IN);
        let request = match method {
            "PUT" | "POST" if is_old => Frame::Length,
            "PUT" | "POST" => choose(&mut draw, &[Frame::Length, Frame::Chunked, Frame::Empty]),
            _ => Frame::Empty,
        };
        let request_bytes = if request == Frame::Empty { 0 } else { choose_size(&mut draw) };
        let status = choose(&mut draw, &[200, 200, 200, 200, 200, 200, 200, 404, 204, 304]);
        let answer = match status {
            204 | 304 => Frame::Empty,
            _ => choose(
                &mut draw,
                &[Frame::Length, Frame::Length, Frame::Length, Frame::Chunked, Frame::Chunked],
            ),
        };
        let answer =
            if answer == Frame::Chunked && draw.one_in(STALE_IN) { Frame::UntilClose } else { answer };
        let answer_bytes = if answer == Frame::Empty { 0 } else { choose_size(&mut draw) };
        let interim = if draw.one_in(INTERIM_IN) { 1 + draw.below(3) } else { 0 };
        let fault = draw.one_in(FAULT_IN).then(|| choose(&mut draw, &Fault::ALL));
        // Nobody can know that a body was cut where its end is that of the connection: such a connection breaks.
        let fault = match (answer, fault) {
            (Frame::UntilClose, Some(Fault::EndInBody)) => Some(Fault::BreakInBody),
            (_, fault) => fault,
        };
        let fault_tries = choose(&mut draw, &[1, u8::MAX]);
        let is_stale_after = draw.one_in(STALE_IN);
        let leaving = draw.one_in(LEAVING_IN).then(|| choose(&mut draw, &Leaving::ALL));
        Self {
            id,
            method,
            is_old,
            request,
            request_bytes,
            status,
            answer,
            answer_bytes,
            interim,
            fault,
            fault_tries,
            is_stale_after,
            leaving,
        }
    }

    /// Whether it may be executed twice.
    pub fn is_idempotent(&self) -> bool {
        self.method != "POST"
    }

    /// Whether nothing of it speaks against trying it again.
    pub fn is_repeatable(&self) -> bool {
        self.is_idempotent() && self.request == Frame::Empty
    }

    /// Whether its answer comes with a body.
    pub fn has_answer_body(&self) -> bool {
        self.method != "HEAD" && self.answer != Frame::Empty
    }

    /// The whole request.
    pub fn request(&self) -> Vec<u8> {
        let (id, method) = (self.id, self.method);
        let version = if self.is_old { "1.0" } else { "1.1" };
        let mut bytes =
            format!("{method} /{id:x} HTTP/{version}\r\nHost: ledger\r\nX-Ledger: {id:x}\r\n").into_bytes();
        append_body(&mut bytes, self.request, &pattern(!id, self.request_bytes), false);
        bytes
    }

    /// The whole answer.
    pub fn answer(&self) -> Vec<u8> {
        let (id, status) = (self.id, self.status);
        let mut bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            .repeat(usize::try_from(self.interim).unwrap_or_default());
        bytes.extend_from_slice(format!("HTTP/1.1 {status} Whatever\r\nX-Ledger: {id:x}\r\n").as_bytes());
        append_body(&mut bytes, self.answer, &pattern(id, self.answer_bytes), !self.has_answer_body());
        bytes
    }

    /// Whether these are the bytes of its own body.
    pub fn is_own_body(&self, body: &[u8]) -> bool {
        body == pattern(!self.id, self.request_bytes)
    }

    /// Whether these are the bytes of its answer's body.
    pub fn is_answer_body(&self, body: &[u8]) -> bool {
        let wanted = if self.has_answer_body() { self.answer_bytes } else { 0 };
        body == pattern(self.id, wanted)
    }

    /// Whether these bytes begin the body of its answer.
    pub fn begins_answer_body(&self, body: &[u8]) -> bool {
        pattern(self.id, self.answer_bytes).starts_with(body)
    }
}

/// `length` bytes of which every sixteen name the id.
fn pattern(id: u64, length: usize) -> Vec<u8> {
    let mut bytes = format!("{id:016x}").into_bytes().repeat(length.div_ceil(PATTERN));
    bytes.truncate(length);
    bytes
}

/// Ends a head, and appends the body unless only its head is wanted.
fn append_body(bytes: &mut Vec<u8>, frame: Frame, body: &[u8], is_head_only: bool) {
    let body = if is_head_only { None } else { Some(body) };
    match frame {
        Frame::Empty => bytes.extend_from_slice(b"\r\n"),
        Frame::Length => {
            let length = body.map_or(5, <[u8]>::len);
            bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            bytes.extend_from_slice(body.unwrap_or_default());
        }
        Frame::Chunked => {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            let Some(body) = body else { return };
            // Two chunks, so that there is a place between them.
            for chunk in body.chunks(body.len().div_ceil(2).max(1)) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        Frame::UntilClose => {
            bytes.extend_from_slice(b"Connection: close\r\n\r\n");
            bytes.extend_from_slice(body.unwrap_or_default());
        }
    }
}
