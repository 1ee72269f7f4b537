//! The byte checks that the field parser leaves out, and the framing fields' one reading.
//! It must not be lenient: each check refuses, none repairs.

use std::mem::MaybeUninit;

use memchr::{memchr, memchr_iter};

use crate::field::{FieldKind, Fields};
use crate::{FIELD_SLOTS, Framing, METHOD_BYTES_MAX, Refusal, TARGET_BYTES_MAX, Version};

/// Refuses a head in which a line ends with LF alone. The parser underneath takes both; two readers of one message
/// must never disagree about where a line ends (RFC 9112 §2.2).
pub(crate) fn check_line_ends(head: &[u8]) -> Result<(), Refusal> {
    let is_bare = |position: usize| position == 0 || head.get(position - 1) != Some(&b'\r');
    if memchr_iter(b'\n', head).any(is_bare) { Err(Refusal::LineEnd) } else { Ok(()) }
}

/// Turns the field parser's error into a refusal.
pub(crate) fn refusal_of(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::FieldName,
        httparse::Error::HeaderValue => Refusal::FieldValue,
        httparse::Error::NewLine => Refusal::LineEnd,
        httparse::Error::Status => Refusal::Status,
        httparse::Error::Token => Refusal::StartLine,
        httparse::Error::TooManyHeaders => Refusal::TooManyFields,
        httparse::Error::Version => Refusal::Version,
    }
}

/// Most bytes of a request line: the longest method, the longest target, and what stands around them.
const REQUEST_LINE_BYTES_MAX: usize = METHOD_BYTES_MAX + TARGET_BYTES_MAX + "  HTTP/1.1\r\n".len();

/// Most bytes of empty lines in front of a request. One line is what careless senders send (RFC 9112 §2.2); a flood of
/// them would be read again with each that comes.
const EMPTY_LINES_BYTES_MAX: usize = "\r\n\r\n".len();

/// Refuses a request line that has too many empty ones in front of it.
pub(crate) fn check_empty_lines(input: &[u8]) -> Result<(), Refusal> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    match input.get(..=EMPTY_LINES_BYTES_MAX) {
        Some(begin) if begin.iter().all(is_end) => Err(Refusal::StartLine),
        _ => Ok(()),
    }
}

/// Refuses a request line that is too long already, whatever may still come of it.
pub(crate) fn check_start_line_length(input: &[u8]) -> Result<(), Refusal> {
    check_empty_lines(input)?;
    let line = start_line(input);
    if line.get(..=METHOD_BYTES_MAX).is_some_and(|part| memchr(b' ', part).is_none()) {
        return Err(Refusal::MethodTooLong);
    }
    if line.get(..REQUEST_LINE_BYTES_MAX).is_some_and(|part| memchr(b'\n', part).is_none()) {
        return Err(Refusal::TargetTooLong);
    }
    Ok(())
}

/// The refusal of `input`, which the parser underneath gave up with `error`: the one that the shortest refused part of
/// it gets. So the verdict is the same however the bytes arrive.
pub(crate) fn earliest_refusal(input: &[u8], error: httparse::Error) -> Refusal {
    let start = input.len() - start_line(input).len();
    for length in [EMPTY_LINES_BYTES_MAX + 1, start + METHOD_BYTES_MAX + 1, start + REQUEST_LINE_BYTES_MAX] {
        let Some(part) = input.get(..length) else { break };
        let mut slots = [const { MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut request = httparse::Request::new(&mut []);
        if let Err(error) = request.parse_with_uninit_headers(part, &mut slots) {
            return request_refusal(part, error);
        }
        if let Err(refusal) = check_start_line_length(part) {
            return refusal;
        }
    }
    request_refusal(input, error)
}

/// The parser reports a bad byte of the start line as "token"; bytes that cannot begin a method are another protocol.
/// It reports a bad target as "version" where the target holds a space.
fn request_refusal(input: &[u8], error: httparse::Error) -> Refusal {
    let line = start_line(input);
    match error {
        httparse::Error::Token if line.first().is_some_and(|&first| !is_token_byte(first)) => {
            Refusal::NotHttp
        }
        httparse::Error::Version => {
            let version = line.splitn(3, |&byte| byte == b' ').nth(2).unwrap_or_default();
            if version.starts_with(b"HTTP/") { Refusal::Version } else { Refusal::StartLine }
        }
        _ => refusal_of(error),
    }
}

/// What a byte of a target is: refused, or one of two that go together with others.
const REFUSED: u8 = 1;
const PERCENT: u8 = 2;

/// Refuses a target with a byte that is no visible ASCII, with a fragment, or with a zero byte in disguise.
pub(crate) fn check_target(target: &[u8]) -> Result<(), Refusal> {
    let class = |&byte: &u8| match byte {
        b'#' => REFUSED,
        b'%' => PERCENT,
        b'!'..=b'~' => 0,
        _ => REFUSED,
    };
    let classes = target.iter().map(class).fold(0, |all, one| all | one);
    let holds_zero = || {
        memchr_iter(b'%', target)
            .any(|place| target.get(place..).is_some_and(|rest| rest.starts_with(b"%00")))
    };
    if classes & REFUSED != 0 || (classes & PERCENT != 0 && holds_zero()) {
        return Err(Refusal::Target);
    }
    Ok(())
}

/// What follows the empty lines that may stand in front of a request (RFC 9112 §2.2).
fn start_line(input: &[u8]) -> &[u8] {
    let begin = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(input.len());
    input.get(begin..).unwrap_or_default()
}

/// The protocols that an `Upgrade` field names (RFC 9110 §7.8).
pub(crate) fn protocols(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|protocol| !protocol.is_empty())
}

/// How many entries a list has. Empty ones count: they cost as much.
pub(crate) fn entry_count(value: &[u8]) -> usize {
    memchr_iter(b',', value).count() + 1
}

/// What the framing fields of a head say, before method and status have their say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeclaredFraming {
    /// No field frames the body.
    None,
    /// `Content-Length`
    Length(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
}

impl DeclaredFraming {
    /// The framing of a request: without a field there is no body (RFC 9112 §6.3).
    pub(crate) const fn of_request(self) -> Framing {
        match self {
            Self::None => Framing::Empty,
            Self::Length(length) => Framing::Length(length),
            Self::Chunked => Framing::Chunked,
        }
    }
}

/// Reads the framing fields. Anything that two readers could take differently is refused (RFC 9112 §6.1, §6.3).
pub(crate) fn declared_framing(
    whole: &[u8],
    fields: &Fields,
    version: Version,
) -> Result<DeclaredFraming, Refusal> {
    if !fields.has(FieldKind::ContentLength) && !fields.has(FieldKind::TransferEncoding) {
        return Ok(DeclaredFraming::None);
    }
    let mut length = None;
    let mut is_chunked = false;
    for field in fields.iter() {
        match field.kind {
            FieldKind::ContentLength if length.is_some() => return Err(Refusal::ContentLength),
            FieldKind::ContentLength => length = Some(decimal(field.value.bytes(whole))?),
            FieldKind::TransferEncoding if is_chunked => return Err(Refusal::TransferEncoding),
            FieldKind::TransferEncoding => is_chunked = chunked_coding(field.value.bytes(whole))?,
            _ => {}
        }
    }
    match (length, is_chunked) {
        (Some(_), true) => Err(Refusal::LengthAndCoding),
        (None, true) if version == Version::Http10 => Err(Refusal::TransferEncoding),
        (None, true) => Ok(DeclaredFraming::Chunked),
        (Some(length), false) => Ok(DeclaredFraming::Length(length)),
        (None, false) => Ok(DeclaredFraming::None),
    }
}

/// A plain decimal number: digits only, no sign, no list, at most what 63 bits hold.
fn decimal(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::ContentLength);
    }
    let add = |sum: u64, &digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit & 0x0f));
    let number = value.iter().try_fold(0_u64, add).ok_or(Refusal::ContentLength)?;
    if number > i64::MAX as u64 { Err(Refusal::ContentLength) } else { Ok(number) }
}

/// Only the single word `chunked` is taken. A list that ends with it names a coding that is not supported; anything
/// else cannot frame a body.
fn chunked_coding(value: &[u8]) -> Result<bool, Refusal> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(true);
    }
    let is_token = |part: &[u8]| !part.is_empty() && part.iter().all(|&byte| is_token_byte(byte));
    let mut codings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let well_formed = codings.clone().all(is_token);
    let ends_with_chunked =
        codings.clone().next_back().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    let repeats_chunked =
        codings.by_ref().filter(|coding| coding.eq_ignore_ascii_case(b"chunked")).count() > 1;
    if well_formed && ends_with_chunked && !repeats_chunked {
        Err(Refusal::UnknownCoding)
    } else {
        Err(Refusal::TransferEncoding)
    }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
