//! Compares an answer with a recorded one, in which marks stand for values that differ from run to run.
//! It must compare the rest exactly.

use serde_json::Value;

/// Members that hold a time.
const TIMES: [&str; 6] =
    ["timestamp", "modTimestamp", "createTime", "updateTime", "create_time", "update_time"];
/// Members whose text is for people: that it is there counts.
const TEXTS: [&str; 2] = ["errorMessage", "detail"];
/// A saved value shorter than this is no mark: it would be found everywhere.
const SHORTEST_MARK: usize = 6;
/// Digits of an instance id that the registry made.
const INSTANCE_ID: usize = 32;

/// Values of this run by name, in the order in which they were first saved.
#[derive(Debug, Default)]
pub(crate) struct Saved(Vec<(String, String)>);

impl Saved {
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Puts the values in the place of their names.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
    }

    /// Puts names in the place of the values.
    fn mark(&self, text: &str) -> String {
        let long = self.0.iter().filter(|(_, value)| value.len() >= SHORTEST_MARK);
        long.fold(text.to_owned(), |text, (name, value)| text.replace(value, &format!("${{{name}}}")))
    }
}

/// An answer with marks in the place of values of this run; `member` is what it stands under.
pub(crate) fn mark(value: Value, saved: &Saved, member: &str) -> Value {
    match value {
        Value::Object(members) => {
            let marked = members.into_iter().map(|(name, value)| {
                let value = mark(value, saved, &name);
                (saved.mark(&name), value)
            });
            Value::Object(marked.collect())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| mark(item, saved, member)).collect())
        }
        Value::String(text) if TIMES.contains(&member) && !text.is_empty() => {
            Value::String("<time>".to_owned())
        }
        Value::Number(_) if TIMES.contains(&member) => Value::String("<time>".to_owned()),
        Value::String(text) => {
            let text = saved.mark(&text);
            let is_id = text.len() == INSTANCE_ID
                && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            Value::String(if is_id { "<instance id>".to_owned() } else { text })
        }
        other => other,
    }
}

/// A header must be there; where the recording holds a saved value, it must hold that of this run.
pub(crate) fn is_same_header(want: &str, got: &str, saved: &Saved) -> bool {
    !want.starts_with("${") || saved.fill(want) == got
}

/// Writes down each difference.
pub(crate) fn differences(want: &Value, got: &Value, place: &str, loose: &[String], all: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(wanted), Value::Object(held)) => {
            for (name, value) in wanted {
                match held.get(name) {
                    None => all.push(format!("{place}.{name} is missing, original {value}")),
                    Some(known) if !loose.contains(name) => {
                        differences(value, known, &format!("{place}.{name}"), loose, all);
                    }
                    Some(_) => {}
                }
            }
            let extra = held.iter().filter(|(name, _)| !wanted.contains_key(*name) && !loose.contains(name));
            all.extend(extra.map(|(name, value)| format!("{place}.{name} is new: {value}")));
        }
        (Value::Array(wanted), Value::Array(held)) => {
            if wanted.len() != held.len() {
                all.push(format!("{place}: {} items, original {}", held.len(), wanted.len()));
            }
            // Frames of a web socket have an order; lists in answers have none.
            let sorted = |items: &[Value]| {
                let mut items = items.to_vec();
                if !place.is_empty() {
                    items.sort_by_key(Value::to_string);
                }
                items
            };
            for (at, (one, other)) in sorted(wanted).iter().zip(sorted(held)).enumerate() {
                differences(one, &other, &format!("{place}[{at}]"), loose, all);
            }
        }
        _ if want == got || TEXTS.iter().any(|name| place.ends_with(&format!(".{name}"))) => {}
        _ => all.push(format!("{place}: {got}, original {want}")),
    }
}
