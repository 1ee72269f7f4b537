//! Which bytes a head may hold that was taken, or written for the next hop.
//! It must not parse: it looks at single bytes, so that a fault of the parser cannot hide here.

/// Checks a head: lines that end with CRLF, one blank line at the very end, no other control byte but a tab.
///
/// # Panics
/// Where that does not hold.
pub fn check_head_bytes(head: &[u8]) {
    let text = head.escape_ascii();
    let lines = head.strip_suffix(b"\r\n\r\n");
    assert!(lines.is_some(), "a head ends with a blank line: {text}");
    for line in split_lines(lines.unwrap_or_default()) {
        assert!(!line.is_empty(), "a head has one blank line, at its end: {text}");
        let is_fine = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
        assert!(line.iter().all(is_fine), "a line of a head holds a control byte: {text}");
    }
}

/// The lines between CRLFs; a CR or LF alone stays in its line.
fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(2).position(|pair| pair == b"\r\n");
        rest = end.and_then(|end| bytes.get(end + 2..));
        bytes.get(..end.unwrap_or(bytes.len()))
    })
}
