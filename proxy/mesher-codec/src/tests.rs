//! Tables for the strict gate and round trips of heads and bodies, each split at every offset.
//! They must not ask how the decision is made: bytes in, verdict and bytes out.

use proptest::prelude::*;

use crate::field::FieldKind;
use crate::request::SetField;
use crate::response::Downstream;
use crate::{
    Authority, BodyDecoder, Framing, Piece, Progress, Refusal, RequestHead, ResponseHead, TargetForm, Version,
};

pub(crate) fn request(text: &str) -> Result<RequestHead, Refusal> {
    let mut head = RequestHead::default();
    match head.parse(text.as_bytes())? {
        Progress::Complete(_) => Ok(head),
        Progress::Partial => panic!("partial: {text:?}"),
    }
}

pub(crate) fn written(head: &RequestHead, set: &[SetField<'_>]) -> String {
    let mut out = Vec::new();
    head.write(set, &mut out);
    String::from_utf8(out).unwrap()
}

pub(crate) fn response(text: &str, answers_head: bool) -> Result<ResponseHead, Refusal> {
    let mut head = ResponseHead::default();
    match head.parse(text.as_bytes(), answers_head)? {
        Progress::Complete(_) => Ok(head),
        Progress::Partial => panic!("partial: {text:?}"),
    }
}

#[test]
fn an_absolute_target_becomes_origin_form_and_names_the_host() {
    let head = request("GET http://calculator:8080/bmi?height=1.8 HTTP/1.1\r\nHost: other\r\nX-A: 1\r\n\r\n")
        .unwrap();
    assert_eq!(head.form(), TargetForm::Absolute);
    assert_eq!(head.authority(), Some(Authority { host: "calculator", port: Some(8080) }));
    assert_eq!(
        written(&head, &[]),
        "GET /bmi?height=1.8 HTTP/1.1\r\nHost: calculator:8080\r\nX-A: 1\r\n\r\n"
    );
}

#[test]
fn a_target_without_a_path_gets_one() {
    for (target, path) in [("http://a", "/"), ("http://a?x=1", "/?x=1"), ("HTTP://a/b", "/b")] {
        let head = request(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert!(written(&head, &[]).starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{target}");
    }
    let head = request("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(written(&head, &[]).starts_with("OPTIONS * HTTP/1.1\r\n"));
}

#[test]
fn connect_is_known_whatever_its_target() {
    for target in ["a:443", "/", "http://a/"] {
        let head = request(&format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert_eq!(head.form(), TargetForm::Authority, "{target}");
    }
}

#[test]
fn case_order_and_repetition_leave_as_they_came() {
    let text = "POST / HTTP/1.1\r\nhOsT: a\r\nX-B: 2\r\nx-a:   1  \r\nX-B: \r\nCookie: c=1\r\ncookie: d=2\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        written(&request(text).unwrap(), &[]),
        "POST / HTTP/1.1\r\nhOsT: a\r\nX-B: 2\r\nx-a: 1\r\nX-B: \r\nCookie: c=1\r\ncookie: d=2\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn hop_by_hop_fields_end_here() {
    let head = request(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Private, keep-alive, Content-Length\r\nX-Private: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: foo\r\nX-Kept: 1\r\n\
         Content-Length: 2\r\n\r\n",
    )
    .unwrap();
    assert_eq!(
        written(&head, &[]),
        "GET / HTTP/1.1\r\nHost: a\r\nX-Kept: 1\r\nConnection: te\r\nTE: trailers\r\nContent-Length: 2\r\n\r\n"
    );
    assert!(!head.is_last());
}

#[test]
fn close_wins_wherever_it_stands() {
    let is_last =
        |lines: &str| request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")).unwrap().is_last();
    assert!(is_last("Connection: close\r\nConnection: keep-alive\r\n"));
    assert!(is_last("Connection: keep-alive, Close\r\n"));
    assert!(!is_last("Connection: keep-alive\r\n"));
    assert!(request("GET / HTTP/1.0\r\n\r\n").unwrap().is_last());
    assert!(!request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap().is_last());
}

#[test]
fn own_fields_replace_the_first_of_their_kind_and_drop_the_rest() {
    let own = [SetField { kind: FieldKind::CseContext, name: "x-cse-context", value: b"{}" }];
    let head = request("GET / HTTP/1.1\r\nX-Cse-Context: a\r\nHost: a\r\nx-cse-context: b\r\n\r\n").unwrap();
    assert_eq!(written(&head, &own), "GET / HTTP/1.1\r\nx-cse-context: {}\r\nHost: a\r\n\r\n");
    let head = request("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(written(&head, &own), "GET / HTTP/1.1\r\nHost: a\r\nx-cse-context: {}\r\n\r\n");
}

#[test]
fn a_field_can_be_added_and_our_own_taken_away() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 other\r\nvia: 1.1 mesher-1\r\n\r\n";
    let head = request(text).unwrap();
    let add = [SetField { kind: FieldKind::Other, name: "Via", value: b"1.1 mesher-2" }];
    assert_eq!(written(&head, &add), format!("{}Via: 1.1 mesher-2\r\n\r\n", &text[..text.len() - 2]));
    let drop = [SetField { kind: FieldKind::MesherVia, name: "Via", value: b"" }];
    assert_eq!(written(&head, &drop), "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 other\r\n\r\n");
    assert_eq!(head.values(FieldKind::MesherVia).collect::<Vec<_>>(), [b"1.1 mesher-1"]);
}

/// Each row is a request and why it must be refused; the ids are those of the bad-input tables.
#[test]
fn ambiguous_requests_are_refused() {
    let table: &[(&str, &str, Refusal)] = &[
        ("H1-01", "Content-Length: 6\r\nTransfer-Encoding: chunked", Refusal::LengthAndCoding),
        ("H1-01", "Transfer-Encoding: chunked\r\nContent-Length: 6", Refusal::LengthAndCoding),
        ("H1-02", "Content-Length: 1\r\nContent-Length: 0", Refusal::ContentLength),
        ("H1-03", "Content-Length: 5\r\nContent-Length: 5", Refusal::ContentLength),
        ("H1-03", "Content-Length: 5, 5", Refusal::ContentLength),
        ("H1-04", "Content-Length: ", Refusal::ContentLength),
        ("H1-04", "Content-Length: +5", Refusal::ContentLength),
        ("H1-04", "Content-Length: -0", Refusal::ContentLength),
        ("H1-04", "Content-Length: 0x5", Refusal::ContentLength),
        ("H1-04", "Content-Length: 5 5", Refusal::ContentLength),
        ("H1-05", "Content-Length: 18446744073709551616", Refusal::ContentLength),
        ("H1-05", "Content-Length: 9223372036854775808", Refusal::ContentLength),
        ("H1-07", "Transfer-Encoding: ,chunked", Refusal::TransferEncoding),
        ("H1-07", "Transfer-Encoding: chunked, chunked", Refusal::TransferEncoding),
        ("H1-07", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refusal::TransferEncoding),
        ("H1-08", "Transfer-Encoding: gzip, chunked", Refusal::UnknownCoding),
        ("H1-08", "Transfer-Encoding: identity", Refusal::TransferEncoding),
        ("H1-08", "Transfer-Encoding: ", Refusal::TransferEncoding),
        ("H1-09", "Transfer-Encoding : chunked", Refusal::FieldName),
        ("H1-09", "Transfer-Encoding: \"chunked\"", Refusal::TransferEncoding),
        ("H1-09", "Transfer-Encoding: chunked;q=1", Refusal::TransferEncoding),
        ("H1-24", "X-A: a\u{0}b", Refusal::FieldValue),
        ("H1-24", "X-A: a\u{7f}b", Refusal::FieldValue),
        ("H1-26", "X-A: 1\r\n\tX-B: 2", Refusal::FieldName),
        ("H1-27", ": x", Refusal::FieldName),
        ("H1-27", "no colon", Refusal::FieldName),
        ("H1-35", "Host: b", Refusal::Host),
        ("H1-39", "Expect: 200-ok", Refusal::Expectation),
    ];
    for (id, lines, refusal) in table {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        assert_eq!(request(&text).err(), Some(*refusal), "{id}: {lines:?}");
    }
}

#[test]
fn malformed_start_lines_and_hosts_are_refused() {
    let table: &[(&str, &str, Refusal)] = &[
        ("H1-11", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::TransferEncoding),
        ("H1-23", "GET / HTTP/1.1\nHost: a\n\n", Refusal::LineEnd),
        ("H1-23", "GET / HTTP/1.1\r\nHost: a\n\r\n", Refusal::LineEnd),
        ("H1-28", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::StartLine),
        ("H1-29", "G\u{1}T / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::StartLine),
        ("H1-30", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::Version),
        ("H1-30", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refusal::Version),
        ("H1-31", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::Version),
        ("H1-34", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("H1-34", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("H1-34", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("H1-34", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("H1-34", "GET http://u:p@h/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Host),
        ("H1-35", "GET / HTTP/1.1\r\n\r\n", Refusal::Host),
        ("H1-35", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Refusal::Host),
        ("H1-35", "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", Refusal::Host),
        ("H1-35", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", Refusal::Host),
        ("H1-35", "GET / HTTP/1.1\r\nHost: \r\n\r\n", Refusal::Host),
        ("H1-41", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", Refusal::NotHttp),
    ];
    for (id, text, refusal) in table {
        assert_eq!(request(text).err(), Some(*refusal), "{id}: {text:?}");
    }
}

#[test]
fn heads_are_bounded() {
    let many: String = (0..101).map(|index| format!("X-{index}: 1\r\n")).collect();
    assert_eq!(
        request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")).err(),
        Some(Refusal::TooManyFields)
    );
    let long = "a".repeat(65 * 1024);
    assert_eq!(
        request(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")).err(),
        Some(Refusal::HeadTooLarge)
    );
    assert_eq!(
        request(&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")).err(),
        Some(Refusal::TargetTooLong)
    );
    assert_eq!(RequestHead::default().parse(format!("GET /{long}").as_bytes()), Err(Refusal::TargetTooLong));
}

#[test]
fn a_partial_head_stays_partial_at_every_offset() {
    let text = b"POST http://a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(RequestHead::default().parse(&text[..end]), Ok(Progress::Partial), "{end}");
    }
    assert_eq!(RequestHead::default().parse(text), Ok(Progress::Complete(text.len())));
}

#[test]
fn a_responses_framing_follows_method_and_status() {
    let table = [
        ("200 OK", "Content-Length: 5\r\n", false, Framing::Length(5)),
        ("200 OK", "Content-Length: 5\r\n", true, Framing::Empty),
        ("204 No Content", "", false, Framing::Empty),
        ("304 Not Modified", "Content-Length: 5\r\n", false, Framing::Empty),
        ("103 Early Hints", "", false, Framing::Empty),
        ("200 OK", "Transfer-Encoding: chunked\r\n", false, Framing::Chunked),
        ("200 OK", "", false, Framing::UntilClose),
        ("590 Odd", "Content-Length: 0\r\n", false, Framing::Length(0)),
    ];
    for (line, fields, answers_head, framing) in table {
        let head = response(&format!("HTTP/1.1 {line}\r\n{fields}\r\n"), answers_head).unwrap();
        assert_eq!(head.framing(), framing, "{line} {fields}");
    }
    for (text, refusal) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Refusal::LengthAndCoding,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Refusal::ContentLength),
        ("HTTP/1.1 99 X\r\n\r\n", Refusal::Status),
        ("HTTP/9.9 200 OK\r\n\r\n", Refusal::Version),
        ("220 smtp ready\r\n\r\n", Refusal::StartLine),
    ] {
        let refused = response(text, false).err();
        assert!(refused.is_some(), "{text:?}");
        if refusal != Refusal::StartLine && refusal != Refusal::Status {
            assert_eq!(refused, Some(refusal), "{text:?}");
        }
    }
}

#[test]
fn a_response_is_written_for_what_the_caller_can_take() {
    let write = |text: &str, answers_head, downstream| {
        let mut out = Vec::new();
        response(text, answers_head).unwrap().write(downstream, &mut out);
        String::from_utf8(out).unwrap()
    };
    let new = Downstream { version: Version::Http11, is_last: false };
    let old = Downstream { version: Version::Http10, is_last: true };
    let chunked =
        "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n";
    assert_eq!(
        write(chunked, false, new),
        "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    assert_eq!(write(chunked, false, old), "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\n\r\n");
    let until_close = "HTTP/1.0 200 OK\r\n\r\n";
    assert_eq!(write(until_close, false, new), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let to_head = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n";
    assert_eq!(write(to_head, true, new), "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    assert_eq!(
        write("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", false, new),
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    );
}

/// Decodes `input` given in parts of the sizes that `cuts` repeats. Returns body, trailers and what was left over.
pub(crate) fn decode(
    framing: Framing,
    input: &[u8],
    cut: usize,
) -> Result<(Vec<u8>, Vec<u8>, usize), Refusal> {
    let mut decoder = BodyDecoder::new(framing);
    let (mut body, mut position) = (Vec::new(), 0);
    for end in (cut..input.len() + cut).step_by(cut).map(|end| end.min(input.len())) {
        loop {
            let (used, piece) = decoder.next(&input[position..end])?;
            position += used;
            match piece {
                Piece::Data(data) => body.extend_from_slice(data),
                Piece::Pending => break,
                Piece::End => return Ok((body, decoder.trailers().to_vec(), input.len() - position)),
            }
        }
    }
    panic!("the body did not end");
}

#[test]
fn a_chunked_body_is_read_the_same_at_every_split() {
    let input = b"5;ext=\"a\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nCookie: no\r\n\r\nGET";
    for cut in 1..=input.len() {
        let (body, trailers, left) = decode(Framing::Chunked, input, cut).unwrap();
        assert_eq!(
            (body.as_slice(), trailers.as_slice()),
            (&b"hello0123456789"[..], &b"X-Sum: 1\r\n"[..]),
            "{cut}"
        );
        assert_eq!(left, 3, "{cut}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    let table: &[(&str, &[u8])] = &[
        ("H1-15", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("H1-15", b"+5\r\nhello\r\n0\r\n\r\n"),
        ("H1-15", b" 5\r\nhello\r\n0\r\n\r\n"),
        ("H1-15", b"5 \r\nhello\r\n0\r\n\r\n"),
        ("H1-15", b"\r\nhello\r\n0\r\n\r\n"),
        ("H1-15", b"5these\r\nhello\r\n0\r\n\r\n"),
        ("H1-16", b"10000000000000000\r\n"),
        ("H1-16", b"000000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("H1-17", b"5\nhello\r\n0\r\n\r\n"),
        ("H1-17", b"5\r\nhello\n0\r\n\r\n"),
        ("H1-17", b"5\rXhello\r\n0\r\n\r\n"),
        ("H1-18", b"5;\nhello\r\n0\r\n\r\n"),
        ("H1-18", b"5;a=b\r\rX\r\n0\r\n\r\n"),
        ("H1-19", b"5\r\nhello!!\r\n0\r\n\r\n"),
        ("H1-19", b"5\r\nhel\r\n0\r\n\r\n"),
        ("H1-21", b"0\r\nContent-Length: 5\r\n\r\n"),
        ("H1-21", b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("H1-22", b"0\r\nno colon\r\n\r\n"),
    ];
    for (id, input) in table {
        assert!(decode(Framing::Chunked, input, input.len()).is_err(), "{id}: {input:?}");
        assert!(decode(Framing::Chunked, input, 1).is_err(), "{id} byte by byte: {input:?}");
    }
    let flood = [&b"5;"[..], &vec![b'a'; 5000], b"\r\nhello\r\n0\r\n\r\n"].concat();
    assert_eq!(decode(Framing::Chunked, &flood, 512), Err(Refusal::Chunk));
    let trailers = [&b"0\r\n"[..], &b"X: 1\r\n".repeat(4000), b"\r\n"].concat();
    assert_eq!(decode(Framing::Chunked, &trailers, 512), Err(Refusal::Trailer));
}

#[test]
fn only_a_body_framed_by_close_is_whole_when_the_connection_ends() {
    assert!(BodyDecoder::new(Framing::UntilClose).end_of_input());
    assert!(BodyDecoder::new(Framing::Empty).end_of_input());
    assert!(!BodyDecoder::new(Framing::Length(1)).end_of_input());
    assert!(!BodyDecoder::new(Framing::Chunked).end_of_input());
}

proptest! {
    #[test]
    fn what_is_written_chunked_is_read_back(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        cut in 1_usize..64,
    ) {
        let mut wire = Vec::new();
        for piece in &pieces {
            Framing::Chunked.write_data(piece, &mut wire);
        }
        Framing::Chunked.write_end(b"", &mut wire);
        let (body, trailers, left) = decode(Framing::Chunked, &wire, cut).unwrap();
        prop_assert_eq!(body, pieces.concat());
        prop_assert!(trailers.is_empty());
        prop_assert_eq!(left, 0);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(input in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = RequestHead::default().parse(&input);
        let _ = ResponseHead::default().parse(&input, false);
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let mut position = 0;
        while let Ok((used, Piece::Data(_))) = decoder.next(&input[position..]) {
            position += used;
        }
    }

    #[test]
    fn what_is_forwarded_reads_back_as_the_same_request(
        path in "/[a-z0-9/?=&%2]{0,40}",
        value in "[ -~]{0,40}",
        length in 0_u64..1_000_000,
    ) {
        prop_assume!(!path.contains("%00"));
        let text = format!("PUT http://h.example:81{path} HTTP/1.1\r\nHost: x\r\nX-V: {value}\r\nContent-Length: {length}\r\n\r\n");
        let first = request(&text).unwrap();
        let second = request(&written(&first, &[])).unwrap();
        prop_assert_eq!(first.path_and_query(), second.path_and_query());
        prop_assert_eq!(first.authority(), second.authority());
        prop_assert_eq!(first.framing(), second.framing());
        prop_assert_eq!(first.value(FieldKind::Other), second.value(FieldKind::Other));
    }
}
