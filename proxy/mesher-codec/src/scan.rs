//! One pass over a head that is whole and plain, in which most heads come: its start line, and what each field is.
//! It must take nothing that the strict parser refuses or reads otherwise; whatever is doubtful it leaves to that one.

use crate::field::{Fields, Span};
use crate::gate::is_token_byte;
use crate::{FIELD_SLOTS, Version};

/// Bytes that are looked at in one step.
const STEP: usize = size_of::<u64>();

/// Which bytes may stand in a token.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = is_token_byte(byte);
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// The start line of a plain request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestLine {
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) version: Version,
}

/// The start line of a plain response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusLine {
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) reason: Span,
}

/// Reads a plain request head from the beginning of `input`, with its length. `None` says nothing about it; what is in
/// `fields` then is of no use.
pub(crate) fn request(input: &[u8], fields: &mut Fields) -> Option<(RequestLine, usize)> {
    let method_end = token_end(input, 0);
    if method_end == 0 || input.get(method_end) != Some(&b' ') {
        return None;
    }
    let target = method_end + 1;
    let target_end = graphic_end(input, target);
    let (version, begin) = match input.get(target_end..)?.first_chunk::<11>()? {
        b" HTTP/1.1\r\n" => (Version::Http11, target_end + 11),
        b" HTTP/1.0\r\n" => (Version::Http10, target_end + 11),
        _ => return None,
    };
    if target_end == target {
        return None;
    }
    let end = read_fields(input, begin, fields)?;
    let line =
        RequestLine { method: Span::from(0..method_end), target: Span::from(target..target_end), version };
    Some((line, end))
}

/// As [`request`], for a response.
pub(crate) fn response(input: &[u8], fields: &mut Fields) -> Option<(StatusLine, usize)> {
    let (start, rest) = input.split_first_chunk::<9>()?;
    let version = match start {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return None,
    };
    let digits = rest.first_chunk::<3>()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit & 0x0f));
    let after = start.len() + digits.len();
    let reason = if input.get(after) == Some(&b' ') { after + 1 } else { after };
    let reason_end = text_end(input, reason);
    // Beside a status without a space nothing may stand; and a reason in another charset is dropped by the parser.
    let is_plain = (reason > after || reason_end == after) && input.get(reason..reason_end)?.is_ascii();
    if !is_plain || !ends_line(input, reason_end) {
        return None;
    }
    let end = read_fields(input, reason_end + 2, fields)?;
    Some((StatusLine { version, status, reason: Span::from(reason..reason_end) }, end))
}

/// Reads the field lines from `begin` to the empty line, and returns where that ends.
fn read_fields(input: &[u8], begin: usize, fields: &mut Fields) -> Option<usize> {
    fields.clear();
    let mut line = begin;
    loop {
        let name_end = token_end(input, line);
        if name_end == line {
            return ends_line(input, line).then_some(line + 2);
        }
        if input.get(name_end) != Some(&b':') || fields.len() == FIELD_SLOTS {
            return None;
        }
        let mut value = name_end + 1;
        while is_blank(input.get(value)?) {
            value += 1;
        }
        let line_end = text_end(input, value);
        if !ends_line(input, line_end) {
            return None;
        }
        let mut value_end = line_end;
        while value_end > value && is_blank(input.get(value_end - 1)?) {
            value_end -= 1;
        }
        fields.push(input, Span::from(line..name_end), Span::from(value..value_end));
        line = line_end + 2;
    }
}

const fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether a line ends at `place`, with both of its bytes.
fn ends_line(input: &[u8], place: usize) -> bool {
    input.get(place..).is_some_and(|rest| rest.starts_with(b"\r\n"))
}

/// Where the token that begins at `start` ends.
fn token_end(input: &[u8], start: usize) -> usize {
    let rest = input.get(start..).unwrap_or_default();
    let is_other = |&byte: &u8| !TOKEN.get(usize::from(byte)).copied().unwrap_or_default();
    start + rest.iter().position(is_other).unwrap_or(rest.len())
}

/// Where the bytes from `start` on cease to be such as a field's value may hold: anything but control characters.
fn text_end(input: &[u8], start: usize) -> usize {
    let mut place = start;
    loop {
        place = first_where(input, place, |word| below(word, b' ') | below(word ^ repeat(0x7f), 1));
        // The one control character that is allowed is rare, so it costs a step of its own.
        if input.get(place) != Some(&b'\t') {
            return place;
        }
        place += 1;
    }
}

/// Where the bytes from `start` on cease to be visible ASCII.
fn graphic_end(input: &[u8], start: usize) -> usize {
    first_where(input, start, |word| {
        below(word, b'!') | below(word ^ repeat(0x7f), 1) | (word & repeat(0x80))
    })
}

/// The first place from `start` on at which `marks`, of eight bytes, sets the highest bit of one. Beyond the lowest such
/// bit `marks` need not be exact.
fn first_where(input: &[u8], start: usize, marks: impl Fn(u64) -> u64) -> usize {
    let mut place = start;
    while let Some(bytes) = input.get(place..).and_then(|rest| rest.first_chunk::<STEP>()) {
        let marked = marks(u64::from_le_bytes(*bytes));
        if marked != 0 {
            return place + marked.trailing_zeros() as usize / 8;
        }
        place += STEP;
    }
    let rest = input.get(place..).unwrap_or_default();
    let is_marked = |&byte: &u8| marks(u64::from(byte) | (repeat(b'A') << 8)) & 0x80 != 0;
    place + rest.iter().position(is_marked).unwrap_or(rest.len())
}

const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; STEP])
}

/// Marks the lowest byte below `limit`, which is at most 0x80; bytes above it may be marked wrongly.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(repeat(limit)) & !word & repeat(0x80)
}
