//! One record of a change, and its line.
//! It must not let a field end a line, hide a part of it, or turn it around on a screen.

use std::fmt::Write as _;
use std::time::Duration;

use mesher_registry::Stored;
use serde::Serialize;
use serde_json::{Value, json};

use super::Origin;
use crate::keep::Edit;
use crate::rows;

/// Most bytes of what was before, and of what is after: a service may have megabytes of contracts.
const STATE_BYTES_MAX: usize = 64 * 1024;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) origin: Origin,
    /// One word.
    pub(crate) action: &'static str,
    /// The key of what changed.
    pub(crate) target: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    who: &'a str,
    from: Option<String>,
    action: &'a str,
    target: &'a str,
    before: Option<Value>,
    after: Option<Value>,
}

impl Record {
    /// Of one record that changed. Passwords' hashes and keys are left out.
    pub(crate) fn of(edit: &Edit, origin: Origin) -> Self {
        let (before, after) = match edit {
            Edit::Registry(edit) => (edit.before.as_ref().map(value), edit.after.as_ref().map(value)),
            Edit::Access(edit) => {
                let edit = edit.without_secrets();
                (edit.before, edit.after)
            }
            Edit::Rules(edit) => (edit.before.clone(), edit.after.clone()),
            Edit::Config(edit) => (edit.before.clone(), edit.after.clone()),
        };
        let action = match (&before, &after) {
            (None, _) => "created",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        };
        Self { origin, action, target: edit.key().into_owned(), before, after }
    }

    /// One line of JSON in plain ASCII, without its end.
    pub(crate) fn to_line(&self, now: Duration) -> String {
        let line = Line {
            at: rows::date(now).unwrap_or_default(),
            who: &self.origin.who,
            from: self.origin.from.map(|from| from.to_string()),
            action: self.action,
            target: &self.target,
            before: self.before.clone().map(bounded),
            after: self.after.clone().map(bounded),
        };
        // None of the members can fail: texts, and values that are JSON already.
        escape(&serde_json::to_string(&line).unwrap_or_default())
    }
}

/// Records are plain data, of which serde can write all.
fn value(record: &Stored) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

fn bounded(state: Value) -> Value {
    let bytes = state.to_string().len();
    if bytes <= STATE_BYTES_MAX { state } else { json!({"omitted_bytes": bytes}) }
}

/// Writes every character beyond ASCII, and what the serializer leaves of control characters, as JSON's escapes: such
/// characters stand within texts only, and mean the same when they are read.
fn escape(line: &str) -> String {
    if line.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
        return line.to_owned();
    }
    let mut escaped = String::with_capacity(line.len() * 2);
    for character in line.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            escaped.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a text cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}
