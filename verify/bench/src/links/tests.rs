//! Frames, requests and tables, from values that were made up.
//! It must reach no server.

use std::net::SocketAddr;
use std::time::Duration;

use super::page::{self, Figures};
use super::peer::frame;
use super::rules;
use crate::load::Histogram;

#[test]
fn a_message_of_a_client_is_masked_and_says_its_length() {
    assert_eq!(frame(b"ab"), [0x81, 0x82, 0, 0, 0, 0, b'a', b'b']);
    let long = frame(&[b'x'; 300]);
    assert_eq!(long[..8], [0x81, 0xfe, 1, 44, 0, 0, 0, 0]);
    assert_eq!(long.len(), 308);
}

#[test]
fn requests_say_how_long_they_are_and_what_they_change() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let request = rules::change(address, 7, 3, 12);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("PUT /mesher/v1/rules/Route/service-00007 ") && head.contains("If-Match: \"r12\"")
    );
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    assert_eq!(rules::create(address, 0..3).matches("kind: Route").count(), 3);
}

#[test]
fn a_table_says_what_holds() {
    let (mut taken, mut all) = (Histogram::default(), Histogram::default());
    (0..100).for_each(|number| taken.record(Duration::from_millis(if number < 90 { 1 } else { 250 })));
    all.record(Duration::from_millis(250));
    let mut figures = Figures::default();
    figures.took(&taken, &all, 400);
    let text = page::render(&figures);
    let row = |words: &str| text.lines().find(|line| line.contains(words)).unwrap().to_owned();
    assert!(row("p95 |").ends_with("**no** |"), "{text}");
    assert!(row("every change").contains("| yes |"), "{text}");
    assert!(row("bytes to one proxy").ends_with("yes, goal reached |"), "{text}");
}
