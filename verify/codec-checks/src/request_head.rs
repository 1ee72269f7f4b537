//! Any bytes as a request head: one verdict whatever the splits, the same reading as hyper's, a clean head written.
//! It must not look into the parser: bytes in, verdict and bytes out.

use mesher_codec::field::MESHER_VIA;
use mesher_codec::request::SetField;
use mesher_codec::{
    Authority, FieldEdits, FieldKind, Framing, HEAD_BYTES_MAX, Progress, Refusal, RequestEdit, RequestHead,
    TargetForm, Version,
};

use crate::comparison::{compare, is_uncounted_field};
use crate::hyper_reading;
use crate::message::{Message, Start};
use crate::our_reading;
use crate::prefixes::check_prefixes;
use crate::written::check_head_bytes;

/// What the proxy sets in every request.
const OWN_FIELDS: [SetField<'_>; 3] = [
    SetField { kind: FieldKind::MesherVia, name: "Via", value: b"" },
    SetField { kind: FieldKind::CseContext, name: "x-cse-context", value: b"{}" },
    SetField { kind: FieldKind::Other, name: "Via", value: b"1.1 mesher-check" },
];

/// Checks request heads.
///
/// # Panics
/// Where one of the things that must hold does not.
pub fn check_request_head(input: &[u8]) {
    let mut head = RequestHead::default();
    let verdict = head.parse(input);
    check_reuse(input, &head, verdict);
    check_prefixes(input, |part| RequestHead::default().parse(part));
    if let Ok(Progress::Complete(end)) = verdict {
        // Before a request, and only there, an empty line or two are passed over.
        let taken = input.get(..end).unwrap_or_default();
        let begin = taken.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(end);
        check_head_bytes(taken.get(begin..).unwrap_or_default());
        check_rewriting(&head, &[]);
        check_rewriting(&head, &OWN_FIELDS);
    }
    compare_with_hyper(input);
}

/// A head that held another message before says the same.
fn check_reuse(input: &[u8], fresh: &RequestHead, verdict: Result<Progress, Refusal>) {
    let mut used = RequestHead::default();
    let earlier = used.parse(b"POST http://b:1/c HTTP/1.0\r\nContent-Length: 3\r\nX-Old: 1\r\n\r\n");
    assert!(earlier.is_ok());
    assert_eq!(used.parse(input), verdict, "a used head says otherwise: {}", input.escape_ascii());
    if let Ok(Progress::Complete(_)) = verdict {
        assert_eq!(Seen::of(&used), Seen::of(fresh), "a used head reads otherwise: {}", input.escape_ascii());
    }
}

/// Everything that a request head tells.
#[derive(Debug, PartialEq, Eq)]
struct Seen<'h> {
    method: &'h str,
    path: &'h str,
    authority: Option<Authority<'h>>,
    form: TargetForm,
    version: Version,
    framing: Framing,
    is_last: bool,
    upgrade: Option<&'h [u8]>,
    fields: Vec<(&'h str, &'h [u8])>,
}

impl<'h> Seen<'h> {
    fn of(head: &'h RequestHead) -> Self {
        Self {
            method: head.method(),
            path: head.path_and_query(),
            authority: head.authority(),
            form: head.form(),
            version: head.version(),
            framing: head.framing(),
            is_last: head.is_last(),
            upgrade: head.upgrade(),
            fields: head.fields().collect(),
        }
    }

    /// What the next hop must see, when these fields are set.
    fn rewritten(&self, head: &'h RequestHead, set: &[SetField<'h>]) -> Self {
        Self {
            method: self.method,
            path: self.path,
            authority: self.authority,
            form: match self.form {
                TargetForm::Absolute if self.path == "*" => TargetForm::Asterisk,
                TargetForm::Absolute => TargetForm::Origin,
                form => form,
            },
            version: Version::Http11,
            framing: self.framing,
            is_last: false,
            upgrade: self.upgrade,
            fields: passed_fields(head, set),
        }
    }
}

/// The fields that are passed on as they came, without those that are written anew.
fn passed_fields<'h>(head: &'h RequestHead, set: &[SetField<'h>]) -> Vec<(&'h str, &'h [u8])> {
    let named: Vec<_> = head
        .values(FieldKind::Connection)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    let is_passed = |name: &str, value: &[u8]| {
        let kind = kind_of(name, value);
        let is_named = named.iter().any(|other| other == name.to_ascii_lowercase().as_bytes());
        match kind {
            FieldKind::Host | FieldKind::ContentLength => false,
            FieldKind::Expect => head.version() == Version::Http11,
            FieldKind::Other | FieldKind::ForwardedFor if is_named => false,
            kind if set.iter().any(|own| own.kind == kind && kind != FieldKind::Other) => false,
            kind => !kind.is_hop_by_hop(),
        }
    };
    let passed = head.fields().filter(|(name, value)| is_passed(name, value));
    // Two wishes are all of this hop that is passed on: for trailers, and for another protocol.
    let takes_trailers = head
        .values(FieldKind::Te)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"));
    let trailers = takes_trailers.then_some([("Connection", &b"te"[..]), ("TE", b"trailers")]);
    let wish = head.upgrade().map(|protocol| [("Connection", &b"upgrade"[..]), ("Upgrade", protocol)]);
    passed.chain(trailers.into_iter().flatten()).chain(wish.into_iter().flatten()).collect()
}

fn kind_of(name: &str, value: &[u8]) -> FieldKind {
    let is_own_via = value.starts_with(MESHER_VIA.as_bytes());
    if name.eq_ignore_ascii_case("via") && is_own_via {
        FieldKind::MesherVia
    } else {
        FieldKind::of(name.as_bytes())
    }
}

/// What is written is one head, without a byte too many, and says what the incoming one said.
fn check_rewriting(head: &RequestHead, set: &[SetField<'_>]) {
    let mut out = Vec::new();
    head.write(set, &mut out);
    check_head_bytes(&out);
    check_edit(head, set, &out);
    let seen = Seen::of(head);
    if seen.authority.is_none() {
        // The next hop gets the empty `Host` that says so (RFC 9112 §3.2); our own gate takes none.
        out = replace(&out, b"\r\nHost: \r\n", b"\r\nHost: a\r\n");
    }
    let mut again = RequestHead::default();
    let text = || out.escape_ascii();
    if out.len() > HEAD_BYTES_MAX {
        // A head that is filled to the brim has no room for the bytes of the fields that are set.
        assert_eq!(again.parse(&out), Err(Refusal::HeadTooLarge), "written: {}", text());
        return;
    }
    assert_eq!(again.parse(&out), Ok(Progress::Complete(out.len())), "written: {}", text());
    let mut expected = seen.rewritten(head, set);
    let mut found = Seen::of(&again);
    if seen.authority.is_none() {
        expected.authority = found.authority;
    }
    // One more slash where the target was a query alone.
    let path = format!("/{}", expected.path);
    if expected.path.starts_with('?') {
        expected.path = &path;
    }
    let hosts = found.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count();
    assert_eq!(hosts, 1, "written: {}", text());
    found.fields.retain(|(name, value)| is_compared(name, value, set));
    expected.fields.retain(|(name, value)| is_compared(name, value, set));
    assert_eq!(found, expected, "written: {}", text());
    for own in set {
        let wanted = usize::from(!own.value.is_empty());
        let lines = again.fields().filter(|(name, value)| *name == own.name && *value == own.value).count();
        assert!(lines >= wanted, "{} is not set: {}", own.name, text());
    }
}

/// Whether a field is to be the same in both heads: not framing, `Host` or what the proxy sets itself.
fn is_compared(name: &str, value: &[u8], set: &[SetField<'_>]) -> bool {
    let is_set = set.iter().any(|own| own.name == name && own.value == value);
    let kind = FieldKind::of(name.as_bytes());
    !is_set && !matches!(kind, FieldKind::Host | FieldKind::ContentLength | FieldKind::TransferEncoding)
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from);
    let (before, after) = bytes.split_at(at.unwrap_or(bytes.len()));
    [before, to, after.get(from.len()..).unwrap_or_default()].concat()
}

fn compare_with_hyper(input: &[u8]) {
    let ours = our_reading::read_requests(input);
    let theirs = hyper_reading::read_requests(input, false);
    compare(input, &ours, &theirs, is_known_refusal);
}

/// Why hyper refuses what we take.
pub(crate) fn is_known_refusal(message: &Message, words: &str) -> bool {
    let Start::Request { path, .. } = &message.start else { return false };
    // Its URI type takes fewer bytes in a target than are sent in practice; we pass them on as they came.
    let is_odd_target =
        words.contains("URI") && path.as_deref().is_none_or(|path| path.parse::<http::Uri>().is_err());
    is_odd_target || is_uncounted_field(message, words) || crate::chunked_body::is_known_refusal(words)
}

/// An edit changes what it names and nothing else; one of nothing changes nothing of what is `written`.
fn check_edit(head: &RequestHead, set: &[SetField<'_>], written: &[u8]) {
    let mut out = Vec::new();
    head.write_edited(set, &RequestEdit::default(), &mut out);
    assert_eq!(out, written, "an edit of nothing: {}", out.escape_ascii());
    let (left_out, added) = (["x-a".into(), "accept".into()], [("x-edited".into(), "1".into())]);
    let fields = FieldEdits { left_out: &left_out, added: &added };
    let edit = RequestEdit { fields, path_and_query: Some("/edited?x"), host: Some("edited.example") };
    out.clear();
    head.write_edited(set, &edit, &mut out);
    check_head_bytes(&out);
    let mut again = RequestHead::default();
    let verdict = again.parse(&out);
    if matches!(verdict, Err(Refusal::HeadTooLarge | Refusal::TooManyFields)) {
        // No room was left for what is added.
        return;
    }
    assert_eq!(verdict, Ok(Progress::Complete(out.len())), "edited: {}", out.escape_ascii());
    let port = head.authority().and_then(|authority| authority.port);
    assert_eq!(again.authority(), Some(Authority { host: "edited.example", port }));
    assert_eq!(
        (again.method(), again.framing(), again.upgrade()),
        (head.method(), head.framing(), head.upgrade())
    );
    assert_eq!(again.path_and_query(), "/edited?x");
    let before = head.named("x-edited").count();
    let hop = |head: &RequestHead| head.fields().any(|(name, _)| name.eq_ignore_ascii_case("connection"));
    if !hop(head) {
        assert_eq!(again.named("x-edited").count(), before + 1, "edited: {}", out.escape_ascii());
    }
    assert_eq!(again.named("x-a").chain(again.named("accept")).count(), 0, "edited: {}", out.escape_ascii());
}
