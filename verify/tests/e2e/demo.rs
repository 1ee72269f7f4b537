//! `mesher demo`: the first thing that anyone starts.
//! It must leave nothing behind, however it ends.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mesher_verify::binary;
use mesher_verify::http::{get, get_by_proxy};
use mesher_verify::machine::{descendant, marked};
use mesher_verify::mesh::{QUESTION, version_of};
use mesher_verify::patience::until;
use mesher_verify::process::{Process, Signal, send};
use serde_json::Value;
use tempfile::TempDir;

/// Demos prefer the usual ports; two that come up in the same moment would look at the same ones.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Demo {
    process: Process,
    mark: String,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Demo {
    /// Starts a demo whose processes carry a mark, and whose every file would lie in one folder.
    fn start(arguments: &[&str]) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::new().unwrap();
        let mark = format!("E2E_MARK={}", folder.path().display());
        let mut command = binary::command(&["demo", "--json"]);
        // A group of its own, as a shell gives it, so that Ctrl-C can reach all of it.
        command.args(arguments).process_group(0);
        confine(&mut command, &folder, &mark);
        Self { process: Process::start(&mut command), mark, folder, _turn: turn }
    }

    fn addresses(&mut self) -> Value {
        serde_json::from_str(&self.process.first_line()).unwrap()
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(marked(&self.mark), [0_u32; 0], "processes are left");
        let files: Vec<_> = self.folder.path().read_dir().unwrap().collect();
        assert!(files.is_empty(), "{files:?}");
    }
}

fn confine(command: &mut Command, folder: &TempDir, mark: &str) {
    let (name, value) = mark.split_once('=').unwrap();
    command.env(name, value).current_dir(folder.path());
    for variable in ["HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, folder.path());
    }
}

fn address(value: &Value) -> SocketAddr {
    let text = value.as_str().unwrap();
    text.trim_start_matches("http://").parse().unwrap()
}

/// The outbound address of webapp's proxy.
fn outbound(addresses: &Value) -> SocketAddr {
    let proxies = addresses["proxies"].as_array().unwrap();
    address(&proxies.iter().find(|proxy| proxy["service"] == "webapp").unwrap()["outbound"])
}

#[test]
fn a_demo_is_ready_in_seconds_says_where_it_is_and_ends_by_itself() {
    let begun = Instant::now();
    let mut demo = Demo::start(&["--for", "6s", "--no-traffic"]);
    let addresses = demo.addresses();
    assert!(begun.elapsed() < Duration::from_secs(10), "ready after {:?}", begun.elapsed());

    let services: Vec<_> = addresses["proxies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|proxy| (proxy["service"].as_str().unwrap(), proxy["version"].as_str().unwrap()))
        .collect();
    assert_eq!(services, [("webapp", "0.0.1"), ("calculator", "0.0.1"), ("calculator", "0.0.2")]);
    for proxy in addresses["proxies"].as_array().unwrap() {
        let admin = address(&proxy["admin"]);
        assert_eq!(get(admin, &admin.to_string(), "/readyz").unwrap().status(), 200, "{proxy}");
        assert!(address(&proxy["inbound"]).port() > 0);
    }
    let dashboard = addresses["dashboard"].as_str().unwrap();
    let page = get(address(&addresses["control"]), "localhost", "/").unwrap();
    assert_eq!(page.status(), 200, "{dashboard}");

    let proxy = outbound(&addresses);
    let ask = || get_by_proxy(proxy, &format!("http://calculator{QUESTION}")).unwrap();
    let versions: Vec<_> = (0..8).map(|_| version_of(&ask())).collect();
    assert!(versions.windows(2).all(|pair| pair[0] != pair[1]), "{versions:?}");

    assert_eq!(demo.process.wait().code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_secs(6), "it ended before its time");
    assert_eq!(demo.process.output().lines().count(), 1, "{}", demo.process.output());
    demo.assert_nothing_is_left();
}

#[test]
fn signals_end_a_demo_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut demo = Demo::start(&["--no-traffic"]);
        demo.addresses();
        assert_eq!(marked(&demo.mark).len(), 8, "a command, a control plane, three pairs");
        demo.process.signal(signal);
        assert_eq!(demo.process.wait().code(), Some(0), "{signal:?}");
        demo.assert_nothing_is_left();
    }
}

#[test]
fn ctrl_c_reaches_every_process_of_a_demo_and_ends_it_cleanly() {
    let mut demo = Demo::start(&[]);
    demo.addresses();
    demo.process.signal_group(Signal::INT);
    assert_eq!(demo.process.wait().code(), Some(0));
    demo.assert_nothing_is_left();
}

#[test]
fn a_demo_goes_on_without_its_control_plane() {
    let mut demo = Demo::start(&[]);
    let addresses = demo.addresses();
    send(descendant(demo.process.pid(), &["control"]).unwrap(), Signal::KILL);
    until("the demo tells of it", || demo.process.errors().contains("control plane").then_some(()));
    for _ in 0..10 {
        let answer = get_by_proxy(outbound(&addresses), &format!("http://calculator{QUESTION}")).unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(demo.process.stop(), Some(0));
    demo.assert_nothing_is_left();
}

#[test]
fn a_signal_while_a_demo_starts_ends_it_cleanly() {
    let mut demo = Demo::start(&[]);
    until("the first of its processes", || (marked(&demo.mark).len() > 2).then_some(()));
    demo.process.signal(Signal::INT);
    assert_eq!(demo.process.wait().code(), Some(0));
    demo.assert_nothing_is_left();
}

#[test]
fn a_demo_whose_time_is_over_before_it_is_ready_ends_cleanly() {
    let mut demo = Demo::start(&["--for", "10ms"]);
    assert_eq!(demo.process.wait().code(), Some(0));
    assert_eq!(demo.process.output(), "", "it has no addresses to tell");
    demo.assert_nothing_is_left();
}

#[test]
fn a_crash_of_a_demo_leaves_no_process() {
    let mut demo = Demo::start(&[]);
    demo.addresses();
    demo.process.crash();
    until("all processes have ended", || marked(&demo.mark).is_empty().then_some(()));
    demo.assert_nothing_is_left();
}

#[test]
fn a_demo_takes_other_ports_where_the_usual_ones_are_taken() {
    // Whatever cannot be taken here is another's, who may give it back at any time.
    let taken = [30100, 30101, 30102, 8080].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let usual: Vec<_> =
        taken.iter().flatten().map(|listener| listener.local_addr().unwrap().port()).collect();
    let mut demo = Demo::start(&[]);
    let addresses = demo.addresses();
    drop(taken);
    let answer = get_by_proxy(outbound(&addresses), &format!("http://calculator{QUESTION}")).unwrap();
    assert_eq!(answer.status(), 200);
    for proxy in addresses["proxies"].as_array().unwrap() {
        for name in ["outbound", "inbound", "admin"] {
            assert!(!usual.contains(&address(&proxy[name]).port()), "{name} of {proxy}");
        }
    }
    assert!(!usual.contains(&address(&addresses["control"]).port()));
    assert_eq!(demo.process.stop(), Some(0));
    demo.assert_nothing_is_left();
}
