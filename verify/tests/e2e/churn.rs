//! Rules that change a hundred times a second while calls flow: none is lost, and each runs under one revision alone.
//! It must see the revision at both ends of a call.

use std::io;
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::http::Kept;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{pause, until};
use mesher_verify::scale::scaled;
use mesher_verify::traffic::Traffic;

/// Changes in a second.
const RATE: u32 = 100;
/// How much longer than planned the changes may take.
const DELAY_MAX: u32 = 3;

/// A route that writes its number into the request and into the answer.
fn document(number: u32) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: echo}}\nspec:\n  service: echo\n  rules:\n  - backends: [{{}}]\n    filters:\n    - type: RequestHeaderModifier\n      requestHeaderModifier: {{set: [{{name: x-under, value: \"{number}\"}}]}}\n    - type: ResponseHeaderModifier\n      responseHeaderModifier: {{set: [{{name: x-under, value: \"{number}\"}}]}}\n"
    )
}

/// Writes a document over the one with this tag, or as a new one, and answers the new tag.
fn write(kept: &mut Kept, number: u32, tag: Option<&str>) -> String {
    let condition = tag.map_or("If-None-Match: *".to_owned(), |tag| format!("If-Match: {tag}"));
    let body = document(number);
    let request = format!(
        "PUT /mesher/v1/rules/Route/echo HTTP/1.1\r\nHost: 127.0.0.1\r\n{condition}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = kept.call(&request).unwrap();
    assert!((200..300).contains(&answer.status()), "{}", answer.text());
    answer.field("etag").to_owned()
}

#[test]
fn no_call_is_lost_and_each_runs_under_one_revision_while_rules_change_a_hundred_times_a_second() {
    let control = Control::start();
    let application = Application::http(|request| ok(request.head.field("x-under")));
    let provider = Proxy::beside(&control.url(), "echo", application.port());
    let caller = Proxy::start(&control.url(), "caller", &[]);
    for proxy in [&provider, &caller] {
        proxy.addresses.wait_ready();
    }
    let outbound = caller.addresses.outbound;
    let mut writer = Kept::to(control.address);
    let mut tag = write(&mut writer, 0, None);
    let mut kept = Kept::to(outbound);
    let get = "GET / HTTP/1.1\r\nHost: echo\r\n\r\n";
    until("the first revision holds", || (kept.call(get).ok()?.field("x-under") == "0").then_some(()));
    let traffic: Vec<_> = (0..4)
        .map(|_| {
            let mut kept = Kept::to(outbound);
            Traffic::calls(move || {
                let answer = kept.call(get)?;
                let (before, after) = (answer.text(), answer.field("x-under").to_owned());
                if before == after && !before.is_empty() {
                    return Ok(answer);
                }
                Err(io::Error::other(format!("asked under {before:?}, answered under {after:?}")))
            })
        })
        .collect();
    let count = scaled(3 * RATE, 60 * RATE);
    let begun = Instant::now();
    for number in 1..=count {
        while begun.elapsed() < Duration::from_secs(1) / RATE * number {
            pause();
        }
        tag = write(&mut writer, number, Some(&tag));
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1) / RATE * count * DELAY_MAX, "{count} changes took {took:?}");
    let last = count.to_string();
    until("the last revision holds", || (kept.call(get).ok()?.field("x-under") == last).then_some(()));
    for traffic in traffic {
        traffic.flow(10);
        traffic.end_without_failure();
    }
}
