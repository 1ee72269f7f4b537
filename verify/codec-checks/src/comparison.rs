//! Compares what two readers found in the same bytes.
//! It must not excuse a difference by itself: the caller names those that are known.

use mesher_codec::{FIELD_COUNT_MAX, Version};

use crate::message::{Ending, Message, Reading, Start};

/// Compares message by message, as far as both readers took one.
///
/// `is_known` names the reason why hyper may refuse what we take: it gets our message and hyper's words.
///
/// # Panics
/// Where both took a message and saw it differently, or where hyper refused what we took for no known reason.
pub(crate) fn compare(
    input: &[u8],
    ours: &Reading,
    theirs: &Reading,
    is_known: impl Fn(&Message, &str) -> bool,
) {
    let text = || input.escape_ascii();
    for (index, our) in ours.messages.iter().enumerate() {
        let Some(their) = theirs.messages.get(index) else {
            let words = theirs.refusal.as_deref().unwrap_or("it took no further message");
            let heads = theirs.messages.len();
            assert!(is_known(our, words), "hyper took {heads} of {our:?} ({words}): {}", text());
            return;
        };
        compare_heads(our, their, input);
        match (&our.ending, &their.ending) {
            // We refuse more than hyper does; and of what is refused, nothing more is asked.
            (Ending::Refused(_), _) => return,
            (Ending::Whole, Ending::Refused(words)) if is_known(our, words) => return,
            // hyper says of a body that is cut that it is refused.
            (Ending::Cut, Ending::Refused(_) | Ending::Cut) => {
                let is_shared = our.body.starts_with(&their.body);
                assert!(is_shared, "of a body that is cut, hyper saw other bytes: {}", text());
                return;
            }
            _ => {
                assert_eq!(our.ending, their.ending, "the bodies end differently: {}", text());
                assert_eq!(our.body, their.body, "the bodies differ: {}", text());
            }
        }
        if has_odd_connection(our) || may_hide_body(our) {
            return;
        }
    }
    // A message more than we take is one more only where we did not refuse it ourselves.
    if ours.is_over && ours.refusal.is_none() {
        assert!(theirs.messages.len() <= ours.messages.len(), "hyper goes on where we end: {}", text());
    }
}

/// Whether hyper, in these words, refuses a head for fields that do not count for us: up to three that a proxy may have
/// added.
pub(crate) fn is_uncounted_field(message: &Message, words: &str) -> bool {
    let all: usize = message.fields.values().map(Vec::len).sum();
    words.contains("too large") && (FIELD_COUNT_MAX + 1..=FIELD_COUNT_MAX + 3).contains(&all)
}

/// Whether hyper and we may disagree about whether this message is the last: it passes over a whole `Connection` line
/// that holds a byte beyond ASCII, and we read the words around it.
fn has_odd_connection(message: &Message) -> bool {
    let mut lines = message.fields.get("connection").into_iter().flatten();
    lines.any(|line| !line.is_ascii())
}

/// Whether an old sender may have left the end of its body to the end of the connection: we read no further message
/// then, and hyper does.
fn may_hide_body(message: &Message) -> bool {
    let Start::Request { version: Version::Http10, method, .. } = &message.start else { return false };
    let has_length = message.fields.contains_key("content-length");
    !has_length && matches!(method.as_str(), "POST" | "PUT" | "PATCH")
}

fn compare_heads(our: &Message, their: &Message, input: &[u8]) {
    let text = || input.escape_ascii();
    assert_eq!(our.start, their.start, "the start lines differ: {}", text());
    assert_eq!(our.fields, their.fields, "the fields differ: {}", text());
    assert_eq!(our.length, their.length, "the lengths differ: {}", text());
    // Trailers that may not be passed on were left out; the others are the same.
    if our.ending == Ending::Whole && their.ending == Ending::Whole {
        for (name, values) in &our.trailers {
            assert_eq!(their.trailers.get(name), Some(values), "the trailers differ in {name}: {}", text());
        }
    }
}
