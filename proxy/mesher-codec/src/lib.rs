//! HTTP/1 heads and body framing for a proxy: bytes come in, validated messages and rewritten bytes go out.
//! It must own no socket, no clock and no randomness, and must refuse what is ambiguous instead of repairing it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`field`] | header fields as spans of a head, their kinds, which of them are hop-by-hop |
//! | [`request`] | a request head: target, authority, framing, what the strict gate refuses |
//! | [`response`] | a response head: status, framing as the request's method and the status decide it |
//! | [`edit`] | what else is changed of a head on its way |
//! | [`body`] | a body's framing: length, chunked with trailers, until close |
//! | [`conversation`] | one exchange of request and answers: what passes, and which connection can be used again |
//! | [`refusal`] | why a message was refused, in words and in kinds |
//! | [`authority`] | the host and port of a target |

pub mod authority;
pub mod body;
pub mod conversation;
pub mod edit;
pub mod field;
mod gate;
pub mod refusal;
pub mod request;
pub mod response;
mod scan;

pub use authority::Authority;
pub use body::{BodyDecoder, Framing, Piece};
pub use conversation::{Conversation, Heard, Transfer};
pub use edit::{FieldEdits, RequestEdit};
pub use field::{Field, FieldKind, Span};
pub use refusal::Refusal;
pub use request::{RequestHead, TargetForm};
pub use response::ResponseHead;

/// Most bytes that one head may have unless another limit is set, start line and blank line counted.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most fields that one head may have unless another limit is set; also of one trailer section.
pub const FIELD_COUNT_MAX: usize = 100;
/// Most fields that a limit can allow.
pub const FIELD_SLOTS: usize = 256 + OWN_FIELDS_MAX;
/// Most bytes of a request target.
pub const TARGET_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of a method.
pub const METHOD_BYTES_MAX: usize = 64;
/// Most bytes of a trailer section.
pub const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of one chunk's extensions.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 4 * 1024;
/// Most bytes of the extensions of all chunks of one body.
pub const EXTENSION_BYTES_MAX: usize = 16 * 1024;
/// Most entries of all `X-Forwarded-For` fields of one head together.
pub const FORWARDED_COUNT_MAX: usize = 50;

/// Fields that a proxy adds to a head that it has taken. They do not count, so that the next proxy takes it too.
const OWN_FIELDS_MAX: usize = 3;

/// Bytes of room that a head keeps for the next one.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, start line and blank line counted; at most 2^31.
    pub bytes: usize,
    /// Fields, those that another proxy may have added left out; at most 256.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: HEAD_BYTES_MAX, fields: FIELD_COUNT_MAX }
    }
}

impl HeadLimits {
    fn check(self, bytes: usize, fields: usize) -> Result<(), Refusal> {
        if bytes > self.bytes {
            return Err(Refusal::HeadTooLarge);
        }
        if fields > self.fields { Err(Refusal::TooManyFields) } else { Ok(()) }
    }
}

/// How far a head has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The head is whole and took this many bytes of the input.
    Complete(usize),
    /// More bytes are needed.
    Partial,
}

/// The version of an HTTP/1 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
}

#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod tests;
