//! Compressed bodies, which are nobody's business but the two ends'.
//! It must compare every byte.

use mesher_verify::application::Application;
use mesher_verify::http::Message;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// A MiB of zeros, as `gzip -9` packs it, is 1 KiB; of this the beginning and an end that is repeated.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xed\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a\x00\x00\x00";
/// A frame of zstandard whose one block repeats a byte two million times.
const ZSTANDARD: &[u8] = b"\x28\xb5\x2f\xfd\xa0\x00\x00\x20\x00\x03\x00\x00\x00";
/// What begins a stream of brotli with a large window.
const BROTLI: &[u8] = b"\x5b\xff\xff\x0f\x00\x24\x00\xe2\xb1\x40\x02";

/// BL-06: bodies that would grow a thousandfold. The proxy does not unpack them: not a byte more passes than came.
#[test]
fn bl_06() {
    let stand = Stand::start("bl_06");
    let upstream = Application::http(|request: &Message| {
        let coding = request.field("content-encoding");
        let length = request.body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), &request.body].concat()
    });
    stand.register("provider", &upstream);
    let before = stand.memory();
    let mut wire = stand.connect();
    for (coding, begin) in [
        ("gzip", GZIP),
        ("br", BROTLI),
        ("zstd", ZSTANDARD),
        ("gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip", GZIP),
    ] {
        for _ in 0..scaled(10, 1000) {
            let body: Vec<_> = begin.iter().chain(std::iter::repeat_n(&0, 1000)).copied().collect();
            let head = format!(
                "PUT / HTTP/1.1\r\nHost: provider\r\nAccept-Encoding: {coding}\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let answer = wire.call([head.into_bytes(), body.clone()].concat()).unwrap();
            assert_eq!((answer.status(), answer.field("content-encoding")), (200, coding));
            assert_eq!(answer.body, body, "{coding}");
        }
    }
    let grown = stand.memory().saturating_sub(before);
    assert!(grown < 1 << 20, "the proxy holds {grown} bytes more");
    drop(wire);
    stand.end(&[]);
}
