//! A response head: parsed once into spans, checked, and written for the caller in one pass.
//! It must not decide about retries, and must never present a body as complete that its framing does not end.

use std::mem::MaybeUninit;
use std::time::Duration;

use crate::edit::FieldEdits;
use crate::field::{self, Field, FieldKind, Fields, Span};
use crate::gate::{self, DeclaredFraming};
use crate::scan::{self, StatusLine};
use crate::{FIELD_SLOTS, Framing, HeadLimits, Progress, Refusal, Version};

/// A response head with the bytes that it came in. Made to be used again: its buffers keep their capacity.
#[derive(Debug, Default)]
pub struct ResponseHead {
    bytes: Vec<u8>,
    fields: Fields,
    status: u16,
    reason: Span,
    version: Version,
    declared_length: Option<u64>,
    framing: Framing,
    is_last: bool,
    switches: bool,
    limits: HeadLimits,
}

/// What the caller's connection can take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Downstream {
    /// The caller's version.
    pub version: Version,
    /// Whether the connection is closed after this response.
    pub is_last: bool,
}

impl ResponseHead {
    /// A head that refuses what is larger than `limits`.
    #[must_use]
    pub fn limited_to(limits: HeadLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads a head from the beginning of `input`. `answers_head` says whether the request was a `HEAD`.
    ///
    /// # Errors
    /// A [`Refusal`]: the upstream is to blame.
    pub fn parse(&mut self, input: &[u8], answers_head: bool) -> Result<Progress, Refusal> {
        let plain = scan::response(input, &mut self.fields);
        let is_plain = plain.is_some();
        let whole = match plain {
            None => self.parse_strictly(input)?,
            plain => plain,
        };
        let Some((line, consumed)) = whole else {
            let is_bounded = input.len() <= self.limits.bytes;
            return if is_bounded { Ok(Progress::Partial) } else { Err(Refusal::HeadTooLarge) };
        };
        let head = input.get(..consumed).unwrap_or_default();
        if !is_plain {
            gate::check_line_ends(head)?;
        }
        // These two are written anew, also where none came.
        let framing = if self.fields.has(FieldKind::ContentLength) {
            FieldKind::ContentLength
        } else {
            FieldKind::TransferEncoding
        };
        self.limits.check(consumed, self.fields.len_without(&[framing, FieldKind::Connection]))?;
        if line.status < 100 {
            return Err(Refusal::Status);
        }
        (self.version, self.status, self.reason) = (line.version, line.status, line.reason);
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        self.decide_framing(answers_head)?;
        Ok(Progress::Complete(consumed))
    }

    /// Reads a head that is not plain, or not whole: `None`.
    fn parse_strictly(&mut self, input: &[u8]) -> Result<Option<(StatusLine, usize)>, Refusal> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            input,
            &mut slots,
        );
        // The parser passes over empty lines; before an answer nobody may send one, and after a body it would hide that
        // something came unasked (RFC 9112 §2.2 allows it before requests only).
        if matches!(input.first(), Some(b'\r' | b'\n')) {
            return Err(Refusal::StartLine);
        }
        let consumed = match parsed {
            Ok(httparse::Status::Complete(consumed)) => consumed,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(gate::refusal_of(error)),
        };
        let head = input.get(..consumed).unwrap_or_default();
        self.fields.read(head, response.headers);
        let line = StatusLine {
            version: if response.version == Some(0) { Version::Http10 } else { Version::Http11 },
            status: response.code.unwrap_or_default(),
            reason: Span::of(response.reason.unwrap_or_default().as_bytes(), head),
        };
        Ok(Some((line, consumed)))
    }

    /// The framing that method, status and fields decide together (RFC 9112 §6.3).
    fn decide_framing(&mut self, answers_head: bool) -> Result<(), Refusal> {
        let options = self.fields.apply_connection(&self.bytes);
        let declared = gate::declared_framing(&self.bytes, &self.fields, self.version)?;
        self.declared_length = match declared {
            DeclaredFraming::Length(length) => Some(length),
            _ => None,
        };
        self.switches = self.status == 101
            && self.version == Version::Http11
            && options.upgrade
            && declared == DeclaredFraming::None
            && self.value(FieldKind::Upgrade).is_some_and(|protocol| !protocol.is_empty());
        let has_no_body = answers_head || self.is_interim() || matches!(self.status, 204 | 304);
        self.framing = match declared {
            _ if has_no_body => Framing::Empty,
            DeclaredFraming::None => Framing::UntilClose,
            other => other.of_request(),
        };
        self.is_last = options.close
            || (self.version == Version::Http10 && !options.keep_alive)
            || self.framing == Framing::UntilClose;
        Ok(())
    }

    /// The status code, 100 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether this is an interim response (1xx): the final one is still to come.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// Whether this is a well-formed agreement to speak another protocol (RFC 9110 §15.2.2).
    #[must_use]
    pub const fn switches(&self) -> bool {
        self.switches
    }

    /// How the body is framed.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the upstream will not use the connection again.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.is_last
    }

    /// How long the upstream says it keeps the connection, less a second for the way there (RFC 9112 §9.3).
    #[must_use]
    pub fn keep_alive_limit(&self) -> Option<Duration> {
        let value = std::str::from_utf8(self.value(FieldKind::KeepAlive)?).ok()?;
        let timeout = value.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?;
        Some(Duration::from_secs(timeout.parse::<u64>().ok()?.saturating_sub(1)))
    }

    /// The value of the first field of `kind`.
    #[must_use]
    pub fn value(&self, kind: FieldKind) -> Option<&[u8]> {
        self.fields.of(kind).next().map(|field| field.value.bytes(&self.bytes))
    }

    /// Every field as it came, in order: name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (field.name.text(&self.bytes), field.value.bytes(&self.bytes)))
    }

    /// How the body must be framed for a caller of this version: an old one knows no chunks.
    #[must_use]
    pub const fn framing_for(&self, version: Version) -> Framing {
        match (self.framing, version) {
            (Framing::Chunked | Framing::UntilClose, Version::Http10) => Framing::UntilClose,
            (Framing::UntilClose, Version::Http11) => Framing::Chunked,
            (framing, _) => framing,
        }
    }

    /// Appends this head for the caller: no hop-by-hop field, the framing written anew.
    pub fn write(&self, downstream: Downstream, out: &mut Vec<u8>) {
        self.write_with(downstream, |_| true, |_| {}, out);
    }

    /// As [`Self::write`], with what `edits` change of the fields.
    pub fn write_edited(&self, downstream: Downstream, edits: FieldEdits<'_>, out: &mut Vec<u8>) {
        let keeps = |field: &Field| !edits.leave_out(field.name.bytes(&self.bytes));
        self.write_with(downstream, keeps, |out| edits.write(out), out);
    }

    fn write_with(
        &self,
        downstream: Downstream,
        keeps: impl Fn(&Field) -> bool,
        more: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(digits.format(self.status).as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.reason.bytes(&self.bytes));
        out.extend_from_slice(b"\r\n");
        let passes = |field: &Field| {
            field.kind != FieldKind::ContentLength && !field.kind.is_hop_by_hop() && keeps(field)
        };
        self.fields.write_where(&self.bytes, out, passes, |_, _| {});
        more(out);
        if !self.is_interim() {
            self.write_framing(downstream, out);
        } else if self.switches {
            field::write_upgrade(self.value(FieldKind::Upgrade).unwrap_or_default(), out);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn write_framing(&self, downstream: Downstream, out: &mut Vec<u8>) {
        match self.framing_for(downstream.version) {
            // Without a body the declared length still describes the resource (RFC 9110 §8.6); 204 never has one.
            Framing::Empty => {
                if let Some(length) = self.declared_length.filter(|_| self.status != 204) {
                    Framing::write_length(length, out);
                }
            }
            framing => framing.write(out),
        }
        if downstream.is_last {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if downstream.version == Version::Http10 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
    }
}
