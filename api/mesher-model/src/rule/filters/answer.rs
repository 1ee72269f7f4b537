//! An answer that a rule gives itself.
//! It must be one that every caller can read: a status with a body where the status allows one.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::bounds::{bounded, checked, given};
use super::fields::{HeaderLine, LINES_MAX, check_line, spelled};

/// The largest body, in bytes.
pub(in super::super) const BODY_BYTES_MAX: usize = 4096;
/// The longest media type, in bytes.
pub(in super::super) const CONTENT_TYPE_BYTES_MAX: usize = 256;
/// Statuses that an answer can have.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;
/// Statuses of answers that never have a body (RFC 9110 §15.3.5, §15.3.6, §15.4.5).
const BODILESS: [u16; 3] = [204, 205, 304];

/// The answer to a call, in place of anybody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("dependentRequired" = {"contentType": ["body"]})))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectResponse {
    /// Its status, 200 to 599.
    #[serde(deserialize_with = "status_code")]
    #[cfg_attr(feature = "schema", schemars(range(min = 200, max = 599)))]
    pub status_code: u16,
    /// The media type of its body; `text/plain; charset=utf-8` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(min = 1, max = CONTENT_TYPE_BYTES_MAX)))]
    pub content_type: Option<String>,
    /// Its body.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = BODY_BYTES_MAX)))]
    pub body: Option<String>,
    /// Further header fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "headers")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = LINES_MAX)))]
    pub headers: Vec<HeaderLine>,
}

/// Names of fields that an answer has anyway, and why they are not said here.
const OWN: [(&str, &str); 2] =
    [("content-type", "say it as contentType"), ("proxy-status", "the mesh writes it")];

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderLine>, D::Error> {
    let lines: Vec<HeaderLine> = bounded(Vec::deserialize(deserializer)?, LINES_MAX, "headers")?;
    checked(lines, |lines: &Vec<HeaderLine>| {
        lines.iter().try_for_each(|line| match OWN.iter().find(|(name, _)| *name == spelled(&line.name)) {
            Some((_, reason)) => Err(format!("{:?} is not for a rule to write here: {reason}", line.name)),
            None => check_line(line),
        })
    })
}

/// Reads the member of a filter.
pub(in super::super) fn response<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DirectResponse>, D::Error> {
    checked(DirectResponse::deserialize(deserializer)?, |response| {
        let DirectResponse { status_code, content_type, body, headers: _ } = response;
        match (body, content_type) {
            (Some(_), _) if BODILESS.contains(status_code) => {
                Err(format!("an answer with status {status_code} has no body"))
            }
            (Some(body), _) if body.len() > BODY_BYTES_MAX => {
                Err(format!("a body of {} bytes; it has at most {BODY_BYTES_MAX}", body.len()))
            }
            (None, Some(_)) => Err("a contentType without a body".to_owned()),
            (_, Some(content_type)) if !is_content_type(content_type) => {
                Err(format!("{content_type:?} is no media type; write for example application/json"))
            }
            _ => Ok(()),
        }
    })
    .map(Some)
}

fn is_content_type(text: &str) -> bool {
    let is_of_value = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=CONTENT_TYPE_BYTES_MAX).contains(&text.len())
        && text.contains('/')
        && text.trim_ascii() == text
        && text.bytes().all(is_of_value)
}

fn status_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status = i64::deserialize(deserializer)?;
    u16::try_from(status).ok().filter(|status| STATUSES.contains(status)).ok_or_else(|| {
        D::Error::custom(format_args!("{status} is no status of an answer: it is a number from 200 to 599"))
    })
}
