//! Exchanges as tables: what is passed on, and which connection may carry another message.
//! They must not ask how the decision is made: heads in, verdict out.

use crate::response::Downstream;
use crate::{Conversation, Heard, Progress, Refusal, RequestHead, ResponseHead};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn request(text: &str) -> RequestHead {
    let mut head = RequestHead::default();
    assert_eq!(head.parse(text.as_bytes()), Ok(Progress::Complete(text.len())), "{text:?}");
    head
}

fn response(text: &str) -> ResponseHead {
    let mut head = ResponseHead::default();
    assert_eq!(head.parse(text.as_bytes(), false), Ok(Progress::Complete(text.len())), "{text:?}");
    head
}

/// Runs an exchange whose bodies are given, to its end or to the first refusal.
fn run(asked: &str, body: &[u8], answered: &str, answer: &[u8]) -> Result<Conversation, Refusal> {
    let (asked, answered) = (request(asked), response(answered));
    let mut conversation = Conversation::begin(&asked, u64::MAX);
    conversation.request.encode(body, &mut Vec::new())?;
    conversation.hear(&asked, &answered, false)?;
    conversation.response.encode(answer, &mut Vec::new())?;
    Ok(conversation)
}

#[test]
fn a_connection_is_kept_only_where_its_message_ended() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    let closing = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let endless = "HTTP/1.1 200 OK\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let table = [
        (GET, "", EMPTY, "", true, true),
        (GET, "", long, "abc", true, true),
        (GET, "", long, "a", false, false),
        (GET, "", closing, "", true, false),
        (GET, "", endless, "abc", false, false),
        (last, "", EMPTY, "", false, true),
        (POST, "body", EMPTY, "", true, true),
        (POST, "bo", EMPTY, "", false, false),
    ];
    for (asked, body, answered, answer, downstream, upstream) in table {
        let conversation = run(asked, body.as_bytes(), answered, answer.as_bytes()).unwrap();
        let kept = (conversation.keeps_downstream(), conversation.keeps_upstream(false));
        assert_eq!(kept, (downstream, upstream), "{asked:?} {answered:?}");
        assert!(!conversation.keeps_upstream(true), "bytes that nobody asked for");
    }
}

#[test]
fn a_caller_who_is_still_sending_is_told_that_the_connection_ends() {
    let asked = request(POST);
    let mut conversation = Conversation::begin(&asked, u64::MAX);
    conversation.request.encode(b"bo", &mut Vec::new()).unwrap();
    let heard = conversation.hear(&asked, &response(EMPTY), false);
    assert!(matches!(heard, Ok(Heard::Final(Downstream { is_last: true, .. }))));
    conversation.request.encode(b"dy", &mut Vec::new()).unwrap();
    conversation.response.encode(b"", &mut Vec::new()).unwrap();
    assert!(conversation.is_over() && !conversation.keeps_downstream() && conversation.keeps_upstream(false));
}

#[test]
fn a_switch_needs_a_wish_and_an_agreement() {
    let bare = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    let unnamed = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let framed = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n";
    let other = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: Foo/1\r\n\r\n";
    let nothing = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ,\r\n\r\n";
    let two = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nUpgrade: foo/1\r\n\r\n";
    let old = "HTTP/1.0 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let choice = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: bar, foo/1\r\n\r\n";
    let table = [
        (UPGRADE, SWITCH, None),
        (GET, SWITCH, Some(Refusal::UnaskedUpgrade)),
        (UPGRADE, bare, Some(Refusal::BadSwitch)),
        (UPGRADE, unnamed, Some(Refusal::BadSwitch)),
        (UPGRADE, framed, Some(Refusal::BadSwitch)),
        (UPGRADE, other, Some(Refusal::BadSwitch)),
        (UPGRADE, nothing, Some(Refusal::BadSwitch)),
        (UPGRADE, two, Some(Refusal::BadSwitch)),
        (UPGRADE, old, Some(Refusal::BadSwitch)),
        (choice, other, None),
    ];
    for (asked, answered, refused) in table {
        assert_eq!(run(asked, b"", answered, b"").err(), refused, "{asked:?} {answered:?}");
    }
    let switched = run(UPGRADE, b"", SWITCH, b"any").unwrap();
    assert!(!switched.keeps_downstream() && !switched.keeps_upstream(false));
    // A wish that is not granted leaves neither connection for others.
    let refused = run(UPGRADE, b"", EMPTY, b"").unwrap();
    assert!(refused.is_over() && !refused.keeps_downstream() && !refused.keeps_upstream(false));
}

#[test]
fn bytes_after_a_wish_are_not_of_its_request() {
    let asked = request(UPGRADE);
    let mut conversation = Conversation::begin(&asked, u64::MAX);
    let mut out = Vec::new();
    assert_eq!(conversation.request.encode(b"GET /admin", &mut out), Ok(0));
    assert!(out.is_empty());
    assert!(matches!(conversation.hear(&asked, &response(SWITCH), false), Ok(Heard::Switch)));
    assert_eq!(conversation.request.encode(b"GET /admin", &mut out), Ok(10));
    assert_eq!(out, b"GET /admin");
}

#[test]
fn a_wish_is_passed_on_only_where_it_is_one() {
    let with = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let unnamed = request(&with("Upgrade: websocket\r\n"));
    let plain =
        request(&with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"));
    let listed = request(&with("Connection: Upgrade\r\nUpgrade: foo, H2C\r\n"));
    for head in [unnamed, plain, listed] {
        let mut out = Vec::new();
        head.write(&[], &mut out);
        assert_eq!((head.upgrade(), out.as_slice()), (None, GET.as_bytes()));
    }
    let mut out = Vec::new();
    request(UPGRADE).write(&[], &mut out);
    let expected = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    for refused in [
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo, WebSocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\nUpgrade: bar\r\n\r\n",
    ] {
        assert_eq!(RequestHead::default().parse(refused.as_bytes()), Err(Refusal::Upgrade), "{refused:?}");
    }
}

#[test]
fn interim_answers_are_bounded_and_kept_from_old_callers() {
    let hints = response("HTTP/1.1 103 Early Hints\r\n\r\n");
    let asked = request(GET);
    let mut conversation = Conversation::begin(&asked, u64::MAX);
    for _ in 0..super::INTERIM_MAX {
        assert!(matches!(conversation.hear(&asked, &hints, false), Ok(Heard::Interim { passes: true })));
    }
    assert!(matches!(conversation.hear(&asked, &hints, false), Err(Refusal::TooManyInterim)));
    let old = request("GET / HTTP/1.0\r\n\r\n");
    let heard = Conversation::begin(&old, u64::MAX).hear(&old, &hints, false);
    assert!(matches!(heard, Ok(Heard::Interim { passes: false })));
}

#[test]
fn a_body_is_cut_off_where_it_grows_too_large() {
    let chunked = request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut conversation = Conversation::begin(&chunked, 4);
    let mut out = Vec::new();
    assert_eq!(conversation.request.encode(b"3\r\nabc\r\n", &mut out), Ok(8));
    assert_eq!(conversation.request.encode(b"2\r\nde\r\n", &mut out), Err(Refusal::BodyTooLarge));
}

/// The last byte of the body is the one too many: it has come, and has not left, so that neither connection can be kept.
#[test]
fn a_body_whose_last_piece_is_too_much_is_not_over() {
    let asked = request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    let answered = response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for passes in [true, false] {
        let mut conversation = Conversation::begin(&asked, 4);
        let refused = match passes {
            true => conversation.request.pass(b"abcde").map(drop),
            false => conversation.request.encode(b"abcde", &mut Vec::new()).map(drop),
        };
        assert_eq!(refused, Err(Refusal::BodyTooLarge));
        assert!(matches!(conversation.hear(&asked, &answered, false), Ok(Heard::Final(_))));
        let mut out = Vec::new();
        conversation.response.encode(b"", &mut out).unwrap();
        assert!(conversation.response.is_encoded());
        let keeps = (conversation.keeps_downstream(), conversation.keeps_upstream(false));
        assert_eq!(
            (conversation.request.is_read(), conversation.is_over(), keeps),
            (false, false, (false, false))
        );
    }
}
