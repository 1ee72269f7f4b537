//! Tables for parts and pieces.
//! They must not read the corpus.

use super::{cut, parts};

#[test]
fn parts_that_are_missing_are_missing_in_front() {
    assert_eq!(parts::<2>(b"body"), [&b""[..], b"body"]);
    assert_eq!(parts::<2>(b"\x01\n~~~\nbody"), [&b"\x01"[..], b"body"]);
    assert_eq!(parts::<3>(b"a\n~~~\nb"), [&b""[..], b"a", b"b"]);
    assert_eq!(parts::<2>(b"a\n~~~\nb\n~~~\nc"), [&b"a"[..], b"b\n~~~\nc"]);
    assert_eq!(parts::<3>(b"\n~~~\n\n~~~\n"), [&b""[..]; 3]);
}

#[test]
fn pieces_make_the_whole_again() {
    let pieces = |lengths| cut(b"abcdef", lengths).collect::<Vec<_>>();
    assert_eq!(pieces(&[]), [b"abcdef"]);
    assert_eq!(pieces(&[0]), [b"abcdef"]);
    assert_eq!(pieces(&[4]), [&b"abcd"[..], b"ef"]);
    assert_eq!(pieces(&[2, 0, 1]), [&b"ab"[..], b"", b"c", b"de", b"", b"f"]);
    assert_eq!(cut(b"", &[1]).collect::<Vec<_>>(), [b""]);
}
