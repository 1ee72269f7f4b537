//! How one input holds several byte strings, and how a byte string is cut into the pieces in which it arrives.
//! It must refuse nothing: every input means something, and a file of the corpus stays readable as text.

/// The line between two parts of an input.
const MARK: &[u8] = b"\n~~~\n";

/// The parts of an input that lie between marks, `N` of them. The marks are looked for from the front, and whatever
/// follows the last belongs to the last part; parts that are missing are missing in front, so that an input without
/// a mark is the last part alone.
#[must_use]
pub fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut found = Vec::with_capacity(N);
    let mut rest = input;
    while found.len() + 1 < N {
        let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) else { break };
        let (part, after) = rest.split_at(at);
        found.push(part);
        rest = after.get(MARK.len()..).unwrap_or_default();
    }
    found.push(rest);
    let mut parts = [&[][..]; N];
    for (slot, part) in parts.iter_mut().rev().zip(found.into_iter().rev()) {
        *slot = part;
    }
    parts
}

/// Cuts `bytes` into pieces as long as `lengths` says, over and over; a length of zero is a piece without bytes.
/// Without lengths, or with nothing but zeros, it is one piece.
pub fn cut<'b>(bytes: &'b [u8], lengths: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let may_end = lengths.iter().any(|&length| length != 0);
    let mut lengths = lengths.iter().cycle();
    let mut rest = bytes;
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let wanted =
            if may_end { lengths.next().map_or(rest.len(), |&length| length.into()) } else { rest.len() };
        let (piece, after) = rest.split_at(wanted.min(rest.len()));
        rest = after;
        is_over = rest.is_empty();
        Some(piece)
    })
}

#[cfg(test)]
mod tests;
