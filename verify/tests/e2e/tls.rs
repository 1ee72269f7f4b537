//! TLS on the control plane's API with real processes: proxies and the command behind it, bad files, plain callers.
//! It must use certificates that are made for the test.

use std::net::SocketAddr;
use std::process::Command;

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::http::get;
use mesher_verify::mesh::{ANY_PORT, Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::Process;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// A folder with `tls.crt` and `tls.key` for the loopback address.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let files = Self(TempDir::new().unwrap());
        std::fs::write(files.path("tls.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(files.path("tls.key"), key.serialize_pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    fn control(&self) -> Command {
        let mut command = Control::in_memory(ANY_PORT);
        command.args(["--tls-cert", &self.path("tls.crt"), "--tls-key", &self.path("tls.key")]);
        command
    }
}

#[test]
fn proxies_and_the_command_reach_a_control_plane_over_tls() {
    let files = Files::new();
    let control = Control::of(&mut files.control());
    assert!(control.url().starts_with("https://"));
    let authority = files.path("tls.crt");
    let application = Application::greeting("hello");
    let ports = format!("rest:{}", application.port());
    let start = |service: &str, more: &[&str]| {
        let mut command = Proxy::command(&control.url(), service, more);
        Proxy::of(command.env("MESHER_REGISTRY_CA", &authority))
    };
    let provider = start("greeter", &["--ports", &ports]);
    provider.addresses.wait_ready();
    let caller = start("webapp", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    let mut look = binary::command(&["get", "services", "-o", "json", "--control", &control.url()]);
    let ended = Process::run(look.env("MESHER_CONTROL_CA", &authority));
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.output.contains("greeter"), "{}", ended.output);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let (files, others) = (Files::new(), Files::new());
    let control = Control::of(&mut files.control());
    for authority in ["", &others.path("tls.crt")] {
        let mut look = binary::command(&["get", "services", "--control", &control.url()]);
        let ended = Process::run(look.env("MESHER_CONTROL_CA", authority));
        assert_eq!(ended.code, Some(1), "{}", ended.output);
        assert!(ended.errors.contains("certificate"), "{}", ended.errors);
    }
    let mut proxy = Proxy::command(&control.url(), "webapp", &[]);
    let proxy = Proxy::of(proxy.env("MESHER_REGISTRY_CA", others.path("tls.crt")));
    until("the proxy says what is wrong", || {
        proxy.addresses.admin("/readyz").text().contains("certificate").then_some(())
    });
}

#[test]
fn a_caller_in_plain_http_is_told_to_speak_tls() {
    let files = Files::new();
    let control = Control::of(&mut files.control());
    let address: SocketAddr = control.address;
    let answer = get(address, &address.to_string(), "/v4/default/registry/health").unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
}

#[test]
fn bad_files_are_named_before_anything_listens() {
    let (files, others) = (Files::new(), Files::new());
    let start = |certificate: &str, key: &str| {
        let mut command = Control::in_memory(ANY_PORT);
        Process::run(command.args(["--tls-cert", certificate, "--tls-key", key]))
    };
    let (certificate, key) = (files.path("tls.crt"), files.path("tls.key"));
    for (certificate, key, told) in [
        (files.path("nowhere"), key.clone(), "nowhere"),
        (key.clone(), key, "no certificate"),
        (certificate.clone(), certificate.clone(), "no private key"),
        (certificate, others.path("tls.key"), "does not belong"),
    ] {
        let ended = start(&certificate, &key);
        assert_eq!(ended.code, Some(78), "{}", ended.errors);
        assert!(ended.errors.contains(told), "{told}: {}", ended.errors);
    }
    let mut command = Control::in_memory(ANY_PORT);
    let ended = Process::run(command.args(["--tls-cert", &files.path("tls.crt")]));
    assert_eq!(ended.code, Some(78));
}

#[test]
fn an_authority_that_cannot_be_read_ends_a_proxy_with_its_name() {
    let mut command = Proxy::command("https://127.0.0.1:1", "webapp", &[]);
    let ended = Process::run(command.env("MESHER_REGISTRY_CA", "/nowhere/ca.crt"));
    assert_ne!(ended.code, Some(0));
    assert!(
        ended.errors.contains("MESHER_REGISTRY_CA") && ended.errors.contains("/nowhere/ca.crt"),
        "{}",
        ended.errors
    );
}
