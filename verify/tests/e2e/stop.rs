//! How things end: in which order, with which code, and with no call cut off.
//! It must see the order from outside: the registry first, then the application.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::http::send_json;
use mesher_verify::mesh::{Control, Pair, Proxy};
use mesher_verify::patience::{throughout, until};
use mesher_verify::process::{Process, Signal};
use serde_json::Value;

use crate::rules;

/// An application that leaves a file when it is told to end, and then ends with 5.
fn leaving(file: &Path) -> [String; 3] {
    let file = file.display();
    [
        "sh".to_owned(),
        "-c".to_owned(),
        format!("trap 'echo > {file}; exit 5' TERM; while :; do sleep 0.02; done"),
    ]
}

#[test]
fn an_instance_leaves_the_registry_before_its_application_is_told_to_end() {
    let control = Control::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    // The test itself listens for it: what counts here is when it is told.
    let listener = Application::greeting("hello");
    let command = leaving(&file);
    let port = listener.port().to_string();
    let mut pair =
        Pair::start(&control.url(), "leaver", &["--port", &port], &command.each_ref().map(String::as_str));
    control.wait_instances("leaver", 1);

    pair.process.signal(Signal::TERM);
    until("the instance has left the registry", || control.instances("leaver").is_empty().then_some(()));
    assert!(!file.exists(), "its callers had no time to learn of it");
    assert_eq!(pair.process.wait().code(), Some(5), "the application's code is the command's");
    assert!(file.exists(), "the application was told to end");
}

#[test]
fn a_call_in_flight_is_answered_before_the_application_is_told_to_end() {
    let control = Control::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let (arrived, answered) = (Gate::default(), Gate::default());
    let (arrives, answers) = (arrived.clone(), answered.clone());
    let listener = Application::http(move |_| {
        arrives.open();
        answers.wait();
        ok("slow")
    });
    let command = leaving(&file);
    let port = listener.port().to_string();
    let mut pair =
        Pair::start(&control.url(), "slow", &["--port", &port], &command.each_ref().map(String::as_str));
    pair.addresses.wait_ready();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();

    let addresses = caller.addresses.clone();
    let call = std::thread::spawn(move || addresses.get("http://slow/").unwrap());
    arrived.wait();
    pair.process.signal(Signal::TERM);
    until("the instance has left the registry", || control.instances("slow").is_empty().then_some(()));
    throughout(Duration::from_secs(4), || {
        if file.exists() { Err("the application was told to end under a call".to_owned()) } else { Ok(()) }
    });
    answered.open();
    let answer = call.join().unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "slow"));
    assert_eq!(pair.process.wait().code(), Some(5));
}

#[test]
fn the_exit_code_of_an_application_is_that_of_run() {
    let control = Control::start();
    for (script, code) in
        [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 128 + 15), ("kill -KILL $$", 128 + 9)]
    {
        let mut command = Pair::command(&control.url(), "brief", &[]);
        let ended = Process::run(command.args(["--", "sh", "-c", script]));
        assert_eq!(ended.code, Some(code), "{script}: {}", ended.errors);
    }
}

#[test]
fn ctrl_c_reaches_run_and_application_and_both_end_in_order() {
    let control = Control::start();
    let listener = Application::greeting("hello");
    let port = listener.port().to_string();
    let mut command = Pair::command(&control.url(), "typed", &["--port", &port]);
    // As a shell starts it; the application shares the group, the proxy must not.
    command.process_group(0);
    let script = "trap 'exit 6' INT TERM; while :; do sleep 0.02; done";
    let mut pair = Pair::of(&mut command, &["sh", "-c", script]);
    control.wait_instances("typed", 1);
    pair.process.signal_group(Signal::INT);
    assert_eq!(pair.process.wait().code(), Some(6), "{}", pair.process.errors());
    assert!(control.instances("typed").is_empty(), "the proxy had its time to tell the registry");
}

#[test]
fn an_application_that_ends_by_itself_leaves_the_registry() {
    let control = Control::start();
    let listener = Application::greeting("hello");
    let port = listener.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("end");
    let script = format!("while [ ! -e {} ]; do sleep 0.02; done; exit 3", file.display());
    let mut pair = Pair::start(&control.url(), "brief", &["--port", &port], &["sh", "-c", &script]);
    control.wait_instances("brief", 1);
    std::fs::write(&file, "").unwrap();
    assert_eq!(pair.process.wait().code(), Some(3), "{}", pair.process.errors());
    assert!(control.instances("brief").is_empty());
}

#[test]
fn an_application_runs_without_a_registry() {
    let registry = format!("http://127.0.0.1:{}", mesher_verify::machine::free_port());
    let mut command = Pair::command(&registry, "alone", &["--port", "1"]);
    let ended = Process::run(command.args(["--", "sh", "-c", "echo works; exit 4"]));
    assert_eq!((ended.code, ended.output.trim()), (Some(4), "works"), "{}", ended.errors);
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let control = Control::start();
    let mut command = Pair::command(&control.url(), "absent", &[]);
    let ended = Process::run(command.args(["--", "/nonexistent/program"]));
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("/nonexistent/program"), "{}", ended.errors);
}

#[test]
fn an_application_finds_its_proxy_in_its_environment() {
    let control = Control::start();
    let mut command = Pair::command(&control.url(), "asker", &[]);
    let ended = Process::run(command.args(["--", "sh", "-c", "echo $http_proxy $HTTP_PROXY $no_proxy"]));
    let words: Vec<_> = ended.output.split_whitespace().collect();
    assert_eq!(words.len(), 3, "{}", ended.output);
    assert!(words[0].starts_with("http://127.0.0.1:") && words[0] == words[1], "{words:?}");
    assert_eq!(words[2], "localhost,127.0.0.1,::1");
}

#[test]
fn signals_end_proxy_and_control_plane_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut control = Control::start();
        let application = Application::greeting("hello");
        let mut idle = Proxy::start(&control.url(), "idle", &[]);
        let mut found = Proxy::beside(&control.url(), "found", application.port());
        for process in [&mut idle.process, &mut found.process, &mut control.process] {
            process.signal(signal);
            assert_eq!(process.wait().code(), Some(0), "{signal:?}: {}", process.errors());
        }
    }
}

#[test]
fn an_ended_proxy_is_forgotten_at_once_and_nobody_waits_for_it() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let limit = |seconds: u8| {
        format!(
            "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {{name: all}}\nspec: {{service: \"*\", request: {seconds}s}}\n"
        )
    };
    let _callee = Proxy::beside(&control.url(), "callee", application.port());
    for round in 1..=3 {
        let mut leaving = [
            Proxy::start(&control.url(), "idle", &[]),
            Proxy::beside(&control.url(), "found", application.port()),
        ];
        let is_linked = |row: &Value| row["rules"]["link"] == "connected" && row["state"] == "ready";
        until("all are linked", || {
            (control.rows("proxies").iter().filter(|row| is_linked(row)).count() == 3).then_some(())
        });
        // Each calls a service, so that what is about every one concerns it.
        for proxy in &leaving {
            proxy.addresses.wait_reachable("http://callee/");
        }
        let heeded = rules::apply(&control, &limit(round), &["--wait"]);
        rules::assert_done(&heeded);
        assert!(heeded.output.contains("2 proxies"), "{heeded:?}");
        for proxy in &mut leaving {
            assert_eq!(proxy.process.stop(), Some(0), "{}", proxy.process.errors());
            let log = proxy.process.errors();
            assert!(!log.contains("WARN") && !log.contains("ERROR"), "a normal end: {log}");
        }
        assert_eq!(control.rows("proxies").len(), 1, "{:?}", control.rows("proxies"));
        rules::assert_done(&rules::apply(&control, &limit(round + 10), &["--wait=1s"]));
    }
}

/// A proxy that has drained still sends the calls of its application, by the rules.
#[test]
fn a_drained_proxy_is_there_until_it_ends() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let mut proxy = Proxy::beside(&control.url(), "found", application.port());
    proxy.addresses.wait_ready();
    let admin = proxy.addresses.admin;
    let drained = send_json(admin, "POST", "/drain", "").unwrap();
    assert_eq!(drained.status(), 200, "{}", drained.text());
    until("it is told of", || {
        let rows = control.rows("proxies");
        let is_there = |row: &Value| row["state"] == "draining" && row["rules"]["link"] == "connected";
        (rows.len() == 1 && is_there(&rows[0])).then_some(())
    });
    assert_eq!(proxy.process.stop(), Some(0), "{}", proxy.process.errors());
    assert!(control.rows("proxies").is_empty());
}

#[test]
fn a_proxy_without_its_registry_still_ends_cleanly() {
    let mut control = Control::start();
    let application = Application::greeting("hello");
    let mut proxy = Proxy::beside(&control.url(), "found", application.port());
    control.process.crash();
    assert_eq!(proxy.process.stop(), Some(0), "{}", proxy.process.errors());
}

#[test]
fn a_crash_of_run_ends_proxy_and_application() {
    let control = Control::start();
    let mut pair = Pair::calculator(&control, "0.0.1");
    let parts = mesher_verify::machine::descendants(pair.process.pid());
    assert_eq!(parts.len(), 2, "a proxy and an application");
    pair.process.crash();
    until("both have ended", || {
        parts.iter().all(|pid| mesher_verify::machine::command_line(*pid).len() <= 1).then_some(())
    });
    control.wait_instances("calculator", 0);
}
