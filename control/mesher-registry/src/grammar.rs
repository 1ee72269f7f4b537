//! The alphabets of the registry's names, read by hand: each is one pass over a short text.
//! It must not say which field follows which grammar; that is `validate`'s table.

/// The length of most short fields, in characters.
pub(crate) const MAX_SHORT: usize = 64;

/// `^[a-zA-Z0-9]*$|^[a-zA-Z0-9][a-zA-Z0-9_\-.]*[a-zA-Z0-9]$`
pub(crate) fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_ends = match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric(),
        _ => true,
    };
    has_ends && is_token(text)
}

/// `^[A-Za-z0-9_.-]*$`
pub(crate) fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// `^[a-zA-Z0-9_\-.:]*$`
pub(crate) fn is_alias(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

/// A name, or an application and a name with one colon between.
pub(crate) fn is_query_name(text: &str) -> bool {
    match text.split_once(':') {
        Some((app, name)) => is_name(app) && is_name(name),
        None => is_name(text),
    }
}

/// `^\S*$`
pub(crate) fn has_no_space(text: &str) -> bool {
    !text.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// Whether `text` has `min` to `max` characters (characters, not bytes, as the original counts).
pub(crate) fn has_length(text: &str, min: usize, max: usize) -> bool {
    // Bytes bound characters from above: most texts need no second count.
    text.len() >= min && (text.len() <= max || text.chars().count() <= max)
}
