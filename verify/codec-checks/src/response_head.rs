//! Any bytes as the answer to a `GET` and to a `HEAD`: one verdict, the same reading as hyper's, a clean head written.
//! It must not look into the parser: bytes in, verdict and bytes out.

use mesher_codec::response::Downstream;
use mesher_codec::{FieldEdits, FieldKind, Framing, Progress, Refusal, ResponseHead, Version};

use crate::comparison::{compare, is_uncounted_field};
use crate::hyper_reading;
use crate::message::{Message, Start};
use crate::our_reading;
use crate::prefixes::check_prefixes;
use crate::written::check_head_bytes;

/// Checks response heads.
///
/// # Panics
/// Where one of the things that must hold does not.
pub fn check_response_head(input: &[u8]) {
    for answers_head in [false, true] {
        let mut head = ResponseHead::default();
        let verdict = head.parse(input, answers_head);
        check_reuse(input, answers_head, &head, verdict);
        check_prefixes(input, |part| ResponseHead::default().parse(part, answers_head));
        if let Ok(Progress::Complete(end)) = verdict {
            check_head_bytes(input.get(..end).unwrap_or_default());
            check_rewritings(&head, answers_head);
        }
        compare_with_hyper(input, answers_head);
    }
}

/// A head that held another message before says the same.
fn check_reuse(input: &[u8], answers_head: bool, fresh: &ResponseHead, verdict: Result<Progress, Refusal>) {
    let mut used = ResponseHead::default();
    let earlier = used.parse(b"HTTP/1.0 201 Created\r\nContent-Length: 3\r\nX-Old: 1\r\n\r\n", false);
    assert!(earlier.is_ok());
    assert_eq!(
        used.parse(input, answers_head),
        verdict,
        "a used head says otherwise: {}",
        input.escape_ascii()
    );
    if let Ok(Progress::Complete(_)) = verdict {
        assert_eq!(Seen::of(&used), Seen::of(fresh), "a used head reads otherwise: {}", input.escape_ascii());
    }
}

/// Everything that a response head tells.
#[derive(Debug, PartialEq, Eq)]
struct Seen<'h> {
    status: u16,
    framing: Framing,
    is_last: bool,
    switches: bool,
    fields: Vec<(&'h str, &'h [u8])>,
}

impl<'h> Seen<'h> {
    fn of(head: &'h ResponseHead) -> Self {
        let fields = head.fields().collect();
        let (framing, is_last, switches) = (head.framing(), head.is_last(), head.switches());
        Self { status: head.status(), framing, is_last, switches, fields }
    }
}

/// For every kind of caller, what is written is one head that says what the incoming one said.
fn check_rewritings(head: &ResponseHead, answers_head: bool) {
    for version in [Version::Http10, Version::Http11] {
        for is_last in [false, true] {
            // A body until the connection closes ends the connection: the proxy says so.
            let is_last = is_last || head.framing_for(version) == Framing::UntilClose;
            check_rewriting(head, answers_head, Downstream { version, is_last });
        }
    }
}

fn check_rewriting(head: &ResponseHead, answers_head: bool, downstream: Downstream) {
    let mut out = Vec::new();
    head.write(downstream, &mut out);
    check_head_bytes(&out);
    check_edit(head, answers_head, downstream, &out);
    let text = || out.escape_ascii();
    let mut again = ResponseHead::default();
    let verdict = again.parse(&out, answers_head);
    assert_eq!(verdict, Ok(Progress::Complete(out.len())), "written: {}", text());
    let mut found = Seen::of(&again);
    let expected = Seen {
        status: head.status(),
        framing: head.framing_for(downstream.version),
        is_last: downstream.is_last && !head.is_interim(),
        switches: head.switches(),
        fields: passed_fields(head),
    };
    // A length that describes the resource is passed on where there is no body: but not by 204.
    let declared = |head: &ResponseHead| head.value(FieldKind::ContentLength).map(<[u8]>::to_vec);
    if head.framing() == Framing::Empty && !head.is_interim() && head.status() != 204 {
        assert_eq!(declared(&again).is_some(), declared(head).is_some(), "written: {}", text());
    }
    found.fields.retain(|(name, _)| {
        let kind = FieldKind::of(name.as_bytes());
        !matches!(kind, FieldKind::Connection | FieldKind::ContentLength | FieldKind::TransferEncoding)
    });
    assert_eq!(found, expected, "written: {}", text());
}

/// An edit changes what it names and nothing else; one of nothing changes nothing of what is `written`.
fn check_edit(head: &ResponseHead, answers_head: bool, downstream: Downstream, written: &[u8]) {
    let mut out = Vec::new();
    head.write_edited(downstream, FieldEdits::default(), &mut out);
    assert_eq!(out, written, "an edit of nothing: {}", out.escape_ascii());
    let (left_out, added) = (["server".into(), "x-a".into()], [("x-edited".into(), "1".into())]);
    out.clear();
    head.write_edited(downstream, FieldEdits { left_out: &left_out, added: &added }, &mut out);
    check_head_bytes(&out);
    let mut again = ResponseHead::default();
    let verdict = again.parse(&out, answers_head);
    if matches!(verdict, Err(Refusal::HeadTooLarge | Refusal::TooManyFields)) {
        // No room was left for what is added.
        return;
    }
    assert_eq!(verdict, Ok(Progress::Complete(out.len())), "edited: {}", out.escape_ascii());
    let of = |head: &ResponseHead| (head.status(), head.switches());
    assert_eq!(of(&again), of(head), "edited: {}", out.escape_ascii());
    assert_eq!(again.framing(), head.framing_for(downstream.version), "edited: {}", out.escape_ascii());
    let has = |name: &str| again.fields().any(|(other, _)| other.eq_ignore_ascii_case(name));
    assert!(has("x-edited") && !has("server") && !has("x-a"), "edited: {}", out.escape_ascii());
}

/// The fields that are passed on as they came.
fn passed_fields(head: &ResponseHead) -> Vec<(&str, &[u8])> {
    let connection = head.fields().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let named: Vec<_> = connection
        .flat_map(|(_, value)| value.split(|&byte| byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    let is_passed = |name: &str| {
        let kind = FieldKind::of(name.as_bytes());
        let is_named = named.iter().any(|other| other == name.to_ascii_lowercase().as_bytes());
        kind != FieldKind::ContentLength && !kind.is_hop_by_hop() && !(kind == FieldKind::Other && is_named)
    };
    let passed = head.fields().filter(|(name, _)| is_passed(name));
    let agreed = head.value(FieldKind::Upgrade).filter(|_| head.switches());
    passed.chain(agreed.map(|protocol| ("Upgrade", protocol))).collect()
}

/// Why hyper refuses what we take.
pub(crate) fn is_known_refusal(message: &Message, words: &str) -> bool {
    is_uncounted_field(message, words) || crate::chunked_body::is_known_refusal(words)
}

fn compare_with_hyper(input: &[u8], answers_head: bool) {
    let ours = our_reading::read_responses(input, answers_head);
    let theirs = hyper_reading::read_responses(input, answers_head);
    compare(input, &ours, &theirs, is_known_refusal);
    let is_final = |message: &Message| !matches!(message.start, Start::Response(100..=199));
    let both_whole = |reading: &crate::message::Reading| {
        reading
            .messages
            .last()
            .is_some_and(|last| is_final(last) && last.ending == crate::message::Ending::Whole)
    };
    if both_whole(&ours) && both_whole(&theirs) {
        assert_eq!(ours.untouched, theirs.untouched, "one took more bytes: {}", input.escape_ascii());
    }
}
