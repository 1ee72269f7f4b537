//! The bytes of an answer that a rule gives itself: a redirect, or a whole one.
//! It must say which rule answered, so that nobody looks for the answer in an application.

use mesher_codec::{RequestHead, Version};
use mesher_traffic::{FieldEdits, OwnAnswer};

use crate::request::edits;
use crate::request::invocation::Invocation;
use crate::request::respond::{quotable, reason, verdict};

/// An answer that is ready to leave.
pub(crate) struct Prepared {
    pub(crate) bytes: Vec<u8>,
    /// How many of them are its body.
    pub(crate) body_bytes: u64,
}

/// The answer of `call` as a rule says it, with changes of its fields. `closes` tells that the connection ends with it.
pub(crate) fn prepare(
    call: &Invocation,
    request: &RequestHead,
    (edits, answer): (&FieldEdits, &OwnAnswer),
    signature: &str,
    closes: bool,
) -> Prepared {
    let status = answer.status();
    let (field, further, body) = match answer {
        OwnAnswer::Redirect(redirect) => {
            (Some(("Location", redirect.location(edits::asked(call, request)))), [].as_slice(), "")
        }
        OwnAnswer::Direct(direct) => match &direct.body {
            Some((kind, body)) => (Some(("Content-Type", kind.to_string())), &*direct.fields, body.as_ref()),
            None => (None, &*direct.fields, ""),
        },
    };
    let signature = format!("{signature}{}; invocation=\"{}\"", why(call), call.id);
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    let mut line = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
    let first = field.iter().map(|(name, value)| (*name, value.as_str()));
    let further = further.iter().map(|(name, value)| (&**name, &**value));
    for (name, value) in first.chain([("Proxy-Status", signature.as_str())]).chain(further) {
        let is_kept = !edits.left_out.iter().any(|other| other.eq_ignore_ascii_case(name));
        if is_kept {
            line(name, value);
        }
    }
    edits.added.iter().for_each(|(name, value)| line(name, value));
    // Neither of these has a length (RFC 9110 §8.6).
    if !matches!(status, 204 | 304) {
        line("Content-Length", &body.len().to_string());
    }
    if closes {
        line("Connection", "close");
    } else if request.version() == Version::Http10 {
        line("Connection", "keep-alive");
    }
    head.push_str("\r\n");
    let body = if request.is("HEAD") { "" } else { body };
    head.push_str(body);
    Prepared { bytes: head.into_bytes(), body_bytes: body.len() as u64 }
}

/// Who answers, and in place of which failure, as parameters of `Proxy-Status` (RFC 9209 §2.1).
fn why(call: &Invocation) -> String {
    if let Some((_, rule, failure)) = call.fallback_answer() {
        let words = format!("{rule}, in place of {}: {}", failure.kind.as_str(), failure.detail);
        return format!("; error={}; details=\"{}\"", verdict(failure.kind).error, quotable(&words));
    }
    let governance = call.choice.zip(call.cluster().governance.as_ref());
    let rule = governance.map(|(choice, governance)| governance.rule_words(choice)).unwrap_or_default();
    format!("; details=\"{}\"", quotable(&rule))
}
