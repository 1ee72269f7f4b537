//! Header fields as spans of the head that holds them, with the kinds that a proxy must tell apart.
//! It must not copy a value or change its bytes: case, order and repetition leave as they came.

/// A stretch of a head's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// Where `part` lies in `whole`. `part` must be a slice of `whole`.
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        debug_assert!(part.is_empty() || start.saturating_add(part.len()) <= whole.len());
        // A head has at most 64 KiB, so neither number is cut; an empty part may lie anywhere.
        Self { start: start.min(whole.len()) as u32, length: part.len() as u32 }
    }

    /// How many bytes it has.
    pub(crate) const fn length(self) -> usize {
        self.length as usize
    }

    /// The bytes of this span; empty where it does not lie within `whole`.
    #[must_use]
    #[inline]
    pub fn bytes(self, whole: &[u8]) -> &[u8] {
        let start = self.start as usize;
        whole.get(start..start.saturating_add(self.length as usize)).unwrap_or_default()
    }

    /// The text of this span; empty where it is no UTF-8.
    #[must_use]
    #[inline]
    pub fn text(self, whole: &[u8]) -> &str {
        std::str::from_utf8(self.bytes(whole)).unwrap_or_default()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.length == 0
    }
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        // A head has at most 2^31 bytes, so neither number is cut.
        Self { start: range.start as u32, length: range.len() as u32 }
    }
}

/// How the value of a `Via` field begins that a Mesher proxy wrote.
pub const MESHER_VIA: &str = "1.1 mesher-";

/// The fields that a proxy handles itself. Every other field passes as [`FieldKind::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Passes through untouched.
    Other,
    /// `Host`
    Host,
    /// `Content-Length`
    ContentLength,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Connection`
    Connection,
    /// `Expect`
    Expect,
    /// `Upgrade`
    Upgrade,
    /// `TE`
    Te,
    /// `Keep-Alive`
    KeepAlive,
    /// `Proxy-Connection`, `Proxy-Authenticate`, `Proxy-Authorization`, and what `Connection` names.
    Hop,
    /// `Via` that a Mesher proxy wrote; the value begins with [`MESHER_VIA`].
    MesherVia,
    /// `Proxy-Status`
    ProxyStatus,
    /// `x-cse-context`
    CseContext,
    /// `x-cse-src-microservice`
    CseSource,
    /// `x-mesher-timeout`
    Timeout,
    /// `X-Forwarded-Port`
    ForwardedPort,
    /// `X-Forwarded-For`
    ForwardedFor,
    /// A name that reads like one of `UNALIASED` to a receiver that folds `_` or `.` into `-`.
    Alias,
}

/// Fields that frame a message, or that a proxy of the mesh sets and its peers trust. Many servers and languages fold
/// `_` and `.` in names into `-`, so what only looks like one of these ends here.
const UNALIASED: [&str; 4] =
    ["content-length", "transfer-encoding", "x-cse-context", "x-cse-src-microservice"];

/// Whether `name` is `other`, which is in lower case, compared without case. Without a jump for each byte.
fn reads<const N: usize>(name: &[u8], other: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else { return false };
    let differing = |sum: u8, (byte, wanted): (&u8, &u8)| sum | (byte.to_ascii_lowercase() ^ *wanted);
    name.first().map(u8::to_ascii_lowercase) == other.first().copied()
        && name.iter().zip(other).fold(0, differing) == 0
}

/// Whether `name`, with `_` and `.` taken for `-`, is one of [`UNALIASED`].
fn is_alias(name: &[u8]) -> bool {
    let reads_as = |(&byte, wanted): (&u8, u8)| {
        byte.eq_ignore_ascii_case(&wanted) || (wanted == b'-' && matches!(byte, b'_' | b'.'))
    };
    let is = |other: &&str| other.len() == name.len() && name.iter().zip(other.bytes()).all(reads_as);
    UNALIASED.iter().any(is)
}

impl FieldKind {
    /// The kind of a whole field.
    pub(crate) fn of_field(name: &[u8], value: &[u8]) -> Self {
        if reads(name, b"via") && value.starts_with(MESHER_VIA.as_bytes()) {
            return Self::MesherVia;
        }
        Self::of(name)
    }

    /// The kind of the field called `name`, compared without case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match name.len() {
            2 if reads(name, b"te") => Self::Te,
            4 if reads(name, b"host") => Self::Host,
            6 if reads(name, b"expect") => Self::Expect,
            7 if reads(name, b"upgrade") => Self::Upgrade,
            10 if reads(name, b"connection") => Self::Connection,
            10 if reads(name, b"keep-alive") => Self::KeepAlive,
            12 if reads(name, b"proxy-status") => Self::ProxyStatus,
            13 if reads(name, b"x-cse-context") => Self::CseContext,
            14 if reads(name, b"content-length") => Self::ContentLength,
            15 if reads(name, b"x-forwarded-for") => Self::ForwardedFor,
            16 if reads(name, b"proxy-connection") => Self::Hop,
            16 if reads(name, b"x-mesher-timeout") => Self::Timeout,
            16 if reads(name, b"x-forwarded-port") => Self::ForwardedPort,
            17 if reads(name, b"transfer-encoding") => Self::TransferEncoding,
            18 if reads(name, b"proxy-authenticate") => Self::Hop,
            19 if reads(name, b"proxy-authorization") => Self::Hop,
            22 if reads(name, b"x-cse-src-microservice") => Self::CseSource,
            13 | 14 | 17 | 22 if is_alias(name) => Self::Alias,
            _ => Self::Other,
        }
    }

    /// Whether a field of this kind ends at this connection and is never passed on as it came.
    ///
    /// Source: RFC 9110 §7.6.1.
    #[must_use]
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::Hop
                | Self::Te
                | Self::Upgrade
                | Self::TransferEncoding
                | Self::Alias
        )
    }
}

/// One field line of a head.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name, in the case it came in.
    pub name: Span,
    /// Its value, without the white space around it.
    pub value: Span,
    /// What it is to a proxy.
    pub kind: FieldKind,
}

/// Which kinds of fields a head has.
#[derive(Debug, Clone, Copy, Default)]
struct KindSet(u32);

impl KindSet {
    fn add(&mut self, kind: FieldKind) {
        self.0 |= 1 << kind as u32;
    }

    const fn has(self, kind: FieldKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

/// The fields of one head, in order.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    list: Vec<Field>,
    kinds: KindSet,
}

impl Fields {
    /// Takes the fields of `head` in place of those before.
    pub(crate) fn read(&mut self, head: &[u8], headers: &[httparse::Header<'_>]) {
        self.clear();
        for header in headers {
            self.push(head, Span::of(header.name.as_bytes(), head), Span::of(header.value, head));
        }
    }

    /// Forgets those before.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.kinds = KindSet::default();
    }

    /// Takes one more field of `head`.
    pub(crate) fn push(&mut self, head: &[u8], name: Span, value: Span) {
        let kind = FieldKind::of_field(name.bytes(head), value.bytes(head));
        self.kinds.add(kind);
        self.list.push(Field { name, value, kind });
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many there are where one field of each of these kinds does not count.
    pub(crate) fn len_without(&self, kinds: &[FieldKind]) -> usize {
        self.len() - kinds.iter().filter(|&&kind| self.has(kind)).count()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.list.iter()
    }

    /// Whether a field of `kind` came.
    pub(crate) const fn has(&self, kind: FieldKind) -> bool {
        self.kinds.has(kind)
    }

    /// All fields of `kind`, in order. Costs nothing where there is none.
    pub(crate) fn of(&self, kind: FieldKind) -> impl Iterator<Item = &Field> + Clone {
        let list = if self.has(kind) { self.list.as_slice() } else { &[] };
        list.iter().filter(move |field| field.kind == kind)
    }

    /// What the `Connection` fields ask for; the fields that they name end here.
    pub(crate) fn apply_connection(&mut self, head: &[u8]) -> ConnectionOptions {
        if self.has(FieldKind::Connection) {
            apply_connection(head, &mut self.list)
        } else {
            ConnectionOptions::default()
        }
    }

    /// Appends the fields of `head` that `passes` lets through; neighbours leave in one copy. In the place of every other
    /// line, `instead` may append another. Unusual white space around a value is not passed on.
    pub(crate) fn write_where(
        &self,
        head: &[u8],
        out: &mut Vec<u8>,
        passes: impl Fn(&Field) -> bool,
        mut instead: impl FnMut(&Field, &mut Vec<u8>),
    ) {
        let end = head.len().saturating_sub(b"\r\n".len());
        let line = |index: usize| self.list.get(index).map_or(end, |field| field.name.start as usize);
        let mut unwritten = line(0);
        for (index, field) in self.list.iter().enumerate() {
            let (does_pass, next) = (passes(field), line(index + 1));
            if does_pass && field.is_plain(next) {
                continue;
            }
            out.extend_from_slice(head.get(unwritten..line(index)).unwrap_or_default());
            if does_pass {
                field.write(head, out)
            } else {
                instead(field, out)
            }
            unwritten = next;
        }
        out.extend_from_slice(head.get(unwritten..end).unwrap_or_default());
    }
}

impl Field {
    /// Whether its line, which ends before `next`, has one space before the value and nothing after it.
    fn is_plain(&self, next: usize) -> bool {
        let value = (self.name.start + self.name.length + 2) as usize;
        self.value.start as usize == value && value + self.value.length as usize + 2 == next
    }

    /// Appends this field as one line.
    fn write(&self, whole: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.bytes(whole));
        out.extend_from_slice(b": ");
        out.extend_from_slice(self.value.bytes(whole));
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the two fields that ask for another protocol, or agree to it.
pub(crate) fn write_upgrade(protocol: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Connection: upgrade\r\nUpgrade: ");
    out.extend_from_slice(protocol);
    out.extend_from_slice(b"\r\n");
}

/// What the `Connection` fields of a head ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// Reads every `Connection` field and marks the fields that they name as hop-by-hop.
///
/// `close` wins over `keep-alive` wherever it stands. Fields that frame the message keep their kind: a sender cannot
/// make `Content-Length` vanish by naming it.
fn apply_connection(whole: &[u8], fields: &mut [Field]) -> ConnectionOptions {
    let mut options = ConnectionOptions::default();
    for index in 0..fields.len() {
        let Some(field) = fields.get(index).copied().filter(|field| field.kind == FieldKind::Connection)
        else {
            continue;
        };
        for token in field.value.bytes(whole).split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if token.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else if !token.is_empty() {
                mark_named(whole, fields, token);
            }
        }
    }
    options
}

fn mark_named(whole: &[u8], fields: &mut [Field], token: &[u8]) {
    for field in fields.iter_mut() {
        let may_end_here = matches!(field.kind, FieldKind::Other | FieldKind::ForwardedFor);
        if may_end_here && field.name.bytes(whole).eq_ignore_ascii_case(token) {
            field.kind = FieldKind::Hop;
        }
    }
}
