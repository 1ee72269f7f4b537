//! Any bytes as a chunked body: the same body whatever the splits, the same as hyper's, and not a byte more.
//! It must not look into the decoder: bytes in, verdict and bytes out.

use mesher_codec::{BodyDecoder, Framing, Piece, Refusal};

use crate::comparison::compare;
use crate::hyper_reading;
use crate::message::{Ending, Reading};
use crate::notation::{cut, parts};
use crate::our_reading::{self, decode};

/// The head in front of the body for hyper, which has no decoder to be had alone.
const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Checks a chunked body. In front of it may stand the lengths of the pieces in which it arrives.
///
/// # Panics
/// Where one of the things that must hold does not.
pub fn check_chunked_body(input: &[u8]) {
    let [lengths, body] = parts(input);
    let whole = read(std::iter::once(body));
    let text = || body.escape_ascii();
    assert_eq!(read(cut(body, &[1])), whole, "byte by byte it is another body: {}", text());
    assert_eq!(read(cut(body, lengths)), whole, "cut by {lengths:?} it is another body: {}", text());
    if whole.end == Ok(true) {
        let behind = [body, b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n"].concat();
        assert_eq!(read(std::iter::once(&behind[..])), whole, "what follows changes the body: {}", text());
        check_writing(&whole);
    }
    compare_with_hyper(body);
}

/// A body as the decoder read it.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    body: Vec<u8>,
    trailers: Vec<u8>,
    /// How many bytes belong to it; of a refused one, nothing is said.
    used: usize,
    /// Whether it is whole.
    end: Result<bool, Refusal>,
}

fn read<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Decoded {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let (mut body, mut used, mut end) = (Vec::new(), 0, Ok(false));
    for piece in pieces {
        let (more, verdict) = decode(&mut decoder, piece, &mut body);
        used += more;
        end = verdict;
        if end != Ok(false) {
            break;
        }
    }
    assert_eq!(decoder.is_done(), end == Ok(true), "the decoder knows whether it is done");
    if end == Ok(true) {
        assert_eq!(decoder.next(b"0\r\n\r\n"), Ok((0, Piece::End)), "a body ends once");
    } else {
        assert!(!decoder.end_of_input(), "a chunked body never ends with the connection");
        used = 0;
    }
    Decoded { body, trailers: decoder.trailers().to_vec(), used, end }
}

/// The body as we write it is the same body.
fn check_writing(whole: &Decoded) {
    let mut out = Vec::new();
    let (front, back) = whole.body.split_at(whole.body.len() / 3);
    Framing::Chunked.write_data(front, &mut out);
    Framing::Chunked.write_data(back, &mut out);
    Framing::Chunked.write_end(&whole.trailers, &mut out);
    let expected = Decoded {
        body: whole.body.clone(),
        trailers: whole.trailers.clone(),
        used: out.len(),
        end: Ok(true),
    };
    assert_eq!(read(std::iter::once(&out[..])), expected, "written: {}", out.escape_ascii());
}

fn compare_with_hyper(body: &[u8]) {
    let input = [HEAD, body].concat();
    let mut ours = our_reading::read_requests(&input);
    let theirs = hyper_reading::read_requests(&input, true);
    ours.messages.truncate(1);
    let first = |reading: &Reading| reading.messages.first().map(|message| message.ending.clone());
    compare(&input, &ours, &theirs, |_, words| is_known_refusal(words));
    if first(&ours) == Some(Ending::Whole) && first(&theirs) == Some(Ending::Whole) {
        let used = read(std::iter::once(body)).used;
        assert_eq!(theirs.untouched, body.len() - used, "one took more bytes: {}", input.escape_ascii());
    }
}

/// Why hyper refuses a body that we take. Its bound on extensions is for the whole body, ours for each chunk; and it
/// counts the end of the trailers with them.
pub(crate) fn is_known_refusal(words: &str) -> bool {
    ["chunk extensions over limit", "chunk trailers bytes over limit"]
        .iter()
        .any(|known| words.contains(known))
}
