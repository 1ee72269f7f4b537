//! Heads that are changed on their way: what is written, byte by byte.
//! They must show that nothing else of a head changes with it.

use crate::field::FieldKind;
use crate::request::SetField;
use crate::response::Downstream;
use crate::tests::{request, response};
use crate::{FieldEdits, RequestEdit, RequestHead};

/// Names in lower case, and lines.
struct Edits {
    left_out: Vec<Box<str>>,
    added: Vec<(Box<str>, Box<str>)>,
}

impl Edits {
    fn of(left_out: &[&str], added: &[(&str, &str)]) -> Self {
        Self {
            left_out: left_out.iter().map(|name| (*name).into()).collect(),
            added: added.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    fn lend(&self) -> FieldEdits<'_> {
        FieldEdits { left_out: &self.left_out, added: &self.added }
    }
}

fn written(head: &RequestHead, edit: &RequestEdit<'_>) -> String {
    let set = [SetField { kind: FieldKind::Other, name: "Via", value: b"1.1 x" }];
    let mut out = Vec::new();
    head.write_edited(&set, edit, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn fields_of_a_request_are_left_out_and_added() {
    let head = request(
        "POST /a HTTP/1.1\r\nX-One: 1\r\nHost: shop\r\nx-ONE:  2\r\nX-Two: 3\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\n",
    )
    .unwrap();
    let edits = Edits::of(&["x-one", "x-none"], &[("X-One", "9"), ("x-three", "4, 5"), ("X-Two", "6")]);
    let edit = RequestEdit { fields: edits.lend(), ..RequestEdit::default() };
    assert_eq!(
        written(&head, &edit),
        "POST /a HTTP/1.1\r\nHost: shop\r\nX-Two: 3\r\nVia: 1.1 x\r\nX-One: 9\r\nx-three: 4, 5\r\nX-Two: 6\r\nContent-Length: 2\r\n\r\n"
    );
    let mut plain = Vec::new();
    head.write(&[SetField { kind: FieldKind::Other, name: "Via", value: b"1.1 x" }], &mut plain);
    assert_eq!(written(&head, &RequestEdit::default()).into_bytes(), plain, "an edit of nothing");
}

#[test]
fn an_upgrade_is_asked_for_behind_the_lines_that_are_added() {
    let head = request(
        "GET http://shop/ws HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    .unwrap();
    let edits = Edits::of(&[], &[("x-a", "1")]);
    assert_eq!(
        written(&head, &RequestEdit { fields: edits.lend(), ..RequestEdit::default() }),
        "GET /ws HTTP/1.1\r\nHost: shop\r\nVia: 1.1 x\r\nx-a: 1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
}

#[test]
fn fields_of_a_response_are_left_out_and_added() {
    let head = response(
        "HTTP/1.1 200 OK\r\nServer: a\r\nX-One: 1\r\nContent-Length: 2\r\nx-one: 2\r\nDate: now\r\n\r\n",
        false,
    )
    .unwrap();
    let edits = Edits::of(&["x-one", "server"], &[("X-One", "3")]);
    let mut out = Vec::new();
    head.write_edited(Downstream { is_last: true, ..Downstream::default() }, edits.lend(), &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 200 OK\r\nDate: now\r\nX-One: 3\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn a_request_has_one_host_and_the_target_that_it_was_given() {
    let edit = |target, host| RequestEdit { path_and_query: target, host, ..RequestEdit::default() };
    for (asked, target, host, expected) in [
        (
            "GET /a?b HTTP/1.1\r\nHost: shop\r\n\r\n",
            Some("/c?b"),
            None,
            "GET /c?b HTTP/1.1\r\nHost: shop\r\n",
        ),
        (
            "GET http://shop:81?b HTTP/1.1\r\nHost: x\r\n\r\n",
            Some("/?b"),
            Some("other"),
            "GET /?b HTTP/1.1\r\nHost: other:81\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nX: 1\r\nHost: shop\r\n\r\n",
            None,
            Some("other"),
            "GET / HTTP/1.1\r\nHost: other\r\nX: 1\r\n",
        ),
        ("GET / HTTP/1.1\r\nHost: [::1]:8\r\n\r\n", None, Some("a.b"), "GET / HTTP/1.1\r\nHost: a.b:8\r\n"),
    ] {
        let head = request(asked).unwrap();
        let written = written(&head, &edit(target, host));
        assert_eq!(written, format!("{expected}Via: 1.1 x\r\n\r\n"), "{asked}");
    }
}
