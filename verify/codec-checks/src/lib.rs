//! What must hold of `mesher-codec` for any bytes at all, as functions that panic where it does not.
//! They must not choose the bytes: the fuzz targets in `verify/fuzz` do, and the replay of their corpus does.
//!
//! | module | what it knows |
//! |---|---|
//! | [`request_head`], [`response_head`], [`chunked_body`], [`conversation`] | one check each, for the fuzz target of that name |
//! | [`notation`] | how one file holds several byte strings, and how one is cut into pieces |
//! | [`message`] | a message as any reader of it saw it |
//! | [`our_reading`] | the messages that `mesher-codec` finds in a byte string |
//! | [`hyper_reading`] | the messages that hyper finds in it |
//! | [`written`] | which bytes a head that we wrote may hold |

pub mod chunked_body;
mod comparison;
pub mod conversation;
pub mod hyper_reading;
pub mod message;
pub mod notation;
pub mod our_reading;
mod prefixes;
pub mod request_head;
pub mod response_head;
pub mod written;

pub use chunked_body::check_chunked_body;
pub use conversation::check_conversation;
pub use request_head::check_request_head;
pub use response_head::check_response_head;

/// A check: panics where what it holds does not hold for these bytes.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target and of its folder in the corpus.
pub const CHECKS: &[(&str, Check)] = &[
    ("request_head", check_request_head),
    ("response_head", check_response_head),
    ("chunked_body", check_chunked_body),
    ("conversation", check_conversation),
];

#[cfg(test)]
mod tests;
