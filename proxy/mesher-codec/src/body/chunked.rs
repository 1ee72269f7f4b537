//! The chunked coding, byte by byte and strict: sizes are hexadecimal digits only, lines end with CRLF only.
//! It must not pass on chunk extensions, and must refuse trailers that would change how the message is read.

use std::mem::MaybeUninit;

use super::Piece;
use crate::field::FieldKind;
use crate::{
    CHUNK_EXTENSION_BYTES_MAX, EXTENSION_BYTES_MAX, FIELD_COUNT_MAX, Refusal, TRAILER_BYTES_MAX, gate,
};

/// Most digits of a chunk size: what 64 bits hold.
const SIZE_DIGITS_MAX: u8 = 16;
/// The largest chunk, as of [lengths](crate::Framing::Length): what 63 bits hold.
const SIZE_MAX: u64 = i64::MAX as u64;

/// Where in the coding the next byte stands (RFC 9112 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size {
        value: u64,
        digits: u8,
    },
    Extension {
        value: u64,
        length: usize,
    },
    SizeLineFeed {
        value: u64,
    },
    Data {
        remaining: u64,
    },
    DataReturn,
    DataLineFeed,
    Trailer,
    Done,
    /// Refused once, for good: what follows a malformed byte must not be read as if it had not been there.
    Refused(Refusal),
}

/// Decodes one chunked body.
#[derive(Debug)]
pub struct Chunked {
    place: Place,
    /// Bytes of all extensions so far.
    extension_bytes: usize,
    trailer: Vec<u8>,
    /// Trailer fields that are not passed on.
    dropped_count: u32,
}

impl Default for Chunked {
    fn default() -> Self {
        let place = Place::Size { value: 0, digits: 0 };
        Self { place, extension_bytes: 0, trailer: Vec::new(), dropped_count: 0 }
    }
}

impl Chunked {
    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    pub(super) fn trailers(&self) -> &[u8] {
        &self.trailer
    }

    pub(super) fn dropped_count(&self) -> u32 {
        self.dropped_count
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.place {
            Place::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(super) fn next<'b>(&mut self, input: &'b [u8]) -> Result<(usize, Piece<'b>), Refusal> {
        let next = self.advance(input);
        if let Err(refusal) = next {
            self.place = Place::Refused(refusal);
        }
        next
    }

    fn advance<'b>(&mut self, input: &'b [u8]) -> Result<(usize, Piece<'b>), Refusal> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            match self.place {
                Place::Done => return Ok((used, Piece::End)),
                Place::Refused(refusal) => return Err(refusal),
                Place::Data { remaining } if !rest.is_empty() => {
                    let data = self.take_data(rest, remaining);
                    return Ok((used + data.len(), Piece::Data(data)));
                }
                Place::Trailer if !rest.is_empty() => used += self.take_trailer(rest)?,
                _ => match rest.first() {
                    Some(&byte) => {
                        self.place = self.place.after(byte)?;
                        self.count_extension()?;
                        used += 1;
                    }
                    None => return Ok((used, Piece::Pending)),
                },
            }
        }
    }

    /// Many short extensions cost as much as one long one.
    fn count_extension(&mut self) -> Result<(), Refusal> {
        if matches!(self.place, Place::Extension { .. }) {
            self.extension_bytes += 1;
        }
        if self.extension_bytes > EXTENSION_BYTES_MAX { Err(Refusal::Chunk) } else { Ok(()) }
    }

    fn take_data<'b>(&mut self, input: &'b [u8], remaining: u64) -> &'b [u8] {
        let wanted = usize::try_from(remaining).unwrap_or(usize::MAX);
        let (data, _) = input.split_at(wanted.min(input.len()));
        let remaining = remaining - data.len() as u64;
        self.place = if remaining == 0 { Place::DataReturn } else { Place::Data { remaining } };
        data
    }

    /// Collects trailer bytes up to the blank line. Returns how many of the input belong to it.
    fn take_trailer(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        for (index, &byte) in input.iter().enumerate() {
            self.trailer.push(byte);
            if self.trailer == b"\r\n" || self.trailer.ends_with(b"\r\n\r\n") {
                (self.trailer, self.dropped_count) = passable_trailers(&self.trailer)?;
                self.place = Place::Done;
                return Ok(index + 1);
            }
            if self.trailer.len() > TRAILER_BYTES_MAX {
                return Err(Refusal::Trailer);
            }
        }
        Ok(input.len())
    }
}

impl Place {
    /// The place after a byte that is neither data nor trailer.
    fn after(self, byte: u8) -> Result<Self, Refusal> {
        match (self, byte) {
            (Self::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                let value = value.checked_mul(16).ok_or(Refusal::Chunk)? | digit;
                let digits = digits + 1;
                if digits > SIZE_DIGITS_MAX || value > SIZE_MAX {
                    Err(Refusal::Chunk)
                } else {
                    Ok(Self::Size { value, digits })
                }
            }
            (Self::Size { digits: 0, .. }, _) => Err(Refusal::Chunk),
            (Self::Size { value, .. } | Self::Extension { value, .. }, b'\r') => {
                Ok(Self::SizeLineFeed { value })
            }
            (Self::Size { value, .. }, b';') => Ok(Self::Extension { value, length: 1 }),
            (Self::Extension { value, length }, b'\t' | b' '..=b'~' | 0x80..) => {
                let length = length + 1;
                if length > CHUNK_EXTENSION_BYTES_MAX {
                    return Err(Refusal::Chunk);
                }
                Ok(Self::Extension { value, length })
            }
            (Self::SizeLineFeed { value: 0 }, b'\n') => Ok(Self::Trailer),
            (Self::SizeLineFeed { value }, b'\n') => Ok(Self::Data { remaining: value }),
            (Self::DataReturn, b'\r') => Ok(Self::DataLineFeed),
            (Self::DataLineFeed, b'\n') => Ok(Self::Size { value: 0, digits: 0 }),
            _ => Err(Refusal::Chunk),
        }
    }
}

/// The trailer lines that may be passed on. Those that would frame, route or authorise are refused or dropped
/// (RFC 9110 §6.5.1); how many were dropped is the second part.
fn passable_trailers(section: &[u8]) -> Result<(Vec<u8>, u32), Refusal> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELD_COUNT_MAX];
    gate::check_line_ends(section).map_err(|_| Refusal::Trailer)?;
    let mut request = httparse::Request::new(&mut []);
    // The field parser reads whole heads only, so the section gets a start line.
    let head = [b"GET / HTTP/1.1\r\n", section].concat();
    match request.parse_with_uninit_headers(&head, &mut slots) {
        Ok(httparse::Status::Complete(consumed)) if consumed == head.len() => {}
        _ => return Err(Refusal::Trailer),
    }
    let (mut passable, mut dropped_count) = (Vec::new(), 0);
    for field in request.headers.iter() {
        match FieldKind::of(field.name.as_bytes()) {
            FieldKind::ContentLength | FieldKind::TransferEncoding | FieldKind::Host => {
                return Err(Refusal::Trailer);
            }
            FieldKind::Other if !is_forbidden(field.name) => {
                passable.extend_from_slice(field.name.as_bytes());
                passable.extend_from_slice(b": ");
                passable.extend_from_slice(field.value);
                passable.extend_from_slice(b"\r\n");
            }
            _ => dropped_count += 1,
        }
    }
    Ok((passable, dropped_count))
}

fn is_forbidden(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "authorization",
        "cookie",
        "set-cookie",
        "content-type",
        "content-encoding",
        "content-range",
        "forwarded",
        "trailer",
    ];
    let is_forwarded = name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("x-forwarded-"));
    is_forwarded || NAMES.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}
