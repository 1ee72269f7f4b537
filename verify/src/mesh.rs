//! The parts of a mesh as a user starts them, with the addresses that they print.
//! It must hand out free ports only, so that suites run beside each other and beside a mesh of the desk.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::http::{Message, get, get_by_proxy, send_json};
use crate::patience::{fail, until};
use crate::process::Process;

/// Lets the system choose a port.
pub const ANY_PORT: &str = "127.0.0.1:0";
/// The question that the sample calculator answers.
pub const QUESTION: &str = "/bmi?height=1.8&weight=75";

/// A control plane.
#[derive(Debug)]
pub struct Control {
    /// Its process.
    pub process: Process,
    /// Where it answers.
    pub address: SocketAddr,
    scheme: String,
}

impl Control {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start() -> Self {
        Self::listen(ANY_PORT)
    }

    /// Starts one on this address.
    #[track_caller]
    pub fn listen(address: &str) -> Self {
        Self::of(&mut Self::in_memory(address))
    }

    /// The command of one that forgets what it knows when it ends.
    pub fn in_memory(address: &str) -> Command {
        binary::command(&["control", "--in-memory", "--listen", address, "--print-addresses"])
    }

    /// The command of one that keeps what it knows in a directory.
    pub fn command(directory: &Path, address: &str) -> Command {
        let mut command =
            binary::command(&["control", "--listen", address, "--print-addresses", "--data-dir"]);
        command.arg(directory);
        command
    }

    /// Starts one that keeps what it knows in a directory, with what is there already.
    #[track_caller]
    pub fn keeping(directory: &Path, address: &str) -> Self {
        Self::of(&mut Self::command(directory, address))
    }

    /// Starts one from a command that prints its address.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let line: Value = serde_json::from_str(&process.first_line()).expect("a line of JSON");
        let url = line.get("control").and_then(Value::as_str).expect("the control plane's address");
        let (scheme, address) = url.split_once("://").expect("a URL");
        let address = address.parse().expect("an address behind the scheme");
        Self { process, address, scheme: scheme.to_owned() }
    }

    /// Its address as settings name it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The rows of a list of `/mesher/v1`.
    #[track_caller]
    pub fn rows(&self, path: &str) -> Vec<Value> {
        let path = format!("/mesher/v1/{path}");
        let answer = get(self.address, &self.address.to_string(), &path).expect("the control plane answers");
        let items = answer.json().get("items").and_then(Value::as_array).cloned();
        items.unwrap_or_else(|| fail(&format!("no list at {path}: {}", answer.text())))
    }

    /// The instances of a service.
    #[track_caller]
    pub fn instances(&self, service: &str) -> Vec<Value> {
        self.rows(&format!("instances?service={service}"))
    }

    /// Waits until a service has this many instances.
    #[track_caller]
    pub fn wait_instances(&self, service: &str, count: usize) {
        until(&format!("{count} instances of {service}"), || {
            (self.instances(service).len() == count).then_some(())
        });
    }

    /// Registers a service by hand, as a program without a proxy does. Returns its id.
    #[track_caller]
    pub fn register_service(&self, name: &str, version: &str) -> String {
        self.register_record(&json!({"appId": "default", "serviceName": name, "version": version}))
    }

    /// As [`Self::register_service`], with a record of the test's own.
    #[track_caller]
    pub fn register_record(&self, record: &Value) -> String {
        let answer = self.post("/v4/default/registry/microservices", &json!({"service": record}));
        let id = answer.get("serviceId").and_then(Value::as_str).map(str::to_owned);
        id.unwrap_or_else(|| fail(&format!("no service was made: {answer}")))
    }

    /// Registers an instance by hand. Returns its id.
    #[track_caller]
    pub fn register_instance(&self, service: &str, endpoints: &[String]) -> String {
        let record = json!({"instance": {"endpoints": endpoints, "hostName": "by-hand", "status": "UP"}});
        let answer = self.post(&format!("/v4/default/registry/microservices/{service}/instances"), &record);
        let id = answer.get("instanceId").and_then(Value::as_str).map(str::to_owned);
        id.unwrap_or_else(|| fail(&format!("no instance was made: {answer}")))
    }

    /// Asks for a token. `None` where name or password are refused.
    #[track_caller]
    pub fn login(&self, name: &str, password: &str) -> Option<String> {
        let answer = self.post("/v4/token", &json!({"name": name, "password": password}));
        answer.get("token").and_then(Value::as_str).map(str::to_owned)
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        send_json(self.address, "POST", path, &body.to_string()).expect("the control plane answers").json()
    }
}

/// Where a proxy listens, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Addresses {
    /// Calls of the application.
    pub outbound: SocketAddr,
    /// HTTP calls to the application.
    pub inbound: Option<SocketAddr>,
    /// Flows to TCP ports of the application.
    pub tcp_inbound: Vec<SocketAddr>,
    /// Flows to TCP services.
    pub tcp_outbound: Vec<SocketAddr>,
    /// The admin.
    pub admin: SocketAddr,
}

impl Addresses {
    /// Asks the admin.
    #[track_caller]
    pub fn admin(&self, path: &str) -> Message {
        get(self.admin, &self.admin.to_string(), path).expect("the admin answers")
    }

    /// Waits until the admin says that the proxy may take work.
    #[track_caller]
    pub fn wait_ready(&self) {
        until("the proxy is ready", || (self.admin("/readyz").status() == 200).then_some(()));
    }

    /// Calls through the proxy, as a client with `http_proxy` does.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn get(&self, url: &str) -> std::io::Result<Message> {
        get_by_proxy(self.outbound, url)
    }

    /// Waits until a call through the proxy is answered with 200.
    #[track_caller]
    pub fn wait_reachable(&self, url: &str) -> Message {
        until(&format!("{url} is reachable"), || self.get(url).ok().filter(|answer| answer.status() == 200))
    }

    /// The endpoints of a service, as the proxy knows them.
    #[track_caller]
    pub fn endpoints(&self, service: &str) -> Vec<Value> {
        let clusters = self.admin("/clusters").json();
        let clusters = clusters.get("clusters").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_it = |cluster: &&Value| {
            cluster.get("kind").is_some_and(|kind| kind == "service")
                && cluster.get("name").is_some_and(|name| name == service)
        };
        let endpoints = clusters.iter().find(is_it).and_then(|cluster| cluster.get("endpoints")?.as_array());
        endpoints.cloned().unwrap_or_default()
    }
}

/// A proxy of its own; the application is the test's.
#[derive(Debug)]
pub struct Proxy {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub addresses: Addresses,
}

impl Proxy {
    /// The command of a proxy on free loopback ports.
    pub fn command(registry: &str, service: &str, more: &[&str]) -> Command {
        let mut command = binary::command(&["proxy", "--print-addresses", "--advertise", "127.0.0.1"]);
        command.args(["--service", service, "--registry", registry]);
        command.args(["--outbound-listen", ANY_PORT, "--admin-listen", ANY_PORT]).args(more);
        command
    }

    /// Starts one.
    #[track_caller]
    pub fn start(registry: &str, service: &str, more: &[&str]) -> Self {
        Self::of(&mut Self::command(registry, service, more))
    }

    /// Starts one beside an application that listens on `port`, and waits until it is registered.
    #[track_caller]
    pub fn beside(registry: &str, service: &str, port: u16) -> Self {
        let proxy = Self::start(registry, service, &["--ports", &format!("rest:{port}")]);
        proxy.addresses.wait_ready();
        proxy
    }

    /// Starts one from a command that prints its addresses.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let line = process.first_line();
        let addresses = serde_json::from_str(&line).unwrap_or_else(|error| fail(&format!("{error}: {line}")));
        Self { process, addresses }
    }
}

/// An application together with its proxy, under `mesher run`.
#[derive(Debug)]
pub struct Pair {
    /// The process of `mesher run`.
    pub process: Process,
    /// Where the proxy listens.
    pub addresses: Addresses,
    _folder: TempDir,
}

impl Pair {
    /// The command of a pair on free loopback ports.
    pub fn command(registry: &str, service: &str, more: &[&str]) -> Command {
        let mut command = binary::command(&["run", "--service", service, "--registry", registry]);
        command.envs([("MESHER_OUTBOUND_LISTEN", ANY_PORT), ("MESHER_ADMIN_LISTEN", ANY_PORT)]);
        command.args(more);
        command
    }

    /// Starts one. `more` holds further flags, `application` its command.
    #[track_caller]
    pub fn start(registry: &str, service: &str, more: &[&str], application: &[&str]) -> Self {
        Self::of(&mut Self::command(registry, service, more), application)
    }

    /// Starts one from a command to which nothing is missing but where to write addresses, and the application.
    #[track_caller]
    pub fn of(command: &mut Command, application: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let file = folder.path().join("addresses.json");
        command.arg("--addresses-to").arg(&file).arg("--").args(application);
        let mut process = Process::start(command);
        let addresses = until("the addresses of mesher run", || {
            if !process.is_running() {
                fail(&format!("mesher run ended:\n{}", process.errors()));
            }
            serde_json::from_slice(&std::fs::read(&file).ok()?).ok()
        });
        Self { process, addresses, _folder: folder }
    }

    /// Starts a sample calculator of this version, and waits until it is registered.
    #[track_caller]
    pub fn calculator(control: &Control, version: &str) -> Self {
        let port = crate::machine::free_port();
        let listen = format!("127.0.0.1:{port}");
        let mesher = binary::mesher().to_string_lossy().into_owned();
        let name = format!("calculator-{version}");
        let application =
            [&mesher, "sample", "calculator", "--listen", &listen, "--version", version, "--instance", &name];
        let flags = ["--version", version, "--port", &port.to_string()];
        let pair = Self::start(&control.url(), "calculator", &flags, &application);
        pair.addresses.wait_ready();
        pair
    }
}

/// Which version of the sample answered.
pub fn version_of(answer: &Message) -> String {
    answer.json().get("version").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A call to the sample calculator that must be answered with 200.
///
/// # Errors
/// What came instead.
pub fn ask_calculator(proxy: SocketAddr) -> Result<String, String> {
    match get_by_proxy(proxy, &format!("http://calculator{QUESTION}")) {
        Ok(answer) if answer.status() == 200 => Ok(version_of(&answer)),
        Ok(answer) => Err(format!("{} {}", answer.status(), answer.text())),
        Err(error) => Err(error.to_string()),
    }
}

/// How long a change of instances may take to reach a proxy.
pub const NEWS: Duration = Duration::from_secs(15);
