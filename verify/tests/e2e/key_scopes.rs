//! The scopes of the configuration that a proxy's keys come from, by each way on which they reach it.
//! It must tell which scope holds by what calls do alone.

use mesher_verify::http::send_json;
use mesher_verify::mesh::Control;
use serde_json::json;

use crate::rules::{ITEMS, Slow, TIMEOUT_OF_SLOW, write_key};

/// Sets the timeout in a scope of config-center.
#[track_caller]
fn put(control: &Control, scope: &str, value: &str) {
    let body = json!({"dimensionsInfo": scope, "items": {TIMEOUT_OF_SLOW: value}}).to_string();
    let answer = send_json(control.address, "POST", ITEMS, &body).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// What the guide promises: the more particular of the configuration holds, whichever face it was written by.
#[test]
fn each_scope_holds_above_the_wider_ones() {
    for speaks in ["link", "kie"] {
        let control = Control::start();
        let url = control.url();
        let named = [("MESHER_CONFIG_CENTER", url.as_str()), ("MESHER_CONFIG_TYPE", speaks)];
        let slow = Slow::start(&url, if speaks == "link" { &[] } else { &named });
        put(&control, "application", "110");
        slow.wait_limit("110ms");
        for (labels, value) in [
            (json!({"app": "default"}), "120"),
            (json!({"app": "default", "environment": ""}), "130"),
            (json!({"app": "default", "service": "caller"}), "140"),
        ] {
            write_key(&control, TIMEOUT_OF_SLOW, value, &labels);
            slow.wait_limit(&format!("{value}ms"));
        }
        if speaks == "link" {
            put(&control, "darklaunch@default", "150");
            slow.wait_limit("150ms");
        }
        put(&control, "caller@default#0.0.1", "160");
        slow.wait_limit("160ms");
    }
}

/// It is asked every few seconds, so that what holds stands there before.
#[test]
fn each_scope_of_config_center_holds_above_the_wider_ones() {
    let control = Control::start();
    let url = control.url();
    let named = [("MESHER_CONFIG_CENTER", url.as_str()), ("MESHER_CONFIG_TYPE", "config-center")];
    for (scope, value) in [
        ("application", "110"),
        ("caller@default", "140"),
        ("darklaunch@default", "150"),
        ("caller@default#0.0.1", "160"),
    ] {
        put(&control, scope, value);
        Slow::start(&url, &named).wait_limit(&format!("{value}ms"));
    }
}
