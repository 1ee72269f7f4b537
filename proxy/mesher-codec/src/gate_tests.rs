//! What the gate refuses for good: the same verdict however the bytes arrive, look-alikes left out, floods bounded.
//! It must not ask how the decision is made: bytes in, verdict and bytes out.

use proptest::prelude::*;

use crate::request::SetField;
use crate::response::Downstream;
use crate::tests::{decode, request, response, written};
use crate::{
    BodyDecoder, EXTENSION_BYTES_MAX, FieldKind, Framing, HeadLimits, METHOD_BYTES_MAX, Piece, Progress,
    Refusal, RequestHead, TARGET_BYTES_MAX, Version,
};

/// The first verdict of a head that arrives in parts which end at `cuts`.
fn verdict(input: &[u8], cuts: &[usize]) -> Result<Progress, Refusal> {
    let mut head = RequestHead::default();
    for &cut in cuts {
        match head.parse(&input[..cut.min(input.len())]) {
            Ok(Progress::Partial) => {}
            decided => return decided,
        }
    }
    head.parse(input)
}

#[test]
fn a_field_that_only_looks_like_one_that_counts_ends_here() {
    let head = request(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent.Length: 5\r\nTRANSFER.encoding: x\r\n\
         x_cse-Context: {}\r\nX.Cse.Src.Microservice: root\r\nX_Kept.Field: 1\r\nContent-Length: 0\r\n\r\n",
    )
    .unwrap();
    assert_eq!(head.alias_count(), 5);
    assert_eq!(head.framing(), Framing::Length(0));
    assert_eq!(
        written(&head, &[]),
        "POST / HTTP/1.1\r\nHost: a\r\nX_Kept.Field: 1\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_field_of_ours_can_be_taken_away_whoever_sent_it() {
    let text =
        "GET / HTTP/1.1\r\nHost: a\r\nx-cse-src-microservice: root\r\nX-CSE-SRC-MICROSERVICE: root\r\n\r\n";
    let drop = [SetField { kind: FieldKind::CseSource, name: "x-cse-src-microservice", value: b"" }];
    assert_eq!(written(&request(text).unwrap(), &drop), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn of_te_only_the_wish_for_trailers_is_passed_on() {
    for (value, passes) in [
        ("trailers", true),
        ("deflate;q=0.5, Trailers", true),
        ("deflate", false),
        ("trailers;q=0", false),
        ("", false),
    ] {
        let head = request(&format!("GET / HTTP/1.1\r\nHost: a\r\nTE: {value}\r\n\r\n")).unwrap();
        let te = if passes { "Connection: te\r\nTE: trailers\r\n" } else { "" };
        assert_eq!(written(&head, &[]), format!("GET / HTTP/1.1\r\nHost: a\r\n{te}\r\n"), "{value:?}");
    }
}

#[test]
fn a_list_of_hops_is_bounded_and_otherwise_left_alone() {
    let fields = |counts: &[usize]| -> String {
        let line =
            |count: &usize| format!("X-Forwarded-For: {}\r\n", vec!["not an address"; *count].join(", "));
        counts.iter().map(line).collect()
    };
    for counts in [&[50][..], &[25, 25]] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(counts));
        assert_eq!(written(&request(&text).unwrap(), &[]), text);
    }
    for counts in [&[51][..], &[25, 26], &[1000]] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(counts));
        assert_eq!(request(&text).err(), Some(Refusal::TooManyForwarded), "{counts:?}");
    }
    let named =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n";
    assert_eq!(written(&request(named).unwrap(), &[]), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn a_protocol_is_known_wherever_it_stands_in_the_list() {
    let ask = |method: &str, list: &str| {
        request(&format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {list}\r\n\r\n"))
    };
    for list in ["h2c", "websocket, H2C", "foo,h2c-14 , bar"] {
        assert_eq!(ask("GET", list).unwrap().upgrade(), None, "{list}");
    }
    assert_eq!(ask("GET", "foo, websocket").unwrap().upgrade(), Some(&b"foo, websocket"[..]));
    assert_eq!(ask("POST", "foo, WebSocket").err(), Some(Refusal::Upgrade));
}

#[test]
fn an_old_request_that_may_hide_a_body_is_the_last() {
    let is_last = |text: &str| request(&format!("{text}Connection: keep-alive\r\n\r\n")).unwrap().is_last();
    assert!(is_last("POST / HTTP/1.0\r\nHost: a\r\n"));
    assert!(!is_last("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n"));
    assert!(!is_last("GET / HTTP/1.0\r\nHost: a\r\n"));
    assert!(!is_last("POST / HTTP/1.1\r\nHost: a\r\n"));
}

#[test]
fn a_target_with_a_space_is_malformed_and_not_of_another_version() {
    for (line, refusal) in [
        ("GET /a b HTTP/1.1", Refusal::StartLine),
        ("GET / http/1.1", Refusal::StartLine),
        ("GET / HTTQ/1.1", Refusal::StartLine),
        ("GET / HTTP/1.2", Refusal::Version),
        ("GET / HTTP/01.1", Refusal::Version),
        ("GET / HTTP/", Refusal::Version),
    ] {
        let text = format!("{line}\r\nHost: a\r\n\r\n");
        let every: Vec<_> = (1..text.len()).collect();
        assert_eq!(verdict(text.as_bytes(), &[]), Err(refusal), "{line}");
        assert_eq!(verdict(text.as_bytes(), &every), Err(refusal), "{line} byte by byte");
    }
}

#[test]
fn a_few_empty_lines_may_stand_in_front_of_a_request() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(request(&format!("\r\n{text}")).is_ok());
    assert!(request(&format!("\r\n\r\n{text}")).is_ok());
    let flood = format!("\r\n\r\n\r\n{text}");
    for cuts in [&[][..], &[1, 2, 3, 4, 5, 6]] {
        assert_eq!(verdict(flood.as_bytes(), cuts), Err(Refusal::StartLine));
    }
}

#[test]
fn limits_of_the_start_line_hold_before_it_is_whole() {
    let method = |length: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(length));
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "t".repeat(length - 1));
    assert!(request(&method(METHOD_BYTES_MAX)).is_ok());
    assert!(request(&target(TARGET_BYTES_MAX)).is_ok());
    let longest = format!(
        "{} /{} HTTP/1.1\r\nHost: a\r\n\r\n",
        "M".repeat(METHOD_BYTES_MAX),
        "t".repeat(TARGET_BYTES_MAX - 1)
    );
    assert_eq!(
        verdict(longest.as_bytes(), &[16_000, 16_459, 16_460]),
        Ok(Progress::Complete(longest.len())),
        "the longest line in parts"
    );
    for (text, refusal) in [
        (method(METHOD_BYTES_MAX + 1), Refusal::MethodTooLong),
        (method(70_000), Refusal::MethodTooLong),
        (target(TARGET_BYTES_MAX + 1), Refusal::TargetTooLong),
        (target(70_000), Refusal::TargetTooLong),
        (format!("{}\u{1}", &method(70_000)[..60_000]), Refusal::MethodTooLong),
        (target(20_000).replace("Host:", "Ho st:"), Refusal::TargetTooLong),
    ] {
        for cuts in [&[][..], &[1, 64, 65, 66], &[16_388, 16_459, 16_460, 16_461, 65_536]] {
            assert_eq!(verdict(text.as_bytes(), cuts), Err(refusal), "{:.20} at {cuts:?}", text);
        }
    }
}

#[test]
fn what_lies_beyond_the_limit_of_a_head_does_not_change_the_verdict() {
    let limits = HeadLimits { bytes: 100, fields: 100 };
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\nmalformed\r\n\r\n", "x".repeat(100));
    assert_eq!(RequestHead::limited_to(limits).parse(text.as_bytes()), Err(Refusal::HeadTooLarge));
    assert_eq!(RequestHead::limited_to(limits).parse(&text.as_bytes()[..101]), Err(Refusal::HeadTooLarge));
    assert_eq!(RequestHead::limited_to(limits).parse(&text.as_bytes()[..100]), Ok(Progress::Partial));
}

#[test]
fn a_body_that_was_refused_stays_refused() {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let (used, piece) = decoder.next(b"5\r\nhello").unwrap();
    assert_eq!((used, piece), (8, Piece::Data(b"hello")));
    assert_eq!(decoder.next(b"!!"), Err(Refusal::Chunk));
    assert_eq!(decoder.next(b"\r\n0\r\n\r\n"), Err(Refusal::Chunk), "as if the two bytes had not been there");
    assert_eq!(decoder.refusal(), Some(Refusal::Chunk));
    assert!(!decoder.is_done());
}

#[test]
fn sizes_and_extensions_of_chunks_are_bounded() {
    for size in ["ffffffffffffffff", "8000000000000000", &"0".repeat(4096)] {
        let input = format!("{size}\r\nhello\r\n0\r\n\r\n");
        assert_eq!(
            decode(Framing::Chunked, input.as_bytes(), input.len()),
            Err(Refusal::Chunk),
            "{size:.20}"
        );
    }
    let extension = 1024;
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(extension - 1));
    let allowed = EXTENSION_BYTES_MAX / extension;
    let body = |count: usize| format!("{}0\r\n\r\n", chunk.repeat(count));
    assert!(decode(Framing::Chunked, body(allowed).as_bytes(), 700).is_ok());
    assert_eq!(decode(Framing::Chunked, body(allowed + 1).as_bytes(), 700), Err(Refusal::Chunk));
}

#[test]
fn trailers_that_may_not_pass_are_counted() {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let section = b"0\r\nAuthorization: a\r\nX-Sum: 1\r\nx-cse-context: {}\r\nx_cse_context: {}\r\nX-Forwarded-For: b\r\n\r\n";
    assert_eq!(decoder.next(section).unwrap().1, Piece::End);
    assert_eq!((decoder.trailers(), decoder.dropped_trailer_count()), (&b"X-Sum: 1\r\n"[..], 4));
}

/// Parts of requests that make good and bad ones when they stand in a row.
fn parts() -> impl Strategy<Value = Vec<u8>> {
    let short = prop_oneof![
        Just("GET "),
        Just("POST / HTTP/1.1\r\n"),
        Just("\r\n\r\n\r\n"),
        Just("\n\n\n\n\n"),
        Just(" "),
        Just("/a"),
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just("HTTP/1.1"),
        Just("HTTP/2.0"),
        Just(" HTTP/1.1\r\nHost: a\r\n"),
        Just("Host: a\r\n"),
        Just("Content-Length: 5\r\n"),
        Just("Transfer-Encoding: chunked\r\n"),
        Just("Expect: 200-ok\r\n"),
        Just("X : y\r\n"),
        Just(":"),
        Just("\u{0}"),
        Just("\u{e9}"),
        Just("\r\n\r\n"),
    ];
    let long =
        prop_oneof![Just(("M", 66_usize)), Just(("t", 16_400)), Just(("x: y\r\n", 120)), Just(("z", 66_000))];
    let part = prop_oneof![
        8 => short.prop_map(|part| part.as_bytes().to_vec()),
        1 => long.prop_map(|(part, count)| part.repeat(count).into_bytes()),
    ];
    proptest::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_verdict_is_the_same_however_the_bytes_arrive(
        input in parts(),
        places in proptest::collection::vec(0.0_f64..1.0, 1..24),
        near in 0_usize..120,
    ) {
        let mut cuts: Vec<_> = places.iter().map(|place| (place * input.len() as f64) as usize).collect();
        cuts.extend([near, 5, METHOD_BYTES_MAX + 1, 16_460, 65_536, 65_537]);
        cuts.sort_unstable();
        prop_assert_eq!(verdict(&input, &cuts), verdict(&input, &[]));
    }
}

/// `count` field lines.
fn lines(count: usize) -> String {
    (0..count).map(|number| format!("X-{number}: a\r\n")).collect()
}

#[test]
fn a_full_request_is_taken_by_the_next_proxy_as_well() {
    let own = [
        SetField { kind: FieldKind::Other, name: "Via", value: b"1.1 mesher-0123456789ab" },
        SetField { kind: FieldKind::CseContext, name: "x-cse-context", value: b"{}" },
    ];
    for (start, count) in [
        ("1.1\r\nHost: a\r\n", 99),
        ("1.1\r\nHost: a\r\nTE: trailers\r\n", 98),
        ("1.1\r\nHost: a\r\nConnection: a\r\n", 99),
        ("1.0\r\n", 99),
    ] {
        let start = format!("GET / HTTP/{start}");
        let first = request(&format!("{start}{}\r\n", lines(count))).unwrap();
        // An empty `Host`, which a request without one gets, would be refused for itself.
        let passed_on = written(&first, &own).replace("Host: \r\n", "Host: a\r\n");
        assert_eq!(request(&passed_on).err(), None, "{start}");
        let more = format!("{start}{}\r\n", lines(count + 1));
        assert_eq!(request(&more).err(), Some(Refusal::TooManyFields), "{start}");
    }
}

#[test]
fn a_full_answer_is_taken_by_the_next_proxy_as_well() {
    for own in ["", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\nConnection: close\r\n"] {
        let answer = |count: usize| format!("HTTP/1.1 200 OK\r\n{own}{}\r\n", lines(count));
        let first = response(&answer(100), false).unwrap();
        let mut passed_on = Vec::new();
        first.write(Downstream { version: Version::Http11, is_last: true }, &mut passed_on);
        assert_eq!(response(&String::from_utf8(passed_on).unwrap(), false).err(), None, "{own:?}");
        assert_eq!(response(&answer(101), false).err(), Some(Refusal::TooManyFields), "{own:?}");
    }
}
