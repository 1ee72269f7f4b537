//! Shows of what the checks are made of that it fails where it should.
//! It must not need a fault in the codec for that: parsers and readings are made up here.

use std::panic::catch_unwind;

use mesher_codec::{Progress, Refusal};

use crate::comparison::compare;
use crate::message::{Ending, Fields, Message, Reading, Start};
use crate::prefixes::check_prefixes;
use crate::written::check_head_bytes;

fn holds(check: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    catch_unwind(check).is_ok()
}

#[test]
fn a_verdict_that_changes_with_time_is_found() {
    type Parser = fn(usize) -> Result<Progress, Refusal>;
    let table: [(Parser, bool); 6] = [
        (|length| if length < 5 { Ok(Progress::Partial) } else { Ok(Progress::Complete(5)) }, true),
        (|length| if length < 5 { Ok(Progress::Partial) } else { Err(Refusal::Host) }, true),
        (|length| if length < 5 { Err(Refusal::Host) } else { Ok(Progress::Complete(5)) }, false),
        (|length| if length < 5 { Err(Refusal::Host) } else { Err(Refusal::Target) }, false),
        (|length| if length < 5 { Ok(Progress::Complete(4)) } else { Ok(Progress::Partial) }, false),
        (|length| if length < 6 { Ok(Progress::Partial) } else { Ok(Progress::Complete(5)) }, false),
    ];
    for (index, (parser, expected)) in table.into_iter().enumerate() {
        assert_eq!(holds(|| check_prefixes(b"0123456789", |part| parser(part.len()))), expected, "{index}");
    }
}

#[test]
fn a_written_head_with_a_byte_that_does_not_belong_is_found() {
    assert!(holds(|| check_head_bytes(b"GET / HTTP/1.1\r\nX: a\tb\xff\r\n\r\n")));
    for head in
        ["a\r\n", "a\r\n\r\nb\r\n\r\n", "a\nb\r\n\r\n", "a\rb\r\n\r\n", "a\0\r\n\r\n", "a\x7f\r\n\r\n", ""]
    {
        assert!(!holds(|| check_head_bytes(head.as_bytes())), "{head:?}");
    }
}

fn reading(bodies: &[(&str, Ending)]) -> Reading {
    let message = |(body, ending): &(&str, Ending)| Message {
        start: Start::Response(200),
        fields: Fields::new(),
        length: None,
        body: body.as_bytes().to_vec(),
        trailers: Fields::new(),
        ending: ending.clone(),
    };
    Reading { messages: bodies.iter().map(message).collect(), is_over: true, ..Reading::default() }
}

#[test]
fn two_readings_that_differ_are_found() {
    let whole = |body| (body, Ending::Whole);
    let cut = |body| (body, Ending::Cut);
    let refused = |body, words: &str| (body, Ending::Refused(words.to_owned()));
    let table = [
        (vec![whole("a")], vec![whole("a")], true),
        (vec![whole("a")], vec![whole("b")], false),
        (vec![whole("a")], vec![cut("a")], false),
        (vec![cut("a")], vec![whole("a")], false),
        (vec![cut("ab")], vec![cut("a")], true),
        (vec![cut("ab")], vec![refused("b", "end of file")], false),
        // What we refuse hyper may take; what it refuses, only for a reason that is known.
        (vec![refused("a", "strict")], vec![whole("ab")], true),
        (vec![whole("a")], vec![refused("a", "known")], true),
        (vec![whole("a")], vec![refused("a", "other")], false),
        (vec![whole("a"), whole("b")], vec![whole("a")], false),
        (vec![whole("a")], vec![whole("a"), whole("b")], false),
    ];
    for (index, (ours, theirs, expected)) in table.into_iter().enumerate() {
        let (ours, theirs) = (reading(&ours), reading(&theirs));
        let is_known = |_: &Message, words: &str| words == "known";
        let found = holds(std::panic::AssertUnwindSafe(|| compare(b"input", &ours, &theirs, is_known)));
        assert_eq!(found, expected, "{index}");
    }
}
