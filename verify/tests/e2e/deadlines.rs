//! The time that a call has left, on its way from hop to hop: told, kept, never made longer.
//! It must look at what the application is told, and at whether it is asked at all.

use std::time::{Duration, Instant};

use mesher_verify::http::Message;
use mesher_verify::patience::until;

use crate::echo::{Stage, WAITS, sent_values};
use crate::rules::{apply, assert_done};

/// The field that says how much is left.
const LEFT: &str = "x-mesher-timeout";

/// Milliseconds that the application was told.
#[track_caller]
fn left(answer: &Message) -> u64 {
    let values = sent_values(answer, LEFT);
    let [value] = values.as_slice() else { panic!("{values:?}") };
    value.strip_suffix('m').and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{value}"))
}

fn timeout(request: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {{name: shop}}\nspec: {{service: shop, request: {request}}}\n"
    )
}

#[test]
fn what_is_left_travels_to_the_application_and_only_gets_less() {
    let stage = Stage::start();
    assert_eq!(sent_values(&stage.get("/", &[]), LEFT), [""; 0], "nobody bounds the call");
    // As the application was called itself.
    let given = left(&stage.get("/", &[(LEFT, "5S")]));
    assert!((4_000..=5_000).contains(&given), "{given}");
    assert_done(&apply(&stage.control, &timeout("2s"), &["--wait"]));
    let by_rule = left(&stage.get("/", &[]));
    assert!((1_000..=2_000).contains(&by_rule), "{by_rule}");
    assert!(left(&stage.get("/", &[(LEFT, "1H")])) <= 2_000, "the rule is shorter");
    assert!(left(&stage.get("/", &[(LEFT, "900m")])) <= 900, "the caller is");
    // What nobody can read is nobody's word.
    for odd in ["soon", "-1m", "1500", "123456789m"] {
        assert!(left(&stage.get("/", &[(LEFT, odd)])) <= 2_000, "{odd}");
    }
}

#[test]
fn work_whose_time_is_over_is_not_begun() {
    let stage = Stage::start();
    let answer = stage.get("/late", &[(LEFT, "0m")]);
    assert_eq!(answer.status(), 504, "{answer:?}");
    assert!(answer.text().contains("was over before it could begin"), "{}", answer.text());
    assert!(answer.field("proxy-status").contains("http_response_timeout"), "{answer:?}");
    assert_eq!(stage.instances.iter().map(|instance| instance.count("/late")).sum::<usize>(), 0);
    // A call is counted once its caller has the answer.
    until("it is counted", || {
        let metrics = stage.caller.addresses.admin("/metrics").text();
        metrics.contains("kind=\"deadline_spent\"").then_some(())
    });
}

#[test]
fn the_callers_time_ends_a_call_that_no_rule_bounds() {
    let stage = Stage::start();
    let before = Instant::now();
    let answer = stage.get("/slow", &[(LEFT, "300m"), (WAITS, "1")]);
    let took = before.elapsed();
    assert_eq!(answer.status(), 504, "{answer:?}");
    assert!(answer.text().contains(LEFT), "{}", answer.text());
    assert!((Duration::from_millis(250)..Duration::from_secs(3)).contains(&took), "{took:?}");
    until("one instance was asked", || {
        (stage.instances.iter().map(|instance| instance.count("/slow")).sum::<usize>() == 1).then_some(())
    });
}
