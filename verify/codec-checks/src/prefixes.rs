//! What a parser says of the beginnings of an input, against what it says of the whole.
//! It must not know what is parsed.

use mesher_codec::{Progress, Refusal};

/// Inputs up to this many bytes are looked at from every length; longer ones from about as many.
const LENGTHS: usize = 64;

/// Checks that time does not change a verdict: a whole head was partial at every shorter length, and a refusal
/// stays, with its reason.
///
/// # Panics
/// Where that does not hold.
pub(crate) fn check_prefixes(input: &[u8], mut parse: impl FnMut(&[u8]) -> Result<Progress, Refusal>) {
    let step = input.len().div_ceil(LENGTHS).max(1);
    let mut earlier: Option<(usize, Result<Progress, Refusal>)> = None;
    // Around the end of the head every length counts.
    let end = match parse(input) {
        Ok(Progress::Complete(end)) => end,
        _ => input.len(),
    };
    let is_close = |length: usize| length.abs_diff(end) <= 4;
    for length in (0..=input.len()).filter(|length| length % step == 0 || is_close(*length)) {
        let verdict = parse(input.get(..length).unwrap_or_default());
        let text = || input.escape_ascii();
        match (earlier, verdict) {
            (Some((before, Err(refusal))), now) => {
                assert_eq!(now, Err(refusal), "refused at {before}, otherwise at {length}: {}", text());
            }
            (Some((before, Ok(Progress::Complete(end)))), now) => {
                let was = Ok(Progress::Complete(end));
                assert_eq!(now, was, "whole at {before}, but not so at {length}: {}", text());
            }
            (_, Ok(Progress::Complete(end))) => {
                assert_eq!(end, length, "the end of a head is where it becomes whole: {}", text());
            }
            (_, Ok(Progress::Partial) | Err(_)) => {}
        }
        earlier = Some((length, verdict));
    }
}
