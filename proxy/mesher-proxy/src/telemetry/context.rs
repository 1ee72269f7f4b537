//! `x-cse-context`: the invocation context that SDKs and proxies share, with the caller's name in it.
//! It must keep every entry that it does not own, and must never be believed to prove who calls.

use std::borrow::Cow;

use mesher_codec::RequestHead;
use mesher_codec::field::FieldKind;
use mesher_traffic::HeadView;
use serde_json::{Map, Value};

use crate::request::invocation::Invocation;
use crate::worker::Worker;

/// The entry that names the calling service.
pub(crate) const SOURCE_KEY: &str = "x-cse-src-microservice";
/// The largest context of an incoming call that is read for the caller's name.
const CONTEXT_BYTES_MAX: usize = 8 * 1024;

/// The context of a call that brings none.
pub(crate) fn fresh(service: &str) -> String {
    Value::Object(Map::from_iter([(SOURCE_KEY.to_owned(), service.into())])).to_string()
}

/// The context that an outgoing call gets: its own with our service as the source, or a fresh one.
///
/// What is no JSON object is replaced: nobody passes who says something else about who calls. A head bounds its size.
pub(crate) fn outgoing<'w>(worker: &'w Worker, request: &RequestHead) -> Cow<'w, str> {
    let Some(given) = request.value(FieldKind::CseContext) else {
        return Cow::Borrowed(&worker.shared.own_context);
    };
    match serde_json::from_slice::<Map<String, Value>>(given) {
        Ok(mut entries) => {
            entries.insert(SOURCE_KEY.to_owned(), worker.shared.bootstrap.identity.service.as_str().into());
            Cow::Owned(ascii(&Value::Object(entries)))
        }
        Err(_) => Cow::Borrowed(&worker.shared.own_context),
    }
}

/// The context that a call gets whose rules put parts of it there; `None` where none does.
pub(crate) fn mapped(
    worker: &Worker,
    call: &Invocation,
    head: &dyn HeadView,
    context: &str,
) -> Option<String> {
    let rules = call.governance()?.policy().mappings.as_ref()?;
    let (_, rule) = rules.pick(&call.view(worker, head))?;
    let mut entries: Map<String, Value> = serde_json::from_str(context).ok()?;
    rule.item.each(head, |name, value| {
        entries.insert(name.to_owned(), value.into());
    });
    Some(ascii(&Value::Object(entries)))
}

/// The service that an incoming call says it comes from.
pub(crate) fn caller(request: &RequestHead) -> Option<String> {
    let context = request.value(FieldKind::CseContext).filter(|value| value.len() <= CONTEXT_BYTES_MAX);
    let entries = context.and_then(|value| serde_json::from_slice::<Map<String, Value>>(value).ok());
    let named = entries.as_ref().and_then(|entries| entries.get(SOURCE_KEY)?.as_str());
    let plain = || std::str::from_utf8(request.value(FieldKind::CseSource)?).ok();
    named.or_else(plain).map(str::to_owned)
}

/// JSON as a header field can hold it: escapes instead of raw non-ASCII.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}
