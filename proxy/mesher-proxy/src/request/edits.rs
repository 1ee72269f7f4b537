//! What rules change of a message's head, in the words of the codec.
//! It must copy nothing: the changes stay in the policy that says them.

use mesher_codec::{FieldEdits, RequestEdit};
use mesher_traffic::Actions;

/// What is changed of a request.
pub(crate) fn of_request(actions: &Actions) -> RequestEdit<'_> {
    RequestEdit { fields: lend(&actions.request) }
}

/// What is changed of an answer.
pub(crate) fn of_response(actions: &Actions) -> FieldEdits<'_> {
    lend(&actions.response)
}

fn lend(edits: &mesher_traffic::FieldEdits) -> FieldEdits<'_> {
    FieldEdits { left_out: &edits.left_out, added: &edits.added }
}
