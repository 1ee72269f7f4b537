//! A request head, from the bytes that came to the bytes that leave.
//! It must not choose where the request goes.
//!
//! | file | holds |
//! |---|---|
//! | `head` | parsed once into spans, checked by the strict gate |
//! | `write` | written for the next hop in one pass |

mod head;
mod write;

pub use head::{RequestHead, SetField, TargetForm};
