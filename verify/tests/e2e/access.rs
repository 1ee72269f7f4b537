//! Access control with real processes: a mesh behind it, and what becomes of those it does not know.
//! It must show that proxies work with an account, with a token, and say clearly when they are refused.

use std::process::Command;

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::http::{get, get_with};
use mesher_verify::mesh::{ANY_PORT, Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::Process;
use serde_json::Value;
use tempfile::TempDir;

const ROOT: &str = "Pa55word!";

/// A control plane that asks for tokens.
pub(crate) fn guarded(address: &str) -> Control {
    let mut command = Control::in_memory(address);
    Control::of(command.env("MESHER_ACCESS_CONTROL", "on").env("MESHER_ROOT_PASSWORD", ROOT))
}

fn token_of_root(control: &Control) -> String {
    control.login("root", ROOT).unwrap()
}

/// A file with a password, which its owner alone may read.
fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn with_account(command: &mut Command, password_file: &str) -> Proxy {
    command.env("MESHER_REGISTRY_ACCOUNT", "root").env("MESHER_REGISTRY_PASSWORD_FILE", password_file);
    Proxy::of(command)
}

#[test]
fn proxies_with_an_account_serve_and_survive_a_restart_of_the_control_plane() {
    let mut control = guarded(ANY_PORT);
    let address = control.address.to_string();
    let folder = TempDir::new().unwrap();
    let password = file(&folder, "password", &format!("{ROOT}\n"));
    let application = Application::greeting("hello");
    let ports = format!("rest:{}", application.port());
    let provider =
        with_account(&mut Proxy::command(&control.url(), "greeter", &["--ports", &ports]), &password);
    provider.addresses.wait_ready();
    let caller = with_account(&mut Proxy::command(&control.url(), "webapp", &[]), &password);
    caller.addresses.wait_reachable("http://greeter/");

    // Its new life has another key: no token of the old one is good.
    control.process.crash();
    let control = guarded(&address);
    let token = token_of_root(&control);
    until("both proxies are known again", || {
        let rows = look(&control, &token, "/mesher/v1/proxies");
        (rows["items"].as_array()?.len() == 2).then_some(())
    });
    caller.addresses.wait_reachable("http://greeter/");
    assert!(!caller.process.errors().contains(ROOT), "no password in a log");
}

fn look(control: &Control, token: &str, path: &str) -> Value {
    let (host, bearer) = (control.address.to_string(), format!("Bearer {token}"));
    get_with(control.address, &host, path, &[("Authorization", &bearer)]).unwrap().json()
}

#[test]
fn a_proxy_with_a_token_file_serves() {
    let control = guarded(ANY_PORT);
    let folder = TempDir::new().unwrap();
    let token = file(&folder, "token", &token_of_root(&control));
    let mut command = Proxy::command(&control.url(), "webapp", &[]);
    let proxy = Proxy::of(command.env("MESHER_REGISTRY_TOKEN_FILE", token));
    proxy.addresses.wait_ready();
}

#[test]
fn a_proxy_that_is_refused_says_so_and_comes_in_once_its_password_is_right() {
    let control = guarded(ANY_PORT);
    let folder = TempDir::new().unwrap();
    let password = file(&folder, "password", "Wr0ng-pass!");
    let proxy = with_account(&mut Proxy::command(&control.url(), "webapp", &[]), &password);
    until("the proxy says that it is refused", || {
        let told = proxy.addresses.admin("/readyz").text();
        (told.contains("refuses this proxy") && told.contains("401202")).then_some(())
    });
    until("its log says what to look at", || {
        proxy.process.errors().contains("MESHER_REGISTRY_ACCOUNT").then_some(())
    });
    file(&folder, "password", ROOT);
    proxy.addresses.wait_ready();
}

#[test]
fn a_proxy_without_an_account_is_refused() {
    let control = guarded(ANY_PORT);
    let proxy = Proxy::start(&control.url(), "webapp", &[]);
    until("the proxy says that it is refused", || {
        proxy.addresses.admin("/readyz").text().contains("401204").then_some(())
    });
    assert_eq!(get(control.address, &control.address.to_string(), "/readyz").unwrap().status(), 200);
}

#[test]
fn the_command_looks_with_a_token_or_an_account() {
    let control = guarded(ANY_PORT);
    let folder = TempDir::new().unwrap();
    let password = file(&folder, "password", ROOT);
    let get = |variables: &[(&str, &str)]| {
        let mut command = binary::command(&["get", "services", "-o", "json", "--control", &control.url()]);
        Process::run(command.envs(variables.iter().copied()))
    };
    let token = token_of_root(&control);
    assert_eq!(get(&[("MESHER_CONTROL_TOKEN", &token)]).code, Some(0));
    let account = [("MESHER_CONTROL_ACCOUNT", "root"), ("MESHER_CONTROL_PASSWORD_FILE", password.as_str())];
    assert_eq!(get(&account).code, Some(0));
    let refused = get(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("No authorization header"), "{}", refused.errors);
    assert_eq!(get(&account[..1]).code, Some(78));
}

#[test]
fn access_control_without_a_password_of_root_does_not_start() {
    let start = |password: &str| {
        let mut command = Control::in_memory(ANY_PORT);
        Process::run(command.env("MESHER_ACCESS_CONTROL", "on").env("SC_INIT_ROOT_PASSWORD", password))
    };
    for password in ["", "weak"] {
        let ended = start(password);
        assert_eq!(ended.code, Some(78), "{}", ended.errors);
        assert!(ended.errors.contains("MESHER_ROOT_PASSWORD"), "{}", ended.errors);
    }
}
