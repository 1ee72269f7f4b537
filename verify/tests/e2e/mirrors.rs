//! Copies of calls: who gets them, what they are, and that no call waits for or fails by one.
//! It must look at what the mirror was sent, and at the real call beside it.

use mesher_verify::http::{Message, Wire};
use mesher_verify::patience::until;

use crate::echo::{Instance, Stage, WAITS, route, values};
use crate::rules::{BAD_CONFIGURATION, apply};

/// A rule that leads calls to the first version, and copies them as it is said.
fn mirroring(mirrors: &[&str]) -> String {
    let filters: Vec<_> =
        mirrors.iter().map(|mirror| format!("{{type: RequestMirror, requestMirror: {mirror}}}")).collect();
    format!("    - filters: [{}]\n      backends: [{{subset: {{version: '1.0'}}}}]", filters.join(", "))
}

/// How many copies ended so.
pub(crate) fn mirrored(stage: &Stage, result: &str) -> u64 {
    let metrics = stage.caller.addresses.admin("/metrics").text();
    let row = format!("result=\"{result}\"");
    let is_it = |line: &&str| line.starts_with("mesher_mirrored_total") && line.contains(&row);
    metrics.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// The copy of the call to this target that an instance got.
fn copy_of(instance: &Instance, target: &str) -> Message {
    until(&format!("the copy of {target} arrives"), || {
        let seen = instance.seen.lock().unwrap();
        seen.iter().find(|request| request.head.target() == target).cloned()
    })
}

/// A call with a body, from the first version.
fn post(stage: &Stage, target: &str, framing: &str, body: &[u8]) -> Message {
    let mut request =
        format!("POST {target} HTTP/1.1\r\nHost: shop\r\n{framing}\r\nConnection: close\r\n\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    let answer = Wire::open(stage.outbound()).unwrap().call(request).unwrap();
    assert_eq!((answer.status(), answer.json()["version"].as_str()), (200, Some("1.0")), "{target}");
    answer
}

#[test]
fn a_mirror_gets_what_the_callee_gets_and_its_answer_goes_nowhere() {
    let stage = Stage::start();
    let mirror = &stage.instances[1];
    stage.route(&format!(
        "    - matches: [{{path: {{value: /old}}}}]
      filters:
        - {{type: RequestMirror, requestMirror: {{subset: {{version: '2.0'}}}}}}
        - {{type: URLRewrite, urlRewrite: {{hostname: example.org, path: {{type: ReplacePrefixMatch, replacePrefixMatch: /new}}}}}}
        - {{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-a, value: b}}]}}}}
      backends: [{{subset: {{version: '1.0'}}}}]
{}",
        mirroring(&["{subset: {version: '2.0'}}"])
    ));
    let answer = stage.get("/old/x?y=z", &[("x-own", "1")]);
    assert_eq!(
        (answer.json()["version"].as_str(), answer.json()["target"].as_str()),
        (Some("1.0"), Some("/new/x?y=z"))
    );
    let copy = copy_of(mirror, "/new/x?y=z");
    for (name, value) in [("host", "example.org"), ("x-a", "b"), ("x-own", "1"), ("x-mesher-mirror", "1")] {
        assert_eq!(values(&copy, name), [value], "{copy:?}");
    }
    assert_eq!(values(&copy, "x-cse-context").len(), 1, "{copy:?}");
    let real = stage.instances[0].seen.lock().unwrap();
    assert!(real.iter().all(|request| request.field("x-mesher-mirror").is_empty()));
    drop(real);

    post(&stage, "/length", "Content-Length: 5", b"hello");
    assert_eq!(copy_of(mirror, "/length").text(), "hello");
    post(&stage, "/chunked", "Transfer-Encoding: chunked", b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    assert_eq!(copy_of(mirror, "/chunked").text(), "hello");
    until("all copies are counted", || (mirrored(&stage, "answered") == 3).then_some(()));
}

#[test]
fn a_body_that_does_not_lie_beside_its_head_is_not_copied() {
    let stage = Stage::start();
    stage.route(&mirroring(&["{subset: {version: '2.0'}}"]));
    let body = vec![b'x'; 300_000];
    let answer = post(&stage, "/large", "Content-Length: 300000", &body);
    assert_eq!(answer.json()["body"].as_str().map(str::len), Some(body.len()));
    assert_eq!(mirrored(&stage, "skipped_body"), 1);
    assert_eq!(stage.instances[1].count("/large"), 0);
}

/// Mirrors that answer nothing take up so many copies and no more, and no call.
#[test]
fn a_mirror_that_hangs_or_is_away_is_no_matter_to_the_call() {
    let stage = Stage::start();
    stage.instances[0].gate.open();
    stage.route(&mirroring(&[
        "{subset: {version: '2.0'}}",
        "{subset: {version: '3.0'}}",
        "{service: nobody}",
    ]));
    let calls: u64 = 200;
    let mut wire = Wire::open(stage.outbound()).unwrap();
    for _ in 0..calls {
        let request = format!("GET /hang HTTP/1.1\r\nHost: shop\r\n{WAITS}: 1\r\n\r\n");
        let answer = wire.call(request).unwrap();
        assert_eq!((answer.status(), answer.json()["version"].as_str()), (200, Some("1.0")));
    }
    // One worker had all of them: 64 are on their way, and the rest was left out.
    assert!(mirrored(&stage, "skipped_busy") > 0);
    until("the others are counted", || (mirrored(&stage, "skipped_nobody") > 0).then_some(()));
    let hung = stage.instances[1].count("/hang");
    assert!((1..=64).contains(&hung), "{hung}");
    stage.instances[1].gate.open();
    until("the copies are answered", || (mirrored(&stage, "answered") >= hung as u64).then_some(()));
    assert_eq!(stage.get("/", &[]).status(), 200);
    let metrics = stage.caller.addresses.admin("/metrics").text();
    assert!(!metrics.contains("mesher_failures_total{"), "{metrics}");
}

#[test]
fn another_service_gets_copies_and_a_mirror_that_names_nobody_is_refused() {
    let stage = Stage::start();
    let audit = Instance::start(&stage.control, "audit", "1.0");
    stage.route(&mirroring(&["{service: audit}"]));
    assert_eq!(stage.get("/seen", &[]).json()["version"], "1.0");
    assert_eq!(copy_of(&audit, "/seen").field("host"), "shop");
    for (mirror, words) in [
        ("{}", "a mirror names nobody"),
        ("{percent: 50}", "a mirror names nobody"),
        ("{service: audit, percent: 101}", "101 is no percentage"),
        ("{service: audit, subset: {zone: a}}", "a mirror can name a version only"),
    ] {
        let refused = apply(&stage.control, &route(&mirroring(&[mirror])), &[]);
        assert_eq!(refused.code, BAD_CONFIGURATION, "{refused:?}");
        assert!(refused.errors.contains(words), "{mirror}: {}", refused.errors);
    }
}
