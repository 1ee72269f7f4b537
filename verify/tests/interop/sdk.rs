//! An application on an SDK: started, found in the registry under its name, told to call others.
//! It must take the address from the registry of the test: that proves that it registered there and nowhere else.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mesher_verify::binary;
use mesher_verify::http::get;
use mesher_verify::machine::{free_port, program};
use mesher_verify::mesh::Control;
use mesher_verify::patience::{fail, until, until_within};
use mesher_verify::process::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::builds;

/// What a user puts into the context of a call.
pub(crate) const USER: &str = "jason";
/// How long an application may take to start and to register. Java on two busy processors is slow.
const START: Duration = Duration::from_secs(90);
/// The most of its own memory that a Java application gets, and the compiler that warms up soonest.
const JAVA: [&str; 4] = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];

/// Handlers of calls to others, where rules may refuse them.
const GO_CONSUMER: &str = "ratelimiter-consumer,bizkeeper-consumer,router,loadbalance,transport";
const JAVA_CONSUMER: &str = "qps-flowcontrol-consumer,bizkeeper-consumer,loadbalance";

const JAVA_MAIN: &str = "mesher.interop.Application";

/// An application on an SDK. It is provider and consumer at once.
pub(crate) struct Sdk {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    address: Option<SocketAddr>,
    _folder: TempDir,
}

impl Sdk {
    /// Starts one on Go Chassis.
    pub(crate) fn go(program: &Path, control: &Control, name: &'static str) -> Self {
        let mut command = go_command(program, control);
        command.env("CAS_COMPONENT_NAME", name);
        Self::start(&mut command, name)
    }

    /// Starts one on Go Chassis that reads its configuration from kie.
    pub(crate) fn go_with_kie(program: &Path, control: &Control, name: &'static str) -> Self {
        let mut command = go_command(program, control);
        command.env("CAS_COMPONENT_NAME", name).env("PAAS_CSE_CC_ENDPOINT", control.url());
        Self::start(&mut command, name)
    }

    /// Starts one on Go Chassis that reads its configuration from config-center, every second.
    pub(crate) fn go_with_config_center(program: &Path, control: &Control, name: &'static str) -> Self {
        let mut command = go_command(program, control);
        command.env("CAS_COMPONENT_NAME", name).env("PAAS_CSE_CC_ENDPOINT", control.url());
        for (setting, value) in [("type", "config-center"), ("refreshMode", "1"), ("refreshInterval", "1")] {
            command.env(format!("servicecomb.config.client.{setting}"), value);
        }
        Self::start(&mut command, name)
    }

    /// Starts one on Java Chassis that reads its configuration from kie.
    pub(crate) fn java_with_kie(class_path: &str, control: &Control, name: &'static str) -> Self {
        let mut command = java_command(control, name);
        command.arg(format!("-Dservicecomb.kie.serverUri={}", control.url()));
        Self::start(command.args(["-cp", class_path, JAVA_MAIN]), name)
    }

    /// Starts one on Java Chassis.
    pub(crate) fn java(class_path: &str, control: &Control, name: &'static str) -> Self {
        Self::start(java_command(control, name).args(["-cp", class_path, JAVA_MAIN]), name)
    }

    /// Starts one on Java Chassis that reads its configuration from config-center, every second.
    pub(crate) fn java_with_config_center(class_path: &str, control: &Control, name: &'static str) -> Self {
        let mut command = java_command(control, name);
        command.arg(format!("-Dservicecomb.config.client.serverUri={}", control.url()));
        command.arg("-Dservicecomb.config.client.refresh_interval=1000");
        Self::start(command.args(["-cp", class_path, JAVA_MAIN]), name)
    }

    /// Starts one on Go Chassis that reads kie, with the handlers of its SDK that limit calls and break circuits.
    pub(crate) fn go_governed(program: &Path, control: &Control, name: &'static str) -> Self {
        let mut command = go_command(program, control);
        command.env("CAS_COMPONENT_NAME", name).env("PAAS_CSE_CC_ENDPOINT", control.url());
        command.env("servicecomb.handler.chain.Consumer.default", GO_CONSUMER);
        command.env("servicecomb.handler.chain.Provider.default", "ratelimiter-provider");
        Self::start(&mut command, name)
    }

    /// The same on Java Chassis.
    pub(crate) fn java_governed(class_path: &str, control: &Control, name: &'static str) -> Self {
        let mut command = java_command(control, name);
        command.arg(format!("-Dservicecomb.kie.serverUri={}", control.url()));
        command.arg(format!("-Dservicecomb.handler.chain.Consumer.default={JAVA_CONSUMER}"));
        command.arg("-Dservicecomb.handler.chain.Provider.default=qps-flowcontrol-provider");
        Self::start(command.args(["-cp", class_path, JAVA_MAIN]), name)
    }

    fn start(command: &mut Command, name: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        // Go Chassis writes a log below its home.
        command.env("CHASSIS_HOME", folder.path()).current_dir(folder.path());
        Self { name, process: Process::start(command), address: None, _folder: folder }
    }

    /// Waits until it is in the registry, and learns from there where it listens.
    pub(crate) fn wait_registered(&mut self, control: &Control) {
        let name = self.name;
        self.address = Some(until_within(START, &format!("{name} is registered"), || {
            if !self.process.is_running() {
                fail(&format!("{name} ended:\n{}\n{}", self.process.output(), self.process.errors()));
            }
            let instances = control.instances(name);
            let endpoint = instances.first()?["endpoints"][0].as_str()?;
            endpoint.strip_prefix("rest://")?.split('?').next()?.parse().ok()
        }));
    }

    /// Lets it call an operation of a service with its SDK. Returns the status and the answer that the SDK gave it; the
    /// status is the SDK's own, or 0, where it reached nobody.
    #[track_caller]
    pub(crate) fn call(&self, service: &str, operation: &str, method: &str, text: &str) -> (u64, Value) {
        let told = self.tell(service, operation, method, text);
        (told["status"].as_u64().unwrap_or_default(), told["answer"].clone())
    }

    /// The same, with all that the SDK gave it: `status`, `answer` and `error`.
    #[track_caller]
    pub(crate) fn tell(&self, service: &str, operation: &str, method: &str, text: &str) -> Value {
        let address = self.address.unwrap();
        let path =
            format!("/call?service={service}&operation={operation}&method={method}&text={text}&user={USER}");
        let told = get(address, &address.to_string(), &path).unwrap();
        assert_eq!(told.status(), 200, "{} was told to call {service}: {}", self.name, told.text());
        told.json()
    }

    /// What its SDK knows of a key of the configuration.
    #[track_caller]
    pub(crate) fn setting(&self, key: &str) -> Value {
        let address = self.address.unwrap();
        let told = get(address, &address.to_string(), &format!("/setting?key={key}")).unwrap();
        assert_eq!(told.status(), 200, "{}: {}", self.name, told.text());
        told.json()
    }

    /// Waits until it reaches a service. A registry that has come back empty takes providers from an SDK until they have
    /// registered again and the SDK has looked again.
    #[track_caller]
    pub(crate) fn wait_reaches(&self, service: &str) {
        until(&format!("{} reaches {service}", self.name), || {
            (self.call(service, "echo", "GET", "first").0 == 200).then_some(())
        });
    }
}

/// The runtime of Java with a registry; the class path and the class are left to say.
fn java_command(control: &Control, name: &str) -> Command {
    let mut command = Command::new(program("java").unwrap());
    binary::clean(&mut command);
    command.args(JAVA).arg(format!("-Dservice_description.name={name}"));
    command.arg(format!("-Dservicecomb.service.registry.address={}", control.url()));
    command.arg(format!("-Dservicecomb.rest.address=127.0.0.1:{}", free_port()));
    command
}

/// The program on Go Chassis with a registry, and with nothing else that could lead it elsewhere.
pub(crate) fn go_command(program: &Path, control: &Control) -> Command {
    let mut command = Command::new(program);
    binary::clean(&mut command);
    command.env("CHASSIS_CONF_DIR", builds::sources("go").join("conf"));
    command.env("PAAS_CSE_SC_ENDPOINT", control.url());
    // Seconds. An address that does not accept when sc-client looks is replaced by 127.0.0.1:30100, where a mesh of the
    // desk may listen. It looks once at the start, when the registry is there, and then no more.
    command.env("CHASSIS_SC_HEALTH_CHECK_INTERVAL", "86400");
    command
}
