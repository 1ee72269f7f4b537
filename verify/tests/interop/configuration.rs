//! Applications on SDKs that read their configuration from kie: at their start, and as it changes.
//! It must leave calls between applications to the other parts.

use std::time::Duration;

use mesher_verify::http::send_json;
use mesher_verify::mesh::Control;
use mesher_verify::patience::until_within;
use serde_json::{Value, json};

use crate::builds;
use crate::sdk::Sdk;

const KEY: &str = "interop.colour";
/// How long a change may take: Java polls four lists with three threads, each of which may wait for 10 s.
const CHANGE: Duration = Duration::from_secs(30);

/// An enabled key under these labels. Returns its id.
fn set(control: &Control, labels: &Value, value: &str) -> String {
    let body = json!({"key": KEY, "value": value, "status": "enabled", "labels": labels}).to_string();
    let made = send_json(control.address, "POST", "/v1/default/kie/kv", &body).unwrap();
    assert_eq!(made.status(), 200, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

fn change(control: &Control, id: &str, value: &str) {
    let body = json!({"value": value}).to_string();
    let changed = send_json(control.address, "PUT", &format!("/v1/default/kie/kv/{id}"), &body).unwrap();
    assert_eq!(changed.status(), 200, "{}", changed.text());
}

/// It knows the key at its start, hears of changes, and keeps the last one while others change.
fn follow(control: &Control, mut sdk: Sdk, id: &str) {
    sdk.wait_registered(control);
    wait_knows(&sdk, "blue");
    for value in ["green", "red"] {
        change(control, id, value);
        wait_knows(&sdk, value);
    }
    set(control, &json!({"app": "other"}), "of another");
    assert_eq!(sdk.setting(KEY), "red");
}

fn wait_knows(sdk: &Sdk, value: &str) {
    until_within(CHANGE, &format!("{} knows {value}", sdk.name), || {
        (sdk.setting(KEY) == value).then_some(())
    });
}

#[test]
fn go_chassis_reads_a_key_at_its_start_and_hears_of_its_changes() {
    let Some(program) = builds::go() else { return };
    let control = Control::start();
    let labels =
        json!({"appId": "default", "environment": "", "serviceName": "go-reader", "version": "1.0.0"});
    let id = set(&control, &labels, "blue");
    follow(&control, Sdk::go_with_kie(program, &control, "go-reader"), &id);
}

#[test]
fn java_chassis_2_reads_a_key_at_its_start_and_hears_of_its_changes() {
    let Some(class_path) = builds::java() else { return };
    let control = Control::start();
    let labels = json!({"app": "default", "environment": "", "service": "java-reader"});
    let id = set(&control, &labels, "blue");
    follow(&control, Sdk::java_with_kie(class_path, &control, "java-reader"), &id);
}

/// What is written through kie is read through config-center.
#[test]
fn go_chassis_reads_the_same_key_from_config_center() {
    let Some(program) = builds::go() else { return };
    let control = Control::start();
    let labels = json!({"app": "default", "environment": "", "service": "go-reader"});
    let id = set(&control, &labels, "blue");
    follow(&control, Sdk::go_with_config_center(program, &control, "go-reader"), &id);
}

#[test]
fn java_chassis_2_reads_the_same_key_from_config_center() {
    let Some(class_path) = builds::java() else { return };
    let control = Control::start();
    let labels = json!({"app": "default", "environment": "", "service": "java-reader"});
    let id = set(&control, &labels, "blue");
    follow(&control, Sdk::java_with_config_center(class_path, &control, "java-reader"), &id);
}
