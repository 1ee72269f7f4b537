//! Services that no registry has to know: named in a file, with their endpoints or with a name in the domain name
//! system. A bad file must never take the place of a good one.
//!
//! | file | holds |
//! |---|---|
//! | `document` | the file's form, and what is wrong with one, with its place |
//! | `file` | the file as a source, looked at again and again |
//! | `dns` | the domain name system as a source, for the names in the file |

mod dns;
mod document;
mod file;

pub(crate) use dns::DnsSource;
pub(crate) use file::FileSource;

#[cfg(test)]
mod tests;
