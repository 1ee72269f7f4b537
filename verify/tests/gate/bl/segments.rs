//! Requests in segments of one byte.
//! It must demand the same answer as for one segment, and the same bytes upstream.

use mesher_verify::application::ok;
use mesher_verify::faults::{Cut, End, Script, Scripted};
use mesher_verify::http::Message;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// Requests, good and bad, with the status that each gets however it is cut.
const REQUESTS: [(u16, &str); 12] = [
    (200, "GET /plain HTTP/1.1\r\nHost: provider\r\n\r\n"),
    (200, "GET http://provider/absolute HTTP/1.1\r\nHost: provider\r\n\r\n"),
    (200, "HEAD /head HTTP/1.1\r\nHost: provider\r\n\r\n"),
    (200, "POST /length HTTP/1.1\r\nHost: provider\r\nContent-Length: 5\r\n\r\nhello"),
    (
        200,
        "POST /chunks HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n",
    ),
    (200, "GET /old HTTP/1.0\r\nHost: provider\r\n\r\n"),
    (400, "GET /no-host HTTP/1.1\r\n\r\n"),
    (400, "GET /space HTTP/1.1\r\nHost : provider\r\n\r\n"),
    (
        400,
        "POST /two HTTP/1.1\r\nHost: provider\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (400, "POST /chunk HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    (405, "TRACE /trace HTTP/1.1\r\nHost: provider\r\n\r\n"),
    (505, "GET /version HTTP/3.0\r\nHost: provider\r\n\r\n"),
];

/// BL-12: requests in segments of one byte, and cut anywhere. The verdict is always the same.
#[test]
fn bl_12() {
    let stand = Stand::start("bl_12");
    let upstream = Scripted::start(|request: &Message| Script::new(ok(request.head.target()), End::Keep));
    stand.register("provider", &upstream.application);
    let (mut whole, mut refused) = (0, 0);
    for (status, request) in REQUESTS {
        for cut in Cut::all(request.len(), scaled(15, 1)) {
            let mut wire = stand.connect();
            // A proxy that has seen enough may answer before the last byte.
            let sent = cut.send(&mut wire, request.as_bytes());
            assert!(sent.is_ok() || status >= 400, "{request:?}, {cut:?}: {sent:?}");
            let method = request.split(' ').next().unwrap();
            let answer = wire.answer(method).unwrap_or_else(|error| panic!("{request:?}, {cut:?}: {error}"));
            assert_eq!(answer.status(), status, "{request:?}, {cut:?}: {}", answer.text());
            match status {
                200 => whole += 1,
                400 | 505 => refused += 1,
                _ => {}
            }
        }
    }
    let traces = Cut::all(REQUESTS[10].1.len(), scaled(15, 1)).count() as u64;
    let seen = upstream.seen();
    assert_eq!(seen.len(), whole, "each good request arrives once, and no other");
    for seen in &seen {
        let wanted = if ["/length", "/chunks"].contains(&seen.target.as_str()) { 5 } else { 0 };
        assert_eq!(seen.body, wanted, "{seen:?}");
    }
    stand.end(&[("downstream", "bad_request", refused), ("downstream", "method_not_allowed", traces)]);
}
