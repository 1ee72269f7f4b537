//! A stage for tests of what rules do with calls: two versions of a shop that tell what they were sent, and a caller.
//! It must tell what came as it came: no test may depend on what this folder thinks of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mesher_verify::application::{Application, Gate};
use mesher_verify::http::{Message, Wire};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use serde_json::{Value, json};

use crate::rules::{apply, assert_done};

/// A request with this field is answered only when the instance's gate is open.
pub(crate) const WAITS: &str = "x-waits";

/// An instance that answers with what it was sent.
pub(crate) struct Instance {
    /// What it was sent, in order.
    pub(crate) seen: Arc<Mutex<Vec<Message>>>,
    pub(crate) gate: Gate,
    _proxy: Proxy,
    _application: Application,
}

impl Instance {
    pub(crate) fn start(control: &Control, service: &str, version: &str) -> Self {
        let seen = Arc::<Mutex<Vec<Message>>>::default();
        let (said, told, gate) = (version.to_owned(), Arc::clone(&seen), Gate::default());
        let opened = gate.clone();
        let application = Application::http(move |request| {
            told.lock().unwrap().push(request.clone());
            if !request.field(WAITS).is_empty() {
                opened.wait();
            }
            answer(request, &said)
        });
        let port = format!("rest:{}", application.port());
        let mut command = Proxy::command(&control.url(), service, &["--ports", &port]);
        let proxy = Proxy::of(command.env("MESHER_VERSION", version));
        proxy.addresses.wait_ready();
        Self { seen, gate, _proxy: proxy, _application: application }
    }

    /// How many requests it was sent whose target begins with this.
    pub(crate) fn count(&self, target: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|request| request.head.target().starts_with(target)).count()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.gate.open();
    }
}

/// An answer with the request in it, and with fields that a rule can change.
fn answer(request: &Message, version: &str) -> Vec<u8> {
    let body = json!({
        "version": version,
        "method": request.head.method(),
        "target": request.head.target(),
        "fields": request.head.fields,
        "body": request.text(),
    })
    .to_string();
    format!(
        "HTTP/1.1 200 OK\r\nServer: echo\r\nX-One: 1\r\nX-Two: 2\r\nX-Two: 3\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Two versions of a shop, and a caller that knows both.
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) caller: Proxy,
    /// Versions 1.0 and 2.0.
    pub(crate) instances: [Instance; 2],
}

impl Stage {
    pub(crate) fn start() -> Self {
        let control = Control::start();
        let instances = ["1.0", "2.0"].map(|version| Instance::start(&control, "shop", version));
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        let stage = Self { control, caller, instances };
        until("the shop's instances are known", || {
            let is_answered = stage.get("/", &[]).status() == 200;
            (is_answered && stage.caller.addresses.endpoints("shop").len() == 2).then_some(())
        });
        stage
    }

    pub(crate) fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    /// Puts the shop under a route, whose rules are YAML below `rules:`.
    #[track_caller]
    pub(crate) fn route(&self, rules: &str) {
        assert_done(&apply(&self.control, &route(rules), &["--wait"]));
    }

    /// A call to the shop.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Message {
        self.call_to("shop", method, target, fields)
    }

    /// A call to a host.
    #[track_caller]
    pub(crate) fn call_to(&self, host: &str, method: &str, target: &str, fields: &[(&str, &str)]) -> Message {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        Wire::open(self.outbound()).unwrap().call(request).unwrap()
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str, fields: &[(&str, &str)]) -> Message {
        self.call("GET", target, fields)
    }
}

/// A route of the shop.
pub(crate) fn route(rules: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: shop}}\nspec:\n  service: shop\n  rules:\n{rules}\n"
    )
}

/// The values under a name, in order.
pub(crate) fn values<'m>(message: &'m Message, name: &str) -> Vec<&'m str> {
    let fields = message.head.fields.iter().filter(|(known, _)| known == name);
    fields.map(|(_, value)| value.as_str()).collect()
}

/// The values that the application was sent under a name, in order.
pub(crate) fn sent_values(answer: &Message, name: &str) -> Vec<String> {
    let told = answer.json();
    let fields = told["fields"].as_array().cloned().unwrap_or_default();
    let is_it = |field: &&Value| field[0] == name;
    fields.iter().filter(is_it).map(|field| field[1].as_str().unwrap_or_default().to_owned()).collect()
}
