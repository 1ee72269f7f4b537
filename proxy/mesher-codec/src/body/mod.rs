//! A body's framing: how its end is found, and how it is written for the next hop.
//! It must hold no body: pieces are slices of what came in.

mod chunked;

pub use chunked::Chunked;

use crate::Refusal;

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// There is none.
    #[default]
    Empty,
    /// That many bytes.
    Length(u64),
    /// Chunks, then trailers.
    Chunked,
    /// Everything until the connection closes.
    UntilClose,
}

impl Framing {
    /// Appends the field that announces this framing.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => {}
            Self::Length(length) => Self::write_length(length, out),
            Self::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Self::UntilClose => {}
        }
    }

    pub(crate) fn write_length(length: u64, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(b"Content-Length: ");
        out.extend_from_slice(digits.format(length).as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// Appends one piece of the body in this framing.
    pub fn write_data(self, data: &[u8], out: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        if self == Self::Chunked {
            write_hex(data.len(), out);
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(data);
        }
    }

    /// Appends the end of the body in this framing, with `trailers` where it can carry them: whole lines, checked.
    pub fn write_end(self, trailers: &[u8], out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(b"0\r\n");
            out.extend_from_slice(trailers);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_hex(number: usize, out: &mut Vec<u8>) {
    let nibbles = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..nibbles).rev() {
        let nibble = (number >> (place * 4)) & 0x0f;
        out.push(b"0123456789abcdef".get(nibble).copied().unwrap_or(b'0'));
    }
}

/// The next piece of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'b> {
    /// Bytes of the body itself.
    Data(&'b [u8]),
    /// The body is whole. Trailers, where there were any, are in [`BodyDecoder::trailers`].
    End,
    /// The input is used up and the body goes on.
    Pending,
}

/// Finds the end of a body in the bytes of a connection.
#[derive(Debug, Default)]
pub enum BodyDecoder {
    /// The body is whole.
    #[default]
    Done,
    /// That many bytes are still to come.
    Length(u64),
    /// Chunks are still to come.
    Chunked(Box<Chunked>),
    /// Everything until the connection closes.
    UntilClose,
}

impl BodyDecoder {
    /// A decoder for a body framed like this.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty | Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Box::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Takes the next piece from `input` and says how many bytes of it were used. After [`Piece::End`] the rest of
    /// the input belongs to the next message.
    ///
    /// # Errors
    /// [`Refusal::Chunk`] or [`Refusal::Trailer`]: the sender is to blame and its connection is of no further use.
    pub fn next<'b>(&mut self, input: &'b [u8]) -> Result<(usize, Piece<'b>), Refusal> {
        match self {
            Self::Done => Ok((0, Piece::End)),
            _ if input.is_empty() => Ok((0, Piece::Pending)),
            Self::UntilClose => Ok((input.len(), Piece::Data(input))),
            Self::Length(remaining) => {
                let wanted = usize::try_from(*remaining).unwrap_or(usize::MAX);
                let (data, _) = input.split_at(wanted.min(input.len()));
                *remaining -= data.len() as u64;
                if *remaining == 0 {
                    *self = Self::Done;
                }
                Ok((data.len(), Piece::Data(data)))
            }
            Self::Chunked(chunked) => chunked.next(input),
        }
    }

    /// Whether the body is whole.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Chunked(chunked) => chunked.is_done(),
            _ => false,
        }
    }

    /// Tells that the connection ended. Only a body framed by that is whole then.
    ///
    /// Returns whether it is.
    pub fn end_of_input(&mut self) -> bool {
        if matches!(self, Self::UntilClose) {
            *self = Self::Done;
        }
        self.is_done()
    }

    /// Why the body was refused, if it was: it is then of no further use.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Chunked(chunked) => chunked.refusal(),
            _ => None,
        }
    }

    /// How many trailer fields of a whole body are not passed on.
    #[must_use]
    pub fn dropped_trailer_count(&self) -> u32 {
        match self {
            Self::Chunked(chunked) => chunked.dropped_count(),
            _ => 0,
        }
    }

    /// The trailer lines of a whole body, those that may be passed on.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        match self {
            Self::Chunked(chunked) => chunked.trailers(),
            _ => &[],
        }
    }
}
