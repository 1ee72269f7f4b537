//! A message as any reader of it saw it, in a form in which two readers can be compared.
//! It must not excuse a difference: what two readers may see differently is listed where they are compared.

use std::collections::BTreeMap;

use mesher_codec::Version;

/// Field values by the lower-case name, in their order.
pub type Fields = BTreeMap<String, Vec<Vec<u8>>>;

/// What a message begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// The version.
        version: Version,
        /// The method.
        method: String,
        /// Path and query; `None` where the two readers write it differently: the target of `CONNECT`.
        path: Option<String>,
        /// Host and port of a target in absolute form.
        authority: Option<(String, Option<u16>)>,
    },
    /// A response, with its status.
    Response(u16),
}

/// How a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Its body is whole.
    Whole,
    /// The input ended in its body.
    Cut,
    /// Its body was refused, and why.
    Refused(String),
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its start line.
    pub start: Start,
    /// Its fields.
    pub fields: Fields,
    /// The length of the body, where the head says it; 0 for none.
    pub length: Option<u64>,
    /// What was read of the body.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Fields,
    /// How it ended.
    pub ending: Ending,
}

/// What a reader found in a byte string.
#[derive(Debug, Default)]
pub struct Reading {
    /// The messages whose heads it took, in order. Only the last may be other than whole.
    pub messages: Vec<Message>,
    /// Why it took no further one, in its own words; `None` where the input was used up or the last message was said
    /// to be the last.
    pub refusal: Option<String>,
    /// The bytes after the last message, where it took one as a whole.
    pub untouched: usize,
    /// Whether it takes no further message on this connection, whatever follows.
    pub is_over: bool,
}

/// Adds a field.
pub fn add_field(fields: &mut Fields, name: &str, value: &[u8]) {
    fields.entry(name.to_ascii_lowercase()).or_default().push(value.to_vec());
}
