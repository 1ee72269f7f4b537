//! Applications on SDKs and behind proxies under the same keys: one limit and one breaker, whoever carries them out.
//! It must write each key once, for all of them, and look at what callers get alone.

use std::io::Write;
use std::time::Duration;

use mesher_verify::binary;
use mesher_verify::http::{Message, send_json};
use mesher_verify::patience::until_within;
use mesher_verify::process::Process;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::builds;
use crate::mesh::{CALLER, Mesh};
use crate::sdk::Sdk;

/// The provider behind a proxy.
const SIDECAR: &str = "sidecar-provider";
/// Calls in a row of which two in a second may pass. Go Chassis lets ten pass at once where less than five may in a second.
const CALLS: usize = 20;
/// How long a change of a key may take: Java polls four lists with three threads, each of which may wait for 10 s.
const CHANGE: Duration = Duration::from_secs(30);

/// An application on an SDK in a mesh, all of whose applications are under the same keys.
struct Stage {
    mesh: Mesh,
    sdk: Sdk,
    /// Under which its SDK looks for keys of all services. Proxies know both SDKs' words.
    labels: Value,
    /// What its SDK's keys begin with.
    prefix: &'static str,
    /// What its SDK says of a call that it limits itself.
    limits: &'static str,
}

impl Stage {
    /// Writes a key that is about every application.
    #[track_caller]
    fn say(&self, rest: &str, value: &str) {
        let key = format!("{}.{rest}", self.prefix);
        let body =
            json!({"key": key, "value": value, "status": "enabled", "labels": self.labels}).to_string();
        let made = send_json(self.mesh.control.address, "POST", "/v1/default/kie/kv", &body).unwrap();
        assert_eq!(made.status(), 200, "{}", made.text());
    }

    /// What the SDK gets of calls to the provider behind a proxy.
    fn sdk_asks(&self) -> Vec<Value> {
        (0..CALLS).map(|_| self.sdk.tell(SIDECAR, "echo", "GET", "x")).collect()
    }

    /// What the application behind a proxy gets of calls.
    fn proxied_asks(&self, service: &str, operation: &str, text: &str) -> Vec<Message> {
        (0..CALLS).map(|_| self.mesh.call(service, operation, "GET", text)).collect()
    }

    /// Waits until some calls of the SDK are answered and some refused in a way.
    #[track_caller]
    fn wait_sdk(&self, what: &str, is_refused: impl Fn(&Value) -> bool) {
        until_within(CHANGE, &format!("{} {what}", self.sdk.name), || {
            let told = self.sdk_asks();
            let is_of_both = told.iter().any(|told| told["status"] == 200) && told.iter().any(&is_refused);
            is_of_both.then_some(())
        });
    }

    /// The same of calls of the application behind a proxy.
    #[track_caller]
    fn wait_proxied(&self, service: &str, what: &str, is_refused: impl Fn(&Message) -> bool) {
        until_within(CHANGE, &format!("{CALLER} to {service} {what}"), || {
            let told = self.proxied_asks(service, "echo", "x");
            let is_of_both = told.iter().any(|told| told.status() == 200) && told.iter().any(&is_refused);
            is_of_both.then_some(())
        });
    }

    /// Whoever calls counts: the SDK, and the proxy for its application, to whomever.
    fn limit_at_the_consumer(&self) {
        self.say(&format!("flowcontrol.Consumer.qps.limit.{SIDECAR}"), "2");
        self.say(&format!("flowcontrol.Consumer.qps.limit.{}", self.sdk.name), "2");
        self.wait_sdk("limits its calls itself", |told| self.is_limited_by_sdk(told));
        for service in [SIDECAR, self.sdk.name] {
            self.wait_proxied(service, "is limited by its proxy", |answer| {
                answer.status() == 429 && by_proxy(answer, &format!("Consumer.qps.limit.{service}"))
            });
        }
        self.say("flowcontrol.Consumer.qps.enabled", "false");
    }

    fn is_limited_by_sdk(&self, told: &Value) -> bool {
        told["status"] == 429 && told["error"].as_str().unwrap_or_default().contains(self.limits)
    }

    /// Whoever takes calls counts: the provider's proxy, also those of the SDK, and the SDK, also those of a proxy.
    fn limit_at_the_provider(&self) {
        self.say(&format!("flowcontrol.Provider.qps.limit.{}", self.sdk.name), "2");
        self.say(&format!("flowcontrol.Provider.qps.limit.{CALLER}"), "2");
        self.wait_sdk("understands the refusal of a proxy", |told| {
            told["status"] == 429 && !self.is_limited_by_sdk(told)
        });
        self.wait_proxied(SIDECAR, "is limited by the provider's proxy", |answer| {
            answer.status() == 429 && by_proxy(answer, &format!("Provider.qps.limit.{CALLER}"))
        });
        self.wait_proxied(self.sdk.name, "is limited by the SDK", |answer| {
            answer.status() == 429 && answer.field("proxy-status").is_empty()
        });
        self.say("flowcontrol.Provider.qps.enabled", "false");
    }

    /// What documents say at the side of the provider holds for everyone who calls it, and an SDK knows the answers.
    fn hold_to_documents(&self) {
        let limit = "limits: [{name: few, requests: 2, per: Caller}]";
        self.under("RateLimit", limit, || {
            self.wait_sdk("is limited by a document", |told| told["status"] == 429);
            self.wait_proxied(SIDECAR, "is limited by a document", |answer| {
                answer.status() == 429 && by_proxy(answer, "RateLimit governed")
            });
        });
        self.under("Breaker", "side: Provider, mode: ForcedOpen", || {
            assert_eq!(self.sdk.call(SIDECAR, "echo", "GET", "x").0, 503);
            let answer = self.mesh.call(SIDECAR, "echo", "GET", "x");
            assert!(by_proxy(&answer, "Breaker governed is forced open"), "{}", answer.text());
        });
        self.sdk.wait_reaches(SIDECAR);
    }

    /// With a document about the provider behind a proxy, which is removed then.
    fn under(&self, kind: &str, spec: &str, check: impl FnOnce()) {
        let mut file = NamedTempFile::new().unwrap();
        let text = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: governed}}\nspec: {{service: {SIDECAR}, {spec}}}\n"
        );
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let run = |arguments: &[&str]| {
            let mut command = binary::command(arguments);
            let ended = Process::run(command.args(["--control", &self.mesh.control.url()]));
            assert_eq!(ended.code, Some(0), "{ended:?}");
        };
        run(&["apply", "--wait", "-f", path]);
        check();
        run(&["delete", kind, "governed"]);
    }

    /// Calls that fail open the breaker of whoever makes them; `is_open` tells the SDK's own.
    fn break_at_the_consumer(&self) {
        for service in [SIDECAR, self.sdk.name] {
            let area = format!("circuitBreaker.Consumer.{service}");
            self.say(&format!("{area}.enabled"), "true");
            self.say(&format!("{area}.requestVolumeThreshold"), "5");
            self.say(&format!("{area}.sleepWindowInMilliseconds"), "60000");
        }
        for service in [SIDECAR, self.sdk.name] {
            until_within(CHANGE, &format!("the breaker of {CALLER} to {service} opens"), || {
                let answers = self.proxied_asks(service, "refuse", "503");
                let is_open = |answer: &Message| answer.status() == 503 && by_proxy(answer, "is open");
                answers.iter().any(is_open).then_some(())
            });
        }
    }
}

/// Whether a proxy answered by itself, and in which words.
fn by_proxy(answer: &Message, words: &str) -> bool {
    !answer.field("proxy-status").is_empty() && answer.text().contains(words)
}

#[test]
fn go_chassis_and_sidecars_are_under_the_same_limit_and_breaker() {
    let Some(program) = builds::go() else { return };
    let mesh = Mesh::start();
    let mut sdk = Sdk::go_governed(program, &mesh.control, "go-governed");
    sdk.wait_registered(&mesh.control);
    sdk.wait_reaches(SIDECAR);
    let labels = json!({"appId": "default", "environment": ""});
    let stage = Stage { mesh, sdk, labels, prefix: "cse", limits: "too many requests" };
    stage.limit_at_the_consumer();
    stage.limit_at_the_provider();
    stage.hold_to_documents();
    stage.break_at_the_consumer();
    // It forgets which answers are failures as soon as a key of this kind changes, so one that starts with them shows it.
    let mut late = Sdk::go_governed(program, &stage.mesh.control, "go-late");
    late.wait_registered(&stage.mesh.control);
    late.wait_reaches(SIDECAR);
    until_within(CHANGE, "the breaker of Go Chassis opens after failures", || {
        let told = late.tell(SIDECAR, "refuse", "GET", "503");
        told["error"].as_str()?.contains("circuit open").then_some(())
    });
}

#[test]
fn java_chassis_2_and_sidecars_are_under_the_same_limit_and_breaker() {
    let Some(class_path) = builds::java() else { return };
    let mesh = Mesh::start();
    let mut sdk = Sdk::java_governed(class_path, &mesh.control, "java-governed");
    sdk.wait_registered(&mesh.control);
    sdk.wait_reaches(SIDECAR);
    let labels = json!({"app": "default", "environment": ""});
    let stage = Stage { mesh, sdk, labels, prefix: "servicecomb", limits: "rejected by qps flowcontrol" };
    stage.limit_at_the_consumer();
    stage.limit_at_the_provider();
    stage.hold_to_documents();
    stage.break_at_the_consumer();
    // An answer is none of its failures, so a person opens it: for the SDK, and for proxies.
    stage.sdk.wait_reaches(SIDECAR);
    stage.say(&format!("circuitBreaker.Consumer.{SIDECAR}.forceOpen"), "true");
    until_within(CHANGE, "the breaker of Java Chassis opens", || {
        (stage.sdk.call(SIDECAR, "echo", "GET", "x").0 == 490).then_some(())
    });
    until_within(CHANGE, "the breaker of the proxy is forced open", || {
        by_proxy(&stage.mesh.call(SIDECAR, "echo", "GET", "x"), "forced open").then_some(())
    });
}
