//! Where services are known from beside the registry: a file that is watched, and the domain name system.
//! It must show which source wins, and that a bad file or a silent name server takes nothing away.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{throughout, until};
use mesher_verify::process::{Ended, Process};
use mesher_verify::resolver::{Records, Resolver};
use mesher_verify::skip::leave_out;
use mesher_verify::traffic::Traffic;
use tempfile::TempDir;

/// Within which time a change of the file reaches callers: a second, and what a busy machine adds.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(2);
/// Exit code of bad configuration.
const BAD_CONFIGURATION: Option<i32> = Some(78);

/// A services file.
struct File {
    folder: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let file = Self { folder: TempDir::new().unwrap() };
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("services.yaml")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn command(&self, registry: &str) -> Command {
        let mut command = Proxy::command(registry, "webapp", &["--services-file"]);
        command.arg(self.path());
        command
    }

    fn caller(&self, registry: &str) -> Proxy {
        Proxy::of(&mut self.command(registry))
    }
}

fn naming(service: &str, addresses: &[(std::net::SocketAddr, &str)]) -> String {
    let line = |(address, version): &(std::net::SocketAddr, &str)| {
        format!("      - {{address: 'rest://{address}', version: {version}}}\n")
    };
    let lines: String = addresses.iter().map(line).collect();
    format!("services:\n  {service}:\n    endpoints:\n{lines}")
}

/// Version and source of each endpoint, in order.
fn known(caller: &Proxy, service: &str) -> Vec<(String, String)> {
    let endpoints = caller.addresses.endpoints(service);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut known: Vec<_> =
        endpoints.iter().map(|endpoint| (text(&endpoint["version"]), text(&endpoint["source"]))).collect();
    known.sort();
    known
}

#[test]
fn a_proxy_works_from_a_file_alone_and_takes_its_changes_within_a_second() {
    let (one, other) = (Application::greeting("one"), Application::greeting("other"));
    let file = File::new(&naming("greeter", &[(one.address, "1.0")]));
    let caller = file.caller("off");
    caller.addresses.wait_ready();
    assert_eq!(caller.addresses.get("http://greeter/").unwrap().text(), "one");
    assert_eq!(known(&caller, "greeter"), [("1.0".to_owned(), "file".to_owned())]);
    assert_eq!(caller.addresses.admin("/readyz").json()["registry"], "off");
    assert_eq!(caller.addresses.get("http://nosuch/").unwrap().status(), 502);
    let written = Instant::now();
    file.write(&naming("greeter", &[(other.address, "2.0")]));
    until("the change is there", || {
        (caller.addresses.get("http://greeter/").unwrap().text() == "other").then_some(())
    });
    assert!(written.elapsed() < CHANGE_TIME_MAX, "{:?}", written.elapsed());
    // Whole, as deployments write it: a new file takes the place of the old one.
    let next = file.folder.path().join("next");
    fs::write(&next, "services: {}\n").unwrap();
    fs::rename(next, file.path()).unwrap();
    until("it is gone", || (caller.addresses.get("http://greeter/").unwrap().status() == 502).then_some(()));
}

#[test]
fn a_bad_file_keeps_what_was_good_and_is_told_with_its_place() {
    let application = Application::greeting("hello");
    let file = File::new(&naming("greeter", &[(application.address, "1.0")]));
    let caller = file.caller("off");
    caller.addresses.wait_reachable("http://greeter/");
    let traffic = Traffic::get(caller.addresses.outbound, "http://greeter/");
    for (bad, told) in [
        ("services:\n  greeter:\n    endpoints:\n      - address: nonsense\n", "services.yaml:4:18"),
        ("", "is empty"),
        ("services: [\n", "services.yaml:1:11"),
    ] {
        file.write(bad);
        until(told, || caller.process.errors().contains(told).then_some(()));
    }
    fs::remove_file(file.path()).unwrap();
    until("it is told", || {
        caller.process.errors().contains("the services file cannot be read").then_some(())
    });
    traffic.end_without_failure();
    let Ended { code, errors, .. } = Process::run(&mut file.command("off"));
    assert_eq!(code, BAD_CONFIGURATION, "{errors}");
    assert!(errors.contains("MESHER_SERVICES_FILE"), "{errors}");
}

#[test]
fn the_registry_wins_and_the_file_adds() {
    let control = Control::start();
    let (registered, added) = (Application::greeting("registered"), Application::greeting("added"));
    let service = control.register_service("greeter", "1.0.0");
    control.register_instance(&service, &[format!("rest://{}", registered.address)]);
    // What the registry names as well is the registry's.
    let file = File::new(&naming("greeter", &[(added.address, "9.0"), (registered.address, "9.1")]));
    let caller = file.caller(&control.url());
    caller.addresses.wait_reachable("http://greeter/");
    let pair = |version: &str, source: &str| (version.to_owned(), source.to_owned());
    let both = [pair("1.0.0", "registry"), pair("9.0", "file")];
    until("both are known", || (known(&caller, "greeter") == both).then_some(()));
    file.write(&naming("greeter", &[(registered.address, "9.1")]));
    until("what was added is gone", || (known(&caller, "greeter") == both[..1]).then_some(()));
    // The registry lets it go, so the file's word counts.
    let rows = control.instances("greeter");
    let id = rows[0]["instance_id"].as_str().unwrap();
    let path =
        format!("/v4/default/registry/microservices/{service}/instances/{id}/status?value=OUTOFSERVICE");
    let answer = mesher_verify::http::send_json(control.address, "PUT", &path, "").unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    until("the file's is known", || (known(&caller, "greeter") == [pair("9.1", "file")]).then_some(()));
}

#[test]
fn a_service_of_the_file_is_called_at_once_while_the_registry_is_silent() {
    let silent = Application::silent_at(([127, 0, 0, 1], free_port()).into());
    let application = Application::greeting("hello");
    let file = File::new(&naming("greeter", &[(application.address, "1.0")]));
    let caller = file.caller(&format!("http://{}", silent.address));
    let begun = Instant::now();
    assert_eq!(caller.addresses.get("http://greeter/").unwrap().text(), "hello");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_process_that_takes_over_knows_what_the_file_said() {
    let application = Application::greeting("hello");
    let file = File::new(&naming("greeter", &[(application.address, "1.0")]));
    let socket = file.folder.path().join("mesher.sock");
    let start = || {
        let mut command = file.command("off");
        Proxy::of(command.arg("--handover").arg(&socket))
    };
    let first = start();
    first.addresses.wait_reachable("http://greeter/");
    let traffic = Traffic::get(first.addresses.outbound, "http://greeter/");
    let second = start();
    until("the place is taken", || {
        second.process.errors().contains("the place of the running proxy is taken").then_some(())
    });
    traffic.flow(20);
    assert_eq!(known(&second, "greeter"), [("1.0".to_owned(), "file".to_owned())]);
    traffic.end_without_failure();
}

#[test]
fn names_of_the_file_are_looked_up_and_kept_as_long_as_they_are_good() {
    if !Resolver::is_possible() {
        return leave_out("sources", "a name server of the test's own needs root and unshare");
    }
    let application =
        Application::http_at(([0, 0, 0, 0], 0).into(), |_| mesher_verify::application::ok("hello"));
    let stage = Arc::<AtomicU8>::default();
    let now = Arc::clone(&stage);
    let port = application.port();
    let addresses = |last: &[u8]| last.iter().map(|last| Ipv4Addr::new(127, 0, 0, *last)).collect::<Vec<_>>();
    let resolver = Resolver::start(61, move |name| match (name, now.load(Ordering::Relaxed)) {
        ("short.example", 0) => Records::Addresses(addresses(&[1, 2])),
        ("short.example", 1) => Records::Addresses(addresses(&[2, 3])),
        ("short.example", 2) => Records::Silence,
        ("short.example", _) => Records::Nothing(3),
        ("long.example", _) => Records::Lasting(addresses(&[4]), 600),
        ("_http._tcp.example", _) => Records::Services(vec![
            (1, port, "one.example"),
            (1, port, "two.example"),
            (2, port, "spare.example"),
        ]),
        ("one.example", _) => Records::Addresses(addresses(&[11])),
        ("two.example", _) => Records::Addresses(addresses(&[12])),
        _ => Records::Nothing(3),
    });
    let file = File::new(&format!(
        "services:\n  short:\n    dns: rest://short.example:{port}\n  long:\n    dns: rest://long.example:{port}\n  records:\n    version: 3.1\n    dns: rest+srv://_http._tcp.example\n"
    ));
    let caller = Proxy::of(&mut resolver.command(&file.command("off")));
    let places = |service: &str| {
        let endpoints = caller.addresses.endpoints(service);
        let last = |endpoint: &serde_json::Value| {
            assert_eq!(endpoint["source"], "dns");
            let address: std::net::SocketAddrV4 = endpoint["address"].as_str().unwrap().parse().unwrap();
            address.ip().octets()[3]
        };
        let mut places: Vec<_> = endpoints.iter().map(last).collect();
        places.sort_unstable();
        places
    };
    for service in ["short", "long", "records"] {
        caller.addresses.wait_reachable(&format!("http://{service}/"));
    }
    assert_eq!((places("short"), places("long"), places("records")), (vec![1, 2], vec![4], vec![11, 12]));
    assert_eq!(caller.addresses.endpoints("records")[0]["version"], "3.1");
    stage.store(1, Ordering::Relaxed);
    until("the new addresses are known", || (places("short") == [2, 3]).then_some(()));
    let asked = resolver.questions("short.example");
    stage.store(2, Ordering::Relaxed);
    until("the silent server was asked", || (resolver.questions("short.example") > asked + 1).then_some(()));
    assert_eq!(places("short"), [2, 3]);
    stage.store(3, Ordering::Relaxed);
    let asked = resolver.questions("short.example");
    until("the name is gone", || (resolver.questions("short.example") > asked + 1).then_some(()));
    // They answer still: a name that has lost its records is no reason to stop.
    throughout(Duration::from_secs(2), || {
        let answer = caller.addresses.get("http://short/").map_err(|error| error.to_string())?;
        if answer.status() == 200 { Ok(()) } else { Err(answer.text()) }
    });
    assert!(
        resolver.questions("long.example") <= 2,
        "an answer that is good for ten minutes was asked for again"
    );
}
