//! Applications on SDKs and behind proxies in one registry, and what must hold of every call between them.
//! It must assert the answer of every call that it makes.

use std::time::Duration;

use mesher_verify::binary;
use mesher_verify::http::{Message, Wire};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{until, until_within};
use mesher_verify::process::Process;
use serde_json::Value;

use crate::sdk::{Sdk, USER};
use crate::sidecar::{Sidecar, publish_contract};

/// A caller's proxy registers nothing but this name.
pub(crate) const CALLER: &str = "sidecar-consumer";
/// How long SDKs may take to notice that the registry has forgotten them: Go Chassis beats every 10 s at most, and tries
/// again after 10 s.
const RETURN: Duration = Duration::from_secs(60);

/// A registry, a caller behind a proxy, a provider behind another.
pub(crate) struct Mesh {
    pub(crate) control: Control,
    caller: Proxy,
    _sidecar: Sidecar,
}

impl Mesh {
    pub(crate) fn start() -> Self {
        let control = Control::start();
        publish_contract(&control, "sidecar-provider");
        let sidecar = Sidecar::start(&control, "sidecar-provider");
        let caller = Proxy::start(&control.url(), CALLER, &[]);
        caller.addresses.wait_ready();
        Self { control, caller, _sidecar: sidecar }
    }

    /// A call of an application behind a proxy, with a context of its own and two lies about who it is.
    pub(crate) fn call(&self, service: &str, operation: &str, method: &str, text: &str) -> Message {
        let lies = r#"{"user":"jason","x-cse-src-microservice":"forged"}"#;
        let (query, body) = match method {
            "POST" => (String::new(), format!("{{\"text\":\"{text}\"}}")),
            _ => (format!("?text={text}"), String::new()),
        };
        let mut wire = Wire::open(self.caller.addresses.outbound).unwrap();
        let length = body.len();
        wire.call(format!(
            "{method} http://{service}/{operation}{query} HTTP/1.1\r\nHost: {service}\r\nx-cse-context: {lies}\r\nx-cse-src-microservice: forged\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
        .unwrap()
    }

    /// Consumer behind a proxy. The provider has an SDK or a proxy of its own: the caller cannot tell.
    #[track_caller]
    pub(crate) fn sidecar_calls(&self, provider: &str) {
        self.caller.addresses.wait_reachable(&format!("http://{provider}/echo?text=first"));
        for method in ["GET", "POST"] {
            let answer = self.call(provider, "echo", method, "by-proxy");
            assert_eq!(answer.status(), 200, "{provider}: {}", answer.text());
            assert_seen(&answer.json(), provider, method, "by-proxy", CALLER);
            // What the application put there crosses; who calls is the proxy's to say.
            assert_eq!(context(&answer.json())["user"], USER, "{}", answer.text());
        }
        let refused = self.call(provider, "refuse", "GET", "");
        assert_eq!((refused.status(), refused.json()), (409, format!("refused by {provider}").into()));
    }

    /// Waits until each of these services has one instance, and shows it to a user who asks.
    #[track_caller]
    pub(crate) fn wait_all(&self, services: &[&str]) {
        for service in services {
            until_within(RETURN, &format!("{service} is registered"), || {
                (self.control.instances(service).len() == 1).then_some(())
            });
        }
        for kind in ["services", "instances"] {
            let ended = Process::run(&mut binary::command(&["get", kind, "--control", &self.control.url()]));
            assert_eq!(ended.code, Some(0), "{}", ended.errors);
            for service in services {
                let is_shown =
                    ended.output.lines().any(|line| line.split_whitespace().any(|word| word == *service));
                assert!(is_shown, "{service} in\n{}", ended.output);
            }
        }
    }

    /// Ends the registry as a crash does, lets `meanwhile` happen, and starts it again, empty, at the same address.
    pub(crate) fn restart_registry(&mut self, meanwhile: impl FnOnce(&Self)) {
        let address = self.control.address.to_string();
        self.control.process.crash();
        meanwhile(self);
        self.control = Control::listen(&address);
        publish_contract(&self.control, "sidecar-provider");
    }

    /// Ends an application on an SDK, which must leave the registry by itself.
    #[track_caller]
    pub(crate) fn stop(&self, mut sdk: Sdk) {
        sdk.process.stop();
        until(&format!("{} has left the registry", sdk.name), || {
            self.control.instances(sdk.name).is_empty().then_some(())
        });
    }
}

/// Consumer on an SDK. The provider has an SDK too, or a proxy: the caller cannot tell.
#[track_caller]
pub(crate) fn sdk_calls(consumer: &Sdk, provider: &str) -> Vec<Value> {
    consumer.wait_reaches(provider);
    let seen = ["GET", "POST"].map(|method| {
        let (status, seen) = consumer.call(provider, "echo", method, "by-sdk");
        assert_eq!(status, 200, "{} called {provider}: {seen}", consumer.name);
        assert_seen(&seen, provider, method, "by-sdk", consumer.name);
        seen
    });
    let refused = consumer.call(provider, "refuse", "GET", "");
    assert_eq!(refused, (409, format!("refused by {provider}").into()), "{}", consumer.name);
    seen.into()
}

/// The context that a provider got.
#[track_caller]
pub(crate) fn context(seen: &Value) -> Value {
    let text = seen["context"].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?} in {seen}"))
}

#[track_caller]
fn assert_seen(seen: &Value, service: &str, method: &str, text: &str, caller: &str) {
    for (member, wanted) in [("service", service), ("method", method), ("text", text), ("caller", caller)] {
        assert_eq!(seen[member], wanted, "{member} in {seen}");
    }
    assert_eq!(context(seen)["x-cse-src-microservice"], caller, "{seen}");
}
