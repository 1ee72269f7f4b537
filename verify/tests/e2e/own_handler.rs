//! A build with a handler of its own, from outside of the workspace: its place, what it sees, what it may do.
//! It must run the example's own code: what stands in the guide is what is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

use mesher_verify::binary;
use mesher_verify::http::get_with;
use mesher_verify::mesh::{ANY_PORT, Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::Process;

use crate::echo::{Instance, sent_values};
use crate::rules::BAD_CONFIGURATION;

/// The example, built with the program under test and beside it.
fn example() -> PathBuf {
    let example = binary::mesher().with_file_name("mesher-with-team");
    assert!(
        example.is_file(),
        "{} is not there: build the workspace whose mesher is tested",
        example.display()
    );
    example
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(example());
    binary::clean(&mut command);
    command.args(arguments);
    command
}

fn caller(control: &Control, handlers: &str) -> Proxy {
    let mut command =
        command(&["proxy", "--print-addresses", "--advertise", "127.0.0.1", "--service", "webapp"]);
    command.args(["--registry", &control.url(), "--outbound-listen", ANY_PORT, "--admin-listen", ANY_PORT]);
    Proxy::of(command.env("MESHER_HANDLERS", handlers))
}

#[test]
fn a_handler_of_ones_own_refuses_and_changes_calls_where_settings_put_it() {
    let control = Control::start();
    let _instance = Instance::start(&control, "shop", "1.0");
    let proxy = caller(&control, "team@consumer:route");
    let outbound = proxy.addresses.outbound;
    let call = |fields: &[(&str, &str)]| get_with(outbound, "shop", "/", fields).unwrap();
    until("the shop is known", || (call(&[("x-team", "blue")]).status() == 200).then_some(()));
    let answer = call(&[("x-team", "blue"), ("x-account", "of the caller")]);
    assert_eq!(sent_values(&answer, "x-account"), ["blue/shop"]);
    assert_eq!(sent_values(&answer, "x-team"), ["blue"], "what it does not touch passes");
    let refused = call(&[]);
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("team: say for which team you call: x-team"), "{}", refused.text());
    assert!(refused.field("proxy-status").contains("http_request_denied"), "{refused:?}");
    assert_eq!(call(&[("x-team", "bl\u{fc}e")]).status(), 400, "no field can have that value");
    let admin = |path: &str| proxy.addresses.admin(path);
    let chains = &admin("/config").json()["chains"];
    let place = |name: &str| chains["consumer"].as_array().unwrap().iter().position(|known| known == name);
    assert_eq!(place("team"), place("route").map(|place| place + 1), "{chains}");
    assert!(!chains["provider"].to_string().contains("team"), "{chains}");
    assert!(admin("/metrics").text().contains("kind=\"refused\""));
    assert!(admin("/explain?to=shop&path=/").text().contains("a handler of this build's own"));
    until("it sees how calls end", || {
        proxy.process.errors().contains("team: 1 refused so far").then_some(())
    });
}

#[test]
fn a_place_that_is_none_is_refused_at_the_start() {
    for (handlers, words) in [
        ("audit@consumer", "no handler is called \"audit\"; this build brings team"),
        ("team@sideways", "\"sideways\" is no chain; there are consumer and provider"),
        ("team@provider:route", "no handler \"route\" is in the chain provider"),
        ("team", "write NAME@CHAIN or NAME@CHAIN:BEHIND"),
    ] {
        let mut command = command(&["proxy", "--service", "webapp"]);
        let ended = Process::run(command.env("MESHER_HANDLERS", handlers));
        assert_eq!(ended.code, BAD_CONFIGURATION, "{ended:?}");
        assert!(
            ended.errors.contains(words) && ended.errors.contains("MESHER_HANDLERS"),
            "{handlers}: {ended:?}"
        );
    }
    let mut command = binary::command(&["proxy", "--service", "webapp"]);
    let ended = Process::run(command.env("MESHER_HANDLERS", "team@consumer"));
    assert!(ended.errors.contains("this build brings none of its own"), "{ended:?}");
}

/// The example's manifest stands outside of the workspace, as a copy's does: what it asks for has to be there.
#[test]
fn the_example_can_be_built_by_whoever_copies_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // What other machines would ask for need not be here.
    let compiler = Command::new("rustc").arg("-vV").output().unwrap();
    let compiler = String::from_utf8(compiler.stdout).unwrap();
    let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host]);
    command.arg("--manifest-path").arg(root.join("examples/handler/Cargo.toml"));
    let resolved = command.output().unwrap();
    assert!(resolved.status.success(), "{}", String::from_utf8_lossy(&resolved.stderr));
}
