//! A request head: parsed once into spans, checked by the strict gate.
//! It must not choose where the request goes, and must never pass on a head that it could not read in one way only.

use std::mem::MaybeUninit;

use crate::field::{Field, FieldKind, Fields, Span};
use crate::gate::DeclaredFraming;
use crate::scan::{self, RequestLine};
use crate::{
    Authority, FIELD_SLOTS, FORWARDED_COUNT_MAX, Framing, HeadLimits, METHOD_BYTES_MAX, Progress, Refusal,
    TARGET_BYTES_MAX, Version, authority, gate,
};

/// The form of a request's target (RFC 9112 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetForm {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`, as a client sends it to a proxy.
    Absolute,
    /// `*`
    Asterisk,
    /// `host:port`, of `CONNECT`.
    Authority,
}

/// A request head with the bytes that it came in. Made to be used again: its buffers keep their capacity.
#[derive(Debug, Default)]
pub struct RequestHead {
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Fields,
    pub(super) method: Span,
    pub(super) path: Span,
    pub(super) authority: Span,
    host: Span,
    port: Option<u16>,
    upgrade: Span,
    pub(super) form: TargetForm,
    pub(super) version: Version,
    pub(super) framing: Framing,
    is_last: bool,
    alias_count: u32,
    limits: HeadLimits,
}

/// A field that the proxy sets itself: in place of the first of its kind, or at the end. One of the kind
/// [`FieldKind::Other`] is always added at the end; an empty value takes the fields of its kind away.
#[derive(Debug, Clone, Copy)]
pub struct SetField<'a> {
    /// Which fields of the incoming head it stands for.
    pub kind: FieldKind,
    /// Its name on the wire.
    pub name: &'a str,
    /// Its value; must hold no control character.
    pub value: &'a [u8],
}

impl RequestHead {
    /// A head that refuses what is larger than `limits`.
    #[must_use]
    pub fn limited_to(limits: HeadLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Gives back what an unusually large head took.
    pub fn shrink(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(crate::KEPT_BYTES_MAX);
    }

    /// Reads a head from the beginning of `input`. Nothing of `input` is kept unless the head is whole.
    ///
    /// # Errors
    /// A [`Refusal`] as soon as it is certain, also from a part of a head.
    pub fn parse(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        // What lies beyond the limit is never looked at, so that it cannot change the verdict.
        let readable = input.get(..self.limits.bytes).unwrap_or(input);
        let plain = scan::request(readable, &mut self.fields);
        let is_plain = plain.is_some();
        let whole = match plain {
            None => self.parse_strictly(readable)?,
            plain => plain,
        };
        let Some((line, consumed)) = whole else { return self.check_partial(input) };
        let head = input.get(..consumed).unwrap_or_default();
        // First what a part of the head can be refused for.
        self.read_start_line(head, line)?;
        if !is_plain {
            gate::check_line_ends(head)?;
        }
        self.count_fields(head)?;
        self.limits.check(consumed, self.passed_field_count())?;
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        self.check()?;
        Ok(Progress::Complete(consumed))
    }

    /// Reads a head that is not plain, or not whole: `None`.
    fn parse_strictly(&mut self, input: &[u8]) -> Result<Option<(RequestLine, usize)>, Refusal> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut request = httparse::Request::new(&mut []);
        let consumed = match request.parse_with_uninit_headers(input, &mut slots) {
            Ok(httparse::Status::Complete(consumed)) => consumed,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(gate::earliest_refusal(input, error)),
        };
        let head = input.get(..consumed).unwrap_or_default();
        gate::check_empty_lines(head)?;
        self.fields.read(head, request.headers);
        let span = |part: Option<&str>| Span::of(part.unwrap_or_default().as_bytes(), head);
        let line = RequestLine {
            method: span(request.method),
            target: span(request.path),
            version: if request.version == Some(0) { Version::Http10 } else { Version::Http11 },
        };
        Ok(Some((line, consumed)))
    }

    fn check_partial(&self, input: &[u8]) -> Result<Progress, Refusal> {
        gate::check_start_line_length(input)?;
        if input.len() > self.limits.bytes { Err(Refusal::HeadTooLarge) } else { Ok(Progress::Partial) }
    }

    fn count_fields(&mut self, head: &[u8]) -> Result<(), Refusal> {
        let alias_count = self.fields.of(FieldKind::Alias).count();
        self.alias_count = u32::try_from(alias_count).unwrap_or(u32::MAX);
        let lists = self.fields.of(FieldKind::ForwardedFor).map(|field| field.value.bytes(head));
        let forwarded_count: usize = lists.map(gate::entry_count).sum();
        if forwarded_count > FORWARDED_COUNT_MAX { Err(Refusal::TooManyForwarded) } else { Ok(()) }
    }

    fn read_start_line(&mut self, head: &[u8], line: RequestLine) -> Result<(), Refusal> {
        if line.method.length() > METHOD_BYTES_MAX {
            return Err(Refusal::MethodTooLong);
        }
        if line.target.length() > TARGET_BYTES_MAX {
            return Err(Refusal::TargetTooLong);
        }
        let target = line.target.bytes(head);
        gate::check_target(target)?;
        (self.version, self.method) = (line.version, line.method);
        (self.authority, self.path) = (Span::default(), line.target);
        self.form = match target {
            _ if line.method.bytes(head) == b"CONNECT" => TargetForm::Authority,
            [b'/', ..] => TargetForm::Origin,
            b"*" if line.method.bytes(head) == b"OPTIONS" => TargetForm::Asterisk,
            _ => {
                let rest = strip_http_scheme(target).ok_or(Refusal::Target)?;
                let end = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                (self.authority, self.path) = (Span::of(authority, head), Span::of(path, head));
                TargetForm::Absolute
            }
        };
        Ok(())
    }

    /// How many fields there are without those that a proxy adds, and with the `Host` that it would add.
    fn passed_field_count(&self) -> usize {
        let added = [FieldKind::MesherVia, FieldKind::CseContext, FieldKind::Connection, FieldKind::Timeout];
        self.fields.len_without(&added) + usize::from(!self.fields.has(FieldKind::Host))
    }

    /// What cannot be checked before all fields are known.
    fn check(&mut self) -> Result<(), Refusal> {
        let options = self.fields.apply_connection(&self.bytes);
        let declared = gate::declared_framing(&self.bytes, &self.fields, self.version)?;
        self.framing = declared.of_request();
        self.is_last = options.close
            || (self.version == Version::Http10 && (!options.keep_alive || self.may_hide_body(declared)));
        self.check_host()?;
        self.check_expectation()?;
        self.check_upgrade(options.upgrade)
    }

    /// Old senders let the end of the connection end a request's body. Without a length there is none (RFC 9112 §6.3),
    /// and what follows must not be taken for a next request either.
    fn may_hide_body(&self, declared: DeclaredFraming) -> bool {
        declared == DeclaredFraming::None
            && matches!(self.method.bytes(&self.bytes), b"POST" | b"PUT" | b"PATCH")
    }

    /// Which protocols are asked for, if any are. An upgrade that `Connection` does not name ends here, and so does one
    /// that would also take HTTP/2, which is spoken or is not spoken, never asked for (RFC 9113 §3.1).
    fn check_upgrade(&mut self, is_named: bool) -> Result<(), Refusal> {
        self.upgrade = Span::default();
        if !is_named || self.version == Version::Http10 {
            return Ok(());
        }
        let mut asked = self.fields.of(FieldKind::Upgrade);
        let Some(first) = asked.next() else { return Ok(()) };
        let value = first.value.bytes(&self.bytes);
        let mut protocols = gate::protocols(value).peekable();
        let is_http2 = |name: &[u8]| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"h2c"));
        if protocols.peek().is_none() || gate::protocols(value).any(is_http2) {
            return Ok(());
        }
        let is_websocket = protocols.any(|name| name.eq_ignore_ascii_case(b"websocket"));
        let has_body = !matches!(self.framing, Framing::Empty | Framing::Length(0));
        if asked.next().is_some() || has_body || (is_websocket && self.method.bytes(&self.bytes) != b"GET") {
            return Err(Refusal::Upgrade);
        }
        self.upgrade = first.value;
        Ok(())
    }

    /// Exactly one `Host` on HTTP/1.1, at most one on HTTP/1.0. In absolute form the target's authority is the one
    /// that counts, for routing and for the next hop alike (RFC 9112 §3.2.2).
    fn check_host(&mut self) -> Result<(), Refusal> {
        let (host, has_more) = {
            let mut hosts = self.fields.of(FieldKind::Host).map(|field| field.value);
            (hosts.next(), hosts.next().is_some())
        };
        if has_more || (host.is_none() && self.version == Version::Http11) {
            return Err(Refusal::Host);
        }
        (self.host, self.port) = (Span::default(), None);
        if let Some(host) = host {
            self.read_authority(host)?;
        }
        if self.form == TargetForm::Absolute { self.read_authority(self.authority) } else { Ok(()) }
    }

    fn read_authority(&mut self, authority: Span) -> Result<(), Refusal> {
        let (host, port) = authority::split(authority.bytes(&self.bytes))?;
        (self.host, self.port) = (Span::of(host, &self.bytes), port);
        if self.form != TargetForm::Absolute {
            self.authority = authority;
        }
        Ok(())
    }

    fn check_expectation(&self) -> Result<(), Refusal> {
        let mut expectations = self.fields.of(FieldKind::Expect);
        let is_known = match (expectations.next(), expectations.next()) {
            (None, _) => true,
            (Some(only), None) => only.value.bytes(&self.bytes).eq_ignore_ascii_case(b"100-continue"),
            (Some(_), Some(_)) => false,
        };
        if is_known || self.version == Version::Http10 { Ok(()) } else { Err(Refusal::Expectation) }
    }

    /// Whether the method is this one; methods are case-sensitive.
    #[must_use]
    pub fn is(&self, method: &str) -> bool {
        self.method.bytes(&self.bytes) == method.as_bytes()
    }

    /// The method, as it came; methods are case-sensitive.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.text(&self.bytes)
    }

    /// As [`Self::method`], for those who only compare it.
    #[must_use]
    pub fn method_bytes(&self) -> &[u8] {
        self.method.bytes(&self.bytes)
    }

    /// Path and query of the target, never empty.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        std::str::from_utf8(self.path_bytes()).unwrap_or_default()
    }

    /// As [`Self::path_and_query`], for those who only compare it.
    #[must_use]
    pub fn path_bytes(&self) -> &[u8] {
        match self.path.bytes(&self.bytes) {
            b"" if self.is("OPTIONS") => b"*",
            b"" => b"/",
            path => path,
        }
    }

    /// The host that the request names; `None` for an HTTP/1.0 request without `Host`.
    #[must_use]
    pub fn authority(&self) -> Option<Authority<'_>> {
        if self.host.is_empty() {
            return None;
        }
        Some(Authority { host: self.host.text(&self.bytes), port: self.port })
    }

    /// The form of the target.
    #[must_use]
    pub const fn form(&self) -> TargetForm {
        self.form
    }

    /// The sender's version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// How the body is framed.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// How many fields were left out because they only look like fields that frame messages or are trusted.
    #[must_use]
    pub const fn alias_count(&self) -> u32 {
        self.alias_count
    }

    /// Whether the sender takes trailers: the one thing of `TE` that is passed on (RFC 9110 §10.1.4).
    pub(super) fn takes_trailers(&self) -> bool {
        self.fields.has(FieldKind::Te)
            && self.values(FieldKind::Te).any(|value| {
                value
                    .split(|&byte| byte == b',')
                    .any(|part| part.trim_ascii().eq_ignore_ascii_case(b"trailers"))
            })
    }

    /// The protocol that the sender would rather speak on this connection (RFC 9110 §7.8).
    #[must_use]
    pub fn upgrade(&self) -> Option<&[u8]> {
        Some(self.upgrade.bytes(&self.bytes)).filter(|protocol| !protocol.is_empty())
    }

    /// Whether the sender will not use the connection again.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.is_last
    }

    /// The value of the first field of `kind`.
    #[must_use]
    pub fn value(&self, kind: FieldKind) -> Option<&[u8]> {
        self.values(kind).next()
    }

    /// The values of all fields of `kind`, in order.
    pub fn values(&self, kind: FieldKind) -> impl Iterator<Item = &[u8]> {
        self.fields.of(kind).map(|field| field.value.bytes(&self.bytes))
    }

    /// The values of all fields called `name`, compared without case, in order.
    pub fn named<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let is_it = |field: &&Field| field.name.bytes(&self.bytes).eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(is_it).map(|field| field.value.bytes(&self.bytes))
    }

    /// The name of every field, as it came.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|field| field.name.bytes(&self.bytes))
    }

    /// Every field as it came, in order: name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (field.name.text(&self.bytes), field.value.bytes(&self.bytes)))
    }
}

fn strip_http_scheme(target: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = target.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"http://").then_some(rest)
}
