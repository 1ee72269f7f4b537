//! HTTP/1 heads and body framing for a proxy: bytes come in, validated messages and rewritten bytes go out.
//! It must own no socket, no clock and no randomness, and must refuse what is ambiguous instead of repairing it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`field`] | header fields as spans of a head, their kinds, which of them are hop-by-hop |
//! | [`request`] | a request head: target, authority, framing, what the strict gate refuses |
//! | [`response`] | a response head: status, framing as the request's method and the status decide it |
//! | [`body`] | a body's framing: length, chunked with trailers, until close |
//! | [`refusal`] | why a message was refused, in words and in kinds |
//! | [`authority`] | the host and port of a target |

pub mod authority;
pub mod body;
pub mod field;
mod gate;
pub mod refusal;
pub mod request;
pub mod response;

pub use authority::Authority;
pub use body::{BodyDecoder, Framing, Piece};
pub use field::{Field, FieldKind, Span};
pub use refusal::Refusal;
pub use request::{RequestHead, TargetForm};
pub use response::ResponseHead;

/// Most bytes that one head may have, start line and blank line counted.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most fields that one head, or one trailer section, may have.
pub const FIELD_COUNT_MAX: usize = 100;
/// Most bytes of a request target.
pub const TARGET_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of a method.
pub const METHOD_BYTES_MAX: usize = 64;
/// Most bytes of a trailer section.
pub const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of one chunk's extensions.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 4 * 1024;

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
mod tests;
