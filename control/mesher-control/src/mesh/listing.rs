//! Pages of a list: ordered by a key, each beginning after the last key of the one before.
//! It must not count on a list standing still: a key keeps its place where a number would not.

use mesher_model::mesh::Listing;
use mesher_registry::Moment;

use super::filter::Filter;
use crate::rows;

/// Parts of a key are joined by a character that none of them can hold.
const SEPARATOR: &str = "\u{1f}";

/// The key of a row.
pub(crate) fn key(parts: &[&str]) -> String {
    parts.join(SEPARATOR)
}

/// One page of `rows`.
pub(crate) fn page<T>(mut rows: Vec<(String, T)>, filter: &Filter, revision: u64, now: Moment) -> Listing<T> {
    let total = rows.len() as u64;
    rows.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    let begin = match &filter.after {
        Some(after) => rows.partition_point(|(key, _)| key <= after),
        None => 0,
    };
    let end = rows.len().min(begin + filter.limit);
    let next = (end < rows.len()).then(|| cursor(&rows[end - 1].0));
    let items = rows.drain(begin..end).map(|(_, row)| row).collect();
    let now_at = rows::date(now.unix).unwrap_or_default();
    Listing { now_at, revision, items, total, next, partial: Vec::new() }
}

/// A key in characters that need no escape in a query.
pub(crate) fn cursor(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of a cursor, if it is one.
pub(crate) fn read_cursor(cursor: &str) -> Option<String> {
    let digits = cursor.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes = pairs.map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    });
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}
