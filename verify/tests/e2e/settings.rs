//! Settings that cannot be: refused before anything is done, with the place and the remedy.
//! It must hold for the file, the environment and the flags alike.

use std::net::{SocketAddr, TcpListener};

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::mesh::{ANY_PORT, Control, Pair, Proxy};
use mesher_verify::process::{Ended, Process};

/// Exit code of bad configuration.
const BAD_CONFIGURATION: Option<i32> = Some(78);

fn proxy(variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut command = binary::command(&["proxy", "--outbound-listen", ANY_PORT]);
    command.args(["--admin-listen", ANY_PORT]).args(arguments);
    command.envs(variables.iter().copied());
    Process::run(&mut command)
}

#[test]
fn a_bad_setting_is_refused_with_its_place_and_remedy() {
    for (variables, arguments, told) in [
        (&[][..], &[][..], &["MESHER_SERVICE", "not set"][..]),
        (&[], &["--service", "a b"], &["--service", "a b"]),
        (&[("MESHER_SERVICE", "a"), ("MESHER_PORTS", "rest:99999")], &[], &["MESHER_PORTS", "99999"]),
        (&[("SERVICE_NAME", "a"), ("SERVICE_PORTS", "rest:x")], &[], &["SERVICE_PORTS", "rest:x"]),
        (&[("MESHER_SERVICE", "a")], &["--service-version", "one"], &["--service-version", "1.0.2"]),
        (&[("MESHER_SERVICE", "a")], &["--registry", "ftp://x"], &["--registry", "ftp://x"]),
        (&[("MESHER_SERVICE", "a"), ("MESHER_WORKERS", "0")], &[], &["MESHER_WORKERS", "0"]),
        (&[("MESHER_SERVICE", "a"), ("MESHER_PROT", "1")], &[], &["MESHER_PROT", "MESHER_PORTS"]),
        (
            &[("MESHER_SERVICE", "a"), ("MESHER_ENVIRONMENT", "prod")],
            &[],
            &["MESHER_ENVIRONMENT", "production"],
        ),
        (&[("MESHER_SERVICE", "a"), ("MESHER_GRPC_LISTEN", "x")], &[], &["MESHER_GRPC_LISTEN", "not have"]),
        (&[("MESHER_SERVICE", "a")], &["--config", "/nonexistent.yaml"], &["/nonexistent.yaml"]),
    ] {
        let ended = proxy(variables, arguments);
        assert_eq!(ended.code, BAD_CONFIGURATION, "{variables:?} {arguments:?}: {}", ended.errors);
        for word in told {
            assert!(ended.errors.contains(word), "{word:?} is missing in: {}", ended.errors);
        }
        assert_eq!(ended.output, "", "standard output carries results only");
    }
}

#[test]
fn run_refuses_a_bad_setting_before_it_starts_anything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("started");
    let mut command = Pair::command("http://127.0.0.1:1", "a", &["--port", "rest:0"]);
    let ended = Process::run(command.args(["--", "touch"]).arg(&file));
    assert_eq!(ended.code, BAD_CONFIGURATION, "{}", ended.errors);
    assert!(!file.exists(), "the application was started");
}

#[test]
fn a_name_can_be_advertised_where_the_resolver_knows_it() {
    let unknown = proxy(&[("MESHER_SERVICE", "a"), ("MESHER_ADVERTISE", "no-such-host.invalid")], &[]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.errors);
    assert!(unknown.errors.contains("MESHER_ADVERTISE") && unknown.errors.contains("no-such-host.invalid"));
    let control = Control::start();
    let application = Application::greeting("here");
    let mut command = binary::command(&["proxy", "--print-addresses", "--service", "named"]);
    command.args(["--advertise", "localhost", "--registry", &control.url()]);
    command.args(["--outbound-listen", ANY_PORT, "--admin-listen", ANY_PORT]);
    let provider = Proxy::of(command.args(["--ports", &application.port().to_string()]));
    provider.addresses.wait_ready();
    let endpoint = control.instances("named")[0]["endpoints"][0].as_str().unwrap().to_owned();
    let address = endpoint.strip_prefix("rest://").and_then(|text| text.parse::<SocketAddr>().ok());
    assert!(address.is_some_and(|address| address.ip().is_loopback()), "{endpoint}");
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let taken = TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["--service", "a", "--registry", "http://127.0.0.1:1", "--outbound-listen", &address];
    let mut command = binary::command(&["proxy", "--admin-listen", ANY_PORT]);
    let ended = Process::run(command.args(arguments));
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(
        ended.errors.contains(&address) && ended.errors.contains("MESHER_OUTBOUND_LISTEN"),
        "{}",
        ended.errors
    );

    let ended = Process::run(&mut Control::in_memory(&address));
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(ended.errors.contains(&address), "{}", ended.errors);
}

#[test]
fn a_taken_port_is_left_to_its_owner_where_any_other_will_do() {
    let taken = TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = binary::command(&["proxy", "--print-addresses", "--when-taken", "any-port"]);
    command.args(["--service", "a", "--registry", "http://127.0.0.1:1"]);
    command.args(["--outbound-listen", &address.to_string(), "--admin-listen", ANY_PORT]);
    assert_ne!(Proxy::of(&mut command).addresses.outbound, address);
}

#[test]
fn a_wrong_flag_is_wrong_usage() {
    for arguments in
        [&["proxy", "--nosuch"][..], &["nosuch"], &["get", "nosuch"], &["run", "--service", "a"], &[]]
    {
        let ended = Process::run(&mut binary::command(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.errors);
        assert!(!ended.errors.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesher.yaml");
    std::fs::write(&file, "service: of-file\nversion: 1.0.0\napp: of-file\nproperties: a=b\n").unwrap();
    let mut command = Proxy::command("http://127.0.0.1:1", "of-flag", &[]);
    command.arg("--config").arg(&file).env("MESHER_SERVICE", "of-environment").env("MESHER_VERSION", "2.0.0");
    let proxy = Proxy::of(&mut command);
    let config = proxy.addresses.admin("/config").json();
    let own = &config["service"];
    assert_eq!(
        (&own["name"], &own["version"], &own["app"]),
        (&"of-flag".into(), &"2.0.0".into(), &"of-file".into())
    );
    assert_eq!(config["properties"]["a"], "b");
}

#[test]
fn a_settings_file_is_checked_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let file = folder.path().join("mesher.yaml");
        std::fs::write(&file, text).unwrap();
        Process::run(binary::command(&["config", "check"]).arg(&file))
    };
    let good = check("service: calculator\nports: rest:8080\n");
    assert_eq!((good.code, good.output.contains("ok")), (Some(0), true), "{}", good.errors);

    let misspelt = check("service: calculator\nregistri: http://127.0.0.1:30100\n");
    assert_eq!(misspelt.code, BAD_CONFIGURATION);
    for word in ["mesher.yaml:2:1", "registri", "did you mean `registry`"] {
        assert!(misspelt.errors.contains(word), "{word:?} is missing in: {}", misspelt.errors);
    }
    let broken = check("service: [calculator\n");
    assert_eq!(broken.code, BAD_CONFIGURATION, "{}", broken.errors);
    assert!(broken.errors.contains("mesher.yaml"), "{}", broken.errors);
}

#[test]
fn mesher_itself_ignores_a_proxy_setting_of_its_environment() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let _provider = Proxy::beside(&control.url(), "greeter", application.port());
    let mut command = Proxy::command(&control.url(), "webapp", &[]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let caller = Proxy::of(&mut command);
    caller.addresses.wait_ready();
    caller.addresses.wait_reachable("http://greeter/");

    let mut get = binary::command(&["get", "services", "--control", &control.url()]);
    let ended = Process::run(get.env("http_proxy", "http://127.0.0.1:1"));
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}
