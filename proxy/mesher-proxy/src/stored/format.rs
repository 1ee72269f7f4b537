//! The form of a stored snapshot: one line that says what follows, then JSON.
//! It must take nothing that is not whole, of this format and of this owner.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use crate::bootstrap::Identity;
use crate::discovery::Known;

/// The first word of every stored snapshot, of every release.
const WORD: &str = "mesher-snapshot";
/// The number of this form. A change that an older release would misread raises it.
const FORMAT: u32 = 1;
/// The first line is shorter than this.
const LINE_BYTES_MAX: usize = 128;

/// Whose snapshot it is. The version of the service is no part of it: a new one calls whom the old one called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    domain: String,
    project: String,
    app: String,
    service: String,
    environment: String,
}

impl Owner {
    pub(crate) fn of(own: &Identity) -> Self {
        Self {
            domain: own.domain.clone(),
            project: own.project.clone(),
            app: own.app.clone(),
            service: own.service.clone(),
            environment: own.environment.clone(),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, project, app, service, environment } = self;
        write!(formatter, "{service} of application {app}")?;
        for (name, value) in [("environment", environment), ("domain", domain), ("project", project)] {
            if !value.is_empty() && value != mesher_model::DEFAULT {
                write!(formatter, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// What stands before the knowledge.
#[derive(Debug, Serialize)]
struct Head<'a> {
    owner: &'a Owner,
    written_by: &'a str,
    confirmed_at: u64,
}

/// A stored snapshot.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    owner: Owner,
    /// When a source last confirmed it, in seconds since 1970.
    pub(crate) confirmed_at: u64,
    pub(crate) known: Known,
}

impl Stored {
    /// What tells its knowledge from other knowledge.
    pub(crate) fn digest(&self) -> [u8; 20] {
        Written::of(&self.known).digest
    }
}

/// Why a file is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    #[error("it is no stored snapshot")]
    Foreign,
    #[error("it has format {found:?}, this release reads format {FORMAT}")]
    OtherFormat { found: String },
    #[error("it has {found} bytes where its first line says {expected}")]
    Length { expected: String, found: usize },
    #[error("its checksum does not fit its content")]
    Damaged,
    #[error("its content cannot be read: {0}")]
    Unreadable(String),
    #[error("it is of {theirs}, this proxy of {own}")]
    OtherOwner { theirs: String, own: String },
}

/// Knowledge as it is written, with what tells it from other knowledge.
#[derive(Debug)]
pub(super) struct Written {
    json: String,
    pub(super) digest: [u8; 20],
}

impl Written {
    pub(super) fn of(known: &Known) -> Self {
        let json = serde_json::to_string(known).expect("it has string keys and no failing serializer");
        let digest = Sha1::digest(json.as_bytes()).into();
        Self { json, digest }
    }

    /// The whole file.
    pub(super) fn file(&self, owner: &Owner, confirmed_at: u64) -> Vec<u8> {
        let head = Head { owner, written_by: env!("CARGO_PKG_VERSION"), confirmed_at };
        let head = serde_json::to_string(&head).expect("it has string keys and no failing serializer");
        let open = head.strip_suffix('}').expect("a struct is an object");
        let body = format!("{open},\"known\":{}}}", self.json);
        let mut file = first_line(body.as_bytes()).into_bytes();
        file.extend_from_slice(body.as_bytes());
        file
    }
}

/// `mesher-snapshot FORMAT BYTES SHA1` and a line feed.
fn first_line(body: &[u8]) -> String {
    let digest = Sha1::digest(body);
    let digest = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("{WORD} {FORMAT} {} {digest}\n", body.len())
}

/// Reads what [`Written::file`] wrote, for `own` alone.
pub(super) fn read(file: &[u8], own: &Owner) -> Result<Stored, Rejection> {
    let end = file.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n').ok_or(Rejection::Foreign)?;
    let (line, body) = file.split_at(end + 1);
    let text = std::str::from_utf8(line).map_err(|_| Rejection::Foreign)?;
    let mut words = text.split([' ', '\n']);
    if words.next() != Some(WORD) {
        return Err(Rejection::Foreign);
    }
    let found = words.next().unwrap_or_default();
    if found != FORMAT.to_string() {
        return Err(Rejection::OtherFormat { found: found.to_owned() });
    }
    let expected = words.next().unwrap_or_default();
    if expected != body.len().to_string() {
        return Err(Rejection::Length { expected: expected.to_owned(), found: body.len() });
    }
    // The line is compared as a whole, so that no change of a byte of it goes unseen.
    if text != first_line(body) {
        return Err(Rejection::Damaged);
    }
    let stored: Stored =
        serde_json::from_slice(body).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    if stored.owner != *own {
        return Err(Rejection::OtherOwner { theirs: stored.owner.to_string(), own: own.to_string() });
    }
    Ok(stored)
}
