//! Heads as they leave: as they came, or as a rule changes them.
//! It must copy nothing of a rule: what it changes stays in the policy that says it.

use mesher_codec::field::FieldKind;
use mesher_codec::request::SetField;
use mesher_codec::response::Downstream;
use mesher_codec::{FieldEdits, RequestEdit, RequestHead, ResponseHead};
use mesher_traffic::{Actions, Asked};

use crate::request::invocation::Invocation;
use crate::request::spent;

/// The field by which whoever gets a copy knows it.
const MIRROR_MARK: &str = "x-mesher-mirror";

/// Appends the request of a call for its callee, with the fields that the proxy sets itself.
pub(crate) fn write_request(
    call: &Invocation,
    request: &RequestHead,
    set: &[SetField<'_>],
    output: &mut Vec<u8>,
) {
    match (call.actions(), &call.edits) {
        (None, None) => request.write(set, output),
        (Some(actions), None) => write_edited(call, (actions, lend(&actions.request)), request, set, output),
        (actions, Some(own)) => {
            // What a rule says holds before what a handler does.
            let nothing = Actions::default();
            let actions = actions.unwrap_or(&nothing);
            let left_out = actions.request.left_out.iter().chain(&own.left_out).cloned().collect::<Vec<_>>();
            let is_free = |(name, _): &&(Box<str>, Box<str>)| {
                !actions.request.added.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
            };
            let added = actions.request.added.iter().chain(own.added.iter().filter(is_free)).cloned();
            let added = added.collect::<Vec<_>>();
            let fields = FieldEdits { left_out: &left_out, added: &added };
            write_edited(call, (actions, fields), request, set, output);
        }
    }
}

/// Appends the request of a call for a mirror: as the callee gets it, but for a field that says so, and the end of the
/// connection behind it.
pub(crate) fn write_mirrored(
    call: &Invocation,
    request: &RequestHead,
    [via, context, source]: [SetField<'_>; 3],
    has_context: bool,
    output: &mut Vec<u8>,
) {
    let last = |name, value| SetField { kind: FieldKind::Other, name, value };
    let (mark, close) = (last(MIRROR_MARK, b"1"), last("Connection", b"close"));
    match has_context {
        true => write_request(call, request, &[via, context, source, mark, close], output),
        false => write_request(call, request, &[via, mark, close], output),
    }
}

fn write_edited(
    call: &Invocation,
    (actions, fields): (&Actions, FieldEdits<'_>),
    request: &RequestHead,
    set: &[SetField<'_>],
    output: &mut Vec<u8>,
) {
    let rewrite = actions.rewrite.as_ref();
    let path_and_query = rewrite.and_then(|rewrite| rewrite.path_and_query(asked(call, request)));
    let edit = RequestEdit {
        fields,
        path_and_query: path_and_query.as_deref(),
        host: rewrite.and_then(|rewrite| rewrite.host.as_deref()),
    };
    request.write_edited(set, &edit, output);
}

/// Appends the answer to a call for its caller; with `is_spent` it is told that all was tried already.
pub(crate) fn write_response(
    call: &Invocation,
    response: &ResponseHead,
    downstream: Downstream,
    is_spent: bool,
    output: &mut Vec<u8>,
) {
    match (call.actions(), call.session_field.as_deref()) {
        (None, None) if is_spent => response.write_edited(downstream, spent::mark(), output),
        (None, None) => response.write(downstream, output),
        (Some(actions), None) => response.write_edited(downstream, lend(&actions.response), output),
        (actions, Some(field)) => {
            let edits = match actions {
                Some(actions) => lend(&actions.response),
                None if is_spent => spent::mark(),
                None => FieldEdits::default(),
            };
            // Once for each session.
            let added: Vec<_> = edits.added.iter().chain([field]).cloned().collect();
            response.write_edited(downstream, FieldEdits { added: &added, ..edits }, output);
        }
    }
}

/// What a caller asked for, as a rule's other targets are made from it.
pub(crate) fn asked<'a>(call: &Invocation, request: &'a RequestHead) -> Asked<'a> {
    let authority = request.authority();
    Asked {
        host: authority.map_or("", |authority| authority.host),
        port: authority.and_then(|authority| authority.port),
        path_and_query: request.path_and_query(),
        matched: call.choice.map_or(0, |choice| choice.matched),
    }
}

fn lend(edits: &mesher_traffic::FieldEdits) -> FieldEdits<'_> {
    FieldEdits { left_out: &edits.left_out, added: &edits.added }
}
