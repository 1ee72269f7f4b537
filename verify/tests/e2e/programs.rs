//! Programs that people have: servers behind `mesher run`, clients in front of it.
//! It must say by name which of them the machine lacks.

use std::path::Path;
use std::process::Command;

use mesher_verify::binary;
use mesher_verify::machine::{free_port, program};
use mesher_verify::mesh::{Addresses, Control, Pair, Proxy, QUESTION};
use mesher_verify::patience::until;
use mesher_verify::process::{Ended, Process};
use mesher_verify::skip::has_programs;

/// A program of this machine in a clean environment that names a proxy.
fn client(name: &str, addresses: &Addresses, arguments: &[&str]) -> Ended {
    let mut command = Command::new(program(name).unwrap());
    binary::clean(&mut command);
    command.env("http_proxy", format!("http://{}", addresses.outbound)).args(arguments);
    Process::run(&mut command)
}

fn caller(control: &Control, url: &str) -> Proxy {
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable(url);
    caller
}

#[test]
fn nginx_is_a_provider() {
    if !has_programs("nginx", &["nginx"]) {
        return;
    }
    let control = Control::start();
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    std::fs::write(folder.path().join("index.html"), "from nginx").unwrap();
    let configuration = folder.path().join("nginx.conf");
    std::fs::write(&configuration, nginx_configuration(folder.path(), port)).unwrap();
    let nginx = program("nginx").unwrap().display().to_string();
    let application = [&nginx, "-p", folder.path().to_str().unwrap(), "-c", configuration.to_str().unwrap()];
    let mut pair = Pair::start(&control.url(), "pages", &["--port", &port.to_string()], &application);
    pair.addresses.wait_ready();
    let caller = caller(&control, "http://pages/");
    assert_eq!(caller.addresses.get("http://pages/").unwrap().text(), "from nginx");
    assert_eq!(caller.addresses.get("http://pages/nosuch").unwrap().status(), 404);
    assert_eq!(pair.process.stop(), Some(0), "{}", pair.process.errors());
}

/// One process, all of whose files lie in one folder.
fn nginx_configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}server {{ listen 127.0.0.1:{port}; root {folder}; }}\n}}\n"
    )
}

#[test]
fn the_python_file_server_is_a_provider_and_urllib_a_client() {
    if !has_programs("python", &["python3"]) {
        return;
    }
    let control = Control::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file.txt"), "x".repeat(100_000)).unwrap();
    let port = free_port().to_string();
    let python = program("python3").unwrap().display().to_string();
    let directory = folder.path().to_str().unwrap();
    let application = [&python, "-m", "http.server", &port, "--bind", "127.0.0.1", "--directory", directory];
    let pair = Pair::start(&control.url(), "files", &["--port", &port], &application);
    pair.addresses.wait_ready();
    let caller = caller(&control, "http://files/file.txt");
    let script =
        "import urllib.request as r; print(len(r.urlopen('http://files/file.txt', timeout=20).read()))";
    let ended = client("python3", &caller.addresses, &["-c", script]);
    assert_eq!((ended.code, ended.output.trim()), (Some(0), "100000"), "{}", ended.errors);
}

#[test]
fn curl_calls_and_uploads() {
    if !has_programs("curl", &["curl"]) {
        return;
    }
    let control = Control::start();
    let _pair = Pair::calculator(&control, "0.0.1");
    let application = mesher_verify::application::Application::http(|request| {
        mesher_verify::application::ok(&request.body.len().to_string())
    });
    let _counter = Proxy::beside(&control.url(), "counter", application.port());
    let url = format!("http://calculator{QUESTION}");
    let caller = caller(&control, &url);
    let ended = client("curl", &caller.addresses, &["-sS", "--fail", "--max-time", "20", &url]);
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.output.contains("23.15"), "{}", ended.output);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload");
    // More than a megabyte makes curl ask first whether the body is wanted.
    std::fs::write(&file, vec![b'u'; 2_000_000]).unwrap();
    let data = format!("@{}", file.display());
    let arguments = ["-sS", "--fail", "--max-time", "20", "--data-binary", &data, "http://counter/"];
    let ended = client("curl", &caller.addresses, &arguments);
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "2000000"), "{}", ended.errors);
}

#[test]
fn wrk_sees_no_failure() {
    if !has_programs("wrk", &["wrk"]) {
        return;
    }
    let control = Control::start();
    let _pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = caller(&control, &format!("http://calculator{QUESTION}"));
    let url = format!("http://{}{QUESTION}", caller.addresses.outbound);
    let arguments = ["-t", "2", "-c", "16", "-d", "2s", "-H", "Host: calculator", &url];
    let ended = client("wrk", &caller.addresses, &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.output.contains("requests in"), "{}", ended.output);
    for trouble in ["Non-2xx", "Socket errors"] {
        assert!(!ended.output.contains(trouble), "{}", ended.output);
    }
}

#[test]
fn redis_is_reached_through_tcp() {
    if !has_programs("redis", &["redis-server", "redis-cli"]) {
        return;
    }
    let control = Control::start();
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let server = program("redis-server").unwrap().display().to_string();
    let directory = folder.path().to_str().unwrap();
    let application = [&server, "--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir", directory];
    let mut pair = Pair::start(&control.url(), "cache", &["--port", &format!("tcp:{port}")], &application);
    pair.addresses.wait_ready();
    let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=cache"]);
    caller.addresses.wait_ready();
    let entrance = caller.addresses.tcp_outbound[0].port().to_string();
    let redis = |arguments: &[&str]| {
        let all = [&["-h", "127.0.0.1", "-p", &entrance], arguments].concat();
        client("redis-cli", &caller.addresses, &all).output.trim().to_owned()
    };
    assert_eq!(redis(&["SET", "answer", "42"]), "OK");
    assert_eq!(redis(&["GET", "answer"]), "42");
    assert_eq!(pair.process.stop(), Some(0), "{}", pair.process.errors());
}

#[test]
fn a_service_may_have_very_many_instances() {
    const INSTANCES: usize = 200;
    let control = Control::start();
    let application = mesher_verify::application::Application::greeting("one of many");
    let service = control.register_service("many", "1.0.0");
    for number in 0..INSTANCES {
        // Every address of 127.0.0.0/8 is this machine, and only one of them listens.
        let host = if number == 0 { "127.0.0.1".to_owned() } else { format!("127.0.1.{number}") };
        control.register_instance(&service, &[format!("rest://{host}:{}", application.port())]);
    }
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    until("a first call has been made", || caller.addresses.get("http://many/").ok());
    until("all instances are known", || {
        (caller.addresses.endpoints("many").len() == INSTANCES).then_some(())
    });
}
