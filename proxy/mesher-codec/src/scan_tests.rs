//! Whatever the quick reader takes, the strict parser takes as well, and reads alike.
//! They must not know how either of them decides: bytes in, parts of a head out.

use std::mem::MaybeUninit;

use proptest::prelude::*;

use crate::field::{Fields, Span};
use crate::{FIELD_SLOTS, Version, scan};

/// What is known of a head: its start line's parts, its length, its fields.
type Reading = (Vec<Vec<u8>>, Version, usize, Vec<(Vec<u8>, Vec<u8>)>);

fn fields_of(input: &[u8], fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|field| (field.name.bytes(input).to_vec(), field.value.bytes(input).to_vec())).collect()
}

fn quick_request(input: &[u8]) -> Option<Reading> {
    let mut fields = Fields::default();
    let (line, used) = scan::request(input, &mut fields)?;
    let part = |span: Span| span.bytes(input).to_vec();
    Some((vec![part(line.method), part(line.target)], line.version, used, fields_of(input, &fields)))
}

fn quick_response(input: &[u8]) -> Option<Reading> {
    let mut fields = Fields::default();
    let (line, used) = scan::response(input, &mut fields)?;
    let parts = vec![line.status.to_string().into_bytes(), line.reason.bytes(input).to_vec()];
    Some((parts, line.version, used, fields_of(input, &fields)))
}

fn strict_fields(headers: &[httparse::Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|header| (header.name.as_bytes().to_vec(), header.value.to_vec())).collect()
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::Http10 } else { Version::Http11 }
}

fn strict_request(input: &[u8]) -> Option<Reading> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELD_SLOTS];
    let mut request = httparse::Request::new(&mut []);
    let Ok(httparse::Status::Complete(used)) = request.parse_with_uninit_headers(input, &mut slots) else {
        return None;
    };
    let parts = vec![request.method?.as_bytes().to_vec(), request.path?.as_bytes().to_vec()];
    Some((parts, version(request.version), used, strict_fields(request.headers)))
}

fn strict_response(input: &[u8]) -> Option<Reading> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELD_SLOTS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut slots,
    );
    let Ok(httparse::Status::Complete(used)) = parsed else { return None };
    let parts = vec![response.code?.to_string().into_bytes(), response.reason?.as_bytes().to_vec()];
    Some((parts, version(response.version), used, strict_fields(response.headers)))
}

/// Where the fields' places matter to what is written, they are the same too, empty values included.
fn places(fields: &Fields) -> Vec<(Span, Span)> {
    fields.iter().map(|field| (field.name, field.value)).collect()
}

fn check(input: &[u8]) -> Result<(), TestCaseError> {
    if let Some(reading) = quick_request(input) {
        prop_assert_eq!(Some(reading), strict_request(input));
        prop_assert!(
            crate::gate::check_line_ends(input.get(..quick_request(input).unwrap().2).unwrap()).is_ok()
        );
        let (mut quick, mut strict) = (Fields::default(), Fields::default());
        scan::request(input, &mut quick);
        let mut slots = [const { MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut request = httparse::Request::new(&mut []);
        request.parse_with_uninit_headers(input, &mut slots).unwrap();
        strict.read(input, request.headers);
        prop_assert_eq!(places(&quick), places(&strict));
    }
    if let Some(reading) = quick_response(input) {
        prop_assert!(crate::gate::check_line_ends(input.get(..reading.2).unwrap()).is_ok());
        prop_assert_eq!(Some(reading), strict_response(input));
    }
    Ok(())
}

/// A head of usual parts, with bytes changed, put in and left out.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let starts = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("POST http://a:80/b?c=%41 HTTP/1.0\r\n"),
        Just("M-SEARCH * HTTP/1.1\r\n"),
        Just("HTTP/1.1 200 OK\r\n"),
        Just("HTTP/1.1 200\r\n"),
        Just("HTTP/1.0 404 \r\n"),
        Just("HTTP/1.1 599 a long reason\twith \u{e9}\r\n"),
    ];
    let lines = prop_oneof![
        Just("Host: calculator:8080\r\n"),
        Just("Content-Length:64\r\n"),
        Just("X-Empty:\r\n"),
        Just("X-Blank: \t \r\n"),
        Just("x_blank_behind:  a b\t \r\n"),
        Just("User-Agent: caf\u{e9} (a; b)\r\n"),
        Just("Cookie: a=b; c=\"d\te\"; 0123456789abcdef0123456789abcdef\r\n"),
    ];
    let bytes = prop_oneof![
        Just(b'\r'),
        Just(b'\n'),
        Just(b':'),
        Just(b' '),
        Just(b'\t'),
        Just(0x7f),
        Just(0x1f),
        Just(0x20),
        Just(0x80),
        Just(0),
        any::<u8>(),
    ];
    let change = (0_u8..4, any::<prop::sample::Index>(), bytes);
    (starts, prop::collection::vec(lines, 0..6), prop::collection::vec(change, 0..3)).prop_map(
        |(start, lines, changes)| {
            let mut input = [start, &lines.concat(), "\r\nbody"].concat().into_bytes();
            for (what, place, byte) in changes {
                let place = place.index(input.len());
                match what {
                    0 => input[place] = byte,
                    1 => input.insert(place, byte),
                    2 => _ = input.remove(place),
                    _ => input.truncate(place + 1),
                }
            }
            input
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_quickly_is_read_alike(input in damaged()) {
        check(&input)?;
    }

    #[test]
    fn any_bytes_are_read_alike_or_left(
        start in prop_oneof![Just("GET /"), Just("HTTP/1.1 200 "), Just("")],
        input in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        check(&[start.as_bytes(), &input].concat())?;
    }
}

#[test]
fn every_byte_counts_the_same_at_every_place() {
    for head in [
        "GET /path HTTP/1.1\r\nName-Of-Field: a value of some length\r\n\r\n",
        "HTTP/1.1 200 A reason\r\nName-Of-Field: a value of some length\r\n\r\n",
    ] {
        for place in 0..head.len() {
            for byte in 0..=u8::MAX {
                let mut input = head.as_bytes().to_vec();
                input[place] = byte;
                check(&input).unwrap();
            }
        }
    }
}

#[test]
fn usual_heads_are_read_quickly() {
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/b?c=%20d HTTP/1.1\r\nHost: a\r\nUser-Agent: b (c)\r\nAccept: */*\r\n\r\n",
        "POST /a HTTP/1.0\r\nContent-Length: 5\r\nX-Tab: a\tb\r\nX-Empty:\r\nX-Other: caf\u{e9} \r\n\r\nabcde",
    ] {
        let length = head.find("\r\n\r\n").unwrap() + 4;
        assert_eq!(quick_request(head.as_bytes()).map(|reading| reading.2), Some(length), "{head:?}");
    }
    for head in ["HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc", "HTTP/1.0 404\r\n\r\n", "HTTP/1.1 204 \r\n\r\n"] {
        let length = head.find("\r\n\r\n").unwrap() + 4;
        assert_eq!(quick_response(head.as_bytes()).map(|reading| reading.2), Some(length), "{head:?}");
    }
}
