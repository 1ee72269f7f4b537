//! The command as a person and a script use it: output, forms, codes.
//! It must print results to standard output and nothing else there.

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::{Ended, Process};
use serde_json::Value;

fn mesher(arguments: &[&str]) -> Ended {
    Process::run(&mut binary::command(arguments))
}

fn output(arguments: &[&str]) -> String {
    let ended = mesher(arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.errors);
    ended.output
}

#[test]
fn get_shows_services_instances_and_proxies_in_each_form() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let port = format!("rest:{}", application.port());
    let mut command = Proxy::command(&control.url(), "greeter", &["--ports", &port]);
    command.envs([("MESHER_ZONE", "az-1"), ("MESHER_PROPERTIES", "lane=blue")]);
    let provider = Proxy::of(&mut command);
    provider.addresses.wait_ready();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    until("both proxies have told of themselves", || {
        let rows = control.rows("proxies");
        (rows.len() == 2 && rows.iter().all(|row| row["state"] == "ready")).then_some(())
    });
    let url = control.url();
    let inbound = provider.addresses.inbound.unwrap().to_string();
    let of_instance = ["0.0.1", "az-1", "lane=blue", &inbound];
    for (kind, heads, words) in [
        ("services", &["NAME", "VERSIONS"][..], &["greeter", "1/1"][..]),
        ("instances", &["SERVICE", "ENDPOINTS", "ZONE", "PROPERTIES"], &of_instance),
        ("proxies", &["SERVICE", "APP", "OUTBOUND"], &["greeter", "default", &inbound]),
    ] {
        let table = output(&["get", kind, "--control", &url]);
        let first = table.lines().next().unwrap();
        assert!(heads.iter().all(|head| first.contains(head)), "{kind}: {table}");
        assert!(table.lines().any(|line| words.iter().all(|word| line.contains(word))), "{kind}: {table}");

        let json = output(&["get", kind, "-o", "json", "--control", &url]);
        let rows: Value = serde_json::from_str(&json).unwrap();
        let name = if kind == "services" { "name" } else { "service" };
        assert!(rows.as_array().unwrap().iter().any(|row| row[name] == "greeter"), "{kind}: {json}");

        let yaml = output(&["get", kind, "-o", "yaml", "--control", &url]);
        assert!(yaml.contains(&format!("{name}: greeter")), "{kind}: {yaml}");
    }
}

#[test]
fn get_shows_one_service_and_takes_the_address_from_the_environment() {
    let control = Control::start();
    for name in ["one", "other"] {
        control.register_service(name, "1.0.0");
    }
    let mut command = binary::command(&["get", "services", "one", "-o", "json"]);
    let ended = Process::run(command.env("MESHER_CONTROL", control.url()));
    let rows: Value = serde_json::from_str(&ended.output).unwrap();
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["one"]);
    let none = output(&["get", "services", "nosuch", "-o", "json", "--control", &control.url()]);
    assert_eq!(none.trim(), "[]");
}

#[test]
fn a_control_plane_that_is_not_there_is_named() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for kind in ["services", "instances", "proxies"] {
        let ended = mesher(&["get", kind, "--control", &url]);
        assert_eq!(ended.code, Some(1), "{}", ended.errors);
        assert!(ended.errors.contains(url.trim_start_matches("http://")), "{}", ended.errors);
        assert_eq!(ended.output, "");
    }
    let ended = mesher(&["get", "services", "--control", "not an address"]);
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(ended.errors.contains("--control"), "{}", ended.errors);
}

#[test]
fn the_command_tells_of_itself() {
    assert!(output(&["version"]).starts_with("mesher 0."));
    assert_eq!(output(&["version"]), output(&["--version"]));
    for shell in ["bash", "zsh", "fish"] {
        assert!(output(&["completions", shell]).contains("mesher"), "{shell}");
    }
    assert!(output(&["--help"]).contains("demo"));
    for command in ["demo", "control", "proxy", "run", "get", "config", "completions", "version"] {
        let help = output(&[command, "--help"]);
        assert!(help.contains("Usage"), "{command}: {help}");
    }
    assert!(output(&["proxy", "--help"]).contains("MESHER_OUTBOUND_LISTEN"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut command = binary::command(&[]);
    let script = format!("{} completions bash | head -n 1", binary::mesher().display());
    command = {
        let path = command.get_envs().find_map(|(name, value)| (name == "PATH").then_some(value?.to_owned()));
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).env_clear().envs(path.map(|path| ("PATH", path)));
        shell
    };
    let ended = Process::run(&mut command);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.errors, "");
}

#[test]
fn standard_error_has_no_colour_where_it_is_no_terminal() {
    let control = Control::start();
    let proxy = Proxy::start(&control.url(), "plain", &["--access-log", "all"]);
    proxy.addresses.wait_ready();
    proxy.addresses.get("http://nosuch/").unwrap();
    until("the call is logged", || proxy.process.errors().contains("nosuch").then_some(()));
    assert!(!proxy.process.errors().contains('\u{1b}'), "{}", proxy.process.errors());
}
