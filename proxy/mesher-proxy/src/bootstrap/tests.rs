//! Settings from files, variables and flags: what wins, what is refused, and in which words.
//! They must show every name of the table at work.

use std::path::PathBuf;
use std::time::Duration;

use super::{
    AccessLog, Bootstrap, BootstrapError, LocalPort, MemoryMax, PortProtocol, SETTINGS, Sources, StateFolder,
    TcpOutbound,
};

fn sources(file: &str, variables: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::default();
    if !file.is_empty() {
        sources.file = Some((PathBuf::from("mesher.yaml"), file.to_owned()));
    }
    for (name, value) in variables {
        sources.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    sources
}

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Bootstrap, BootstrapError> {
    /// A handler that a build may bring along.
    struct Own;
    impl crate::handler::Handler for Own {}
    let own = crate::handler::Registration::new("own", || Box::new(Own));
    Bootstrap::load(&Sources { handlers: vec![own], ..sources(file, variables) })
}

fn problems(file: &str, variables: &[(&str, &str)]) -> String {
    load(file, variables).expect_err("refused").to_string()
}

#[test]
fn one_variable_is_enough() {
    let bootstrap = load("", &[("SERVICE_NAME", "webapp")]).unwrap();
    assert_eq!(bootstrap.identity.service, "webapp");
    assert_eq!(bootstrap.identity.version, "0.0.1");
    assert_eq!(bootstrap.identity.app, "default");
    assert_eq!(bootstrap.outbound_listen.to_string(), "127.0.0.1:30101");
    assert_eq!(bootstrap.admin_listen.to_string(), "127.0.0.1:30102");
    assert_eq!(bootstrap.registry[0].to_string(), "http://127.0.0.1:30100");
    assert_eq!(bootstrap.access_log, AccessLog::Failures);
    assert!(bootstrap.ports.is_empty() && bootstrap.workers >= 1);
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let mut all = sources(
        "service: file\nversion: 1.0\napp: shop\n",
        &[("MESHER_VERSION", "2.0"), ("SERVICE_NAME", "alias"), ("MESHER_SERVICE", "native")],
    );
    all.flag("version", "--version", "3.0".to_owned());
    let bootstrap = Bootstrap::load(&all).unwrap();
    assert_eq!(bootstrap.identity.service, "native");
    assert_eq!(bootstrap.identity.version, "3.0");
    assert_eq!(bootstrap.identity.app, "shop");
}

#[test]
fn the_file_takes_lists_and_keeps_numbers_as_text() {
    let file = "service: a\nversion: 0.10\nports: [rest:8080, tcp:5432]\nregistry:\n  - http://a:1\n  - http://b:2\nworkers: 3\n";
    let bootstrap = load(file, &[]).unwrap();
    assert_eq!(bootstrap.identity.version, "0.10");
    assert_eq!(
        bootstrap.ports,
        [
            LocalPort { protocol: PortProtocol::Rest, port: 8080 },
            LocalPort { protocol: PortProtocol::Tcp, port: 5432 }
        ]
    );
    assert_eq!(bootstrap.registry.len(), 2);
    assert_eq!(bootstrap.workers, 3);
    assert_eq!(load("service: a\nports: 8080\n", &[]).unwrap().ports[0].port, 8080);
}

#[test]
fn every_name_of_a_built_setting_is_read() {
    let value = |key: &str| match key {
        "service" | "app" | "project" | "domain" | "region" | "zone" => "x1",
        "version" => "1.2",
        "ports" => "rest:8080",
        "registry" => "http://127.0.0.1:9",
        "outbound_listen" | "inbound_listen" | "admin_listen" => "[::1]:9",
        "advertise" => "10.0.0.7",
        "environment" => "testing",
        "properties" => "k=v|l=w",
        "node_ip" => "10.1.1.1",
        "workers" => "77",
        "health_check" => "tcp",
        "health_check_interval" => "7s",
        "health_check_healthy" | "health_check_unhealthy" => "7",
        "tcp_outbound" => "127.0.0.1:6379=cache",
        "config_center" => "http://127.0.0.1:30110",
        "config_type" => "kie",
        "access_log" => "all",
        "when_taken" => "any-port",
        "memory_max" => "64MiB",
        "lag_max" => "77ms",
        key if key.ends_with("_time_max") || key.ends_with("_age_max") => "7s",
        "drain_notice" | "rate_window" => "500ms",
        "head_bytes_max" => "8192",
        key if key.ends_with("_max") || key.ends_with("_min") => "77",
        "handover" => "/run/mesher/x1.sock",
        "state_dir" => "/var/lib/mesher/x1",
        "handlers" => "own@provider:metrics",
        _ => "anything",
    };
    let default = format!("{:?}", load("", &[("MESHER_SERVICE", "default-name")]).unwrap());
    for setting in SETTINGS {
        for name in std::iter::once(&setting.variable).chain(setting.aliases) {
            let base = [("MESHER_SERVICE", "default-name")];
            // Half of an account is refused, so each half is tried with the other.
            let account = [base[0], ("MESHER_REGISTRY_PASSWORD_FILE", "/p")];
            let password = [base[0], ("MESHER_REGISTRY_ACCOUNT", "a")];
            // What is checked has to be there.
            let ports = [base[0], ("MESHER_PORTS", "8080")];
            let base: &[_] = match setting.key {
                "service" => &[],
                "registry_account" => &account,
                "health_check" => &ports,
                "registry_password_file" => &password,
                _ => &base,
            };
            let result = load("", &[base, &[(*name, value(setting.key))]].concat());
            match setting.state {
                super::table::State::Built => {
                    assert_ne!(format!("{:?}", result.unwrap()), default, "{name} has no effect")
                }
                super::table::State::NotBuilt(_) => {
                    let told = result.unwrap_err().to_string();
                    assert!(told.starts_with(*name) && told.contains("does not have"), "{told}");
                }
            }
        }
    }
}

#[test]
fn bounds_of_the_proxy_itself_are_read_with_their_units() {
    let overload = |name: &str, value: &str| load("service: a\n", &[(name, value)]).unwrap().overload;
    for (text, expected) in [
        ("off", MemoryMax::Off),
        ("1048576", MemoryMax::Bytes(1 << 20)),
        ("2048KiB", MemoryMax::Bytes(2 << 20)),
        ("64MiB", MemoryMax::Bytes(64 << 20)),
        ("2GiB", MemoryMax::Bytes(2 << 30)),
    ] {
        assert_eq!(overload("MESHER_MEMORY_MAX", text).memory_max, expected, "{text}");
    }
    let default = load("service: a\n", &[]).unwrap().overload;
    assert_eq!((default.memory_max, default.lag_max), (MemoryMax::OfGroup, Some(Duration::from_millis(500))));
    assert_eq!(overload("MESHER_LAG_MAX", "off").lag_max, None);
    assert_eq!(overload("MESHER_LAG_MAX", "2s").lag_max, Some(Duration::from_secs(2)));
}

#[test]
fn a_misspelt_key_is_shown_where_it_stands() {
    let told = problems("service: a\n\nserivce_ports: 1\nprots: rest:80\n", &[("MESHER_SERVCE", "b")]);
    assert!(
        told.contains(
            "mesher.yaml:4:1: unknown setting `prots`; did you mean `ports`?\n    prots: rest:80\n    ^"
        ),
        "{told}"
    );
    assert!(told.contains("mesher.yaml:3:1: unknown setting `serivce_ports`"), "{told}");
    assert!(
        told.contains("MESHER_SERVCE: unknown setting `MESHER_SERVCE`; did you mean `MESHER_SERVICE`?"),
        "{told}"
    );
}

#[test]
fn bad_values_are_named_with_their_remedy() {
    let table = [
        ("MESHER_PORTS", "rest:99999", "a port is a number from 1 to 65535"),
        ("MESHER_PORTS", "smtp:25", "is no protocol; write rest:8080 or tcp:5432"),
        ("SERVICE_PORTS", "rest:8080,grpc:9090", "does not speak grpc yet"),
        ("MESHER_PORTS", "8080,tcp:8080", "named twice"),
        ("MESHER_REGISTRY", "ftp://r:1", "no address"),
        ("MESHER_REGISTRY", "off", "MESHER_SERVICES_FILE"),
        ("MESHER_REGISTRY_ACCOUNT", "a", "PASSWORD_FILE"),
        ("MESHER_REGISTRY_PASSWORD_FILE", "/p", "REGISTRY_ACCOUNT"),
        ("CSE_REGISTRY_ADDR", "http://r:1/v4", "has a path"),
        ("MESHER_OUTBOUND_LISTEN", "30101", "HOST:PORT"),
        ("MESHER_OUTBOUND_LISTEN", "0.0.0.0:30101", "loopback address only"),
        ("MESHER_TCP_OUTBOUND", "127.0.0.1:1", "write LISTEN=SERVICE"),
        ("MESHER_TCP_OUTBOUND", "10.0.0.1:1=db", "loopback address only"),
        ("MESHER_ADVERTISE", "0.0.0.0", "others cannot reach"),
        ("MESHER_ADVERTISE", "a b", "an IP address or a host name"),
        ("MESHER_ADVERTISE", "calculator:0", "from 1 to 65535"),
        ("VERSION", "v1", "one to four numbers"),
        ("ENVIRONMENT", "dev", "one of development"),
        ("MESHER_WORKERS", "0", "a number from 1"),
        ("MD", "novalue", "is no pair"),
        ("MESHER_HANDOVER", "mesher.sock", "an absolute path"),
        ("MESHER_HANDOVER", "/run/mesher/", "an absolute path"),
        ("MESHER_STATE_DIR", "state", "an absolute path of a folder"),
        ("MESHER_DRAIN_NOTICE", "2", "a time with its unit"),
        ("MESHER_DRAIN_NOTICE", "25h", "a time with its unit, at most a day"),
        ("MESHER_HEAD_TIME_MAX", "0s", "nothing can happen in no time"),
        ("MESHER_HEAD_FIELDS_MAX", "257", "a number from 1 to 256"),
        ("MESHER_BODY_BYTES_MAX", "16M", "a number of bytes, or off"),
        ("MESHER_MEMORY_MAX", "64MB", "at least 1MiB, as bytes or with a unit"),
        ("MESHER_MEMORY_MAX", "1023KiB", "at least 1MiB"),
        ("MESHER_MEMORY_MAX", "99999999999GiB", "at least 1MiB"),
        ("MESHER_LAG_MAX", "500", "a time with its unit"),
        ("MESHER_LAG_MAX", "0ms", "name at least 1ms; or off"),
        ("MESHER_UPSTREAM_CONNECTIONS_MAX", "0", "a number from 1"),
        ("MESHER_ACCESS_LOG", "some", "one of off, failures, all"),
        ("MESHER_APP", "-a", "begins and ends with"),
    ];
    for (name, value, remedy) in table {
        let told = problems("", &[("MESHER_SERVICE", "a"), (name, value)]);
        assert!(told.starts_with(&format!("{name}: ")) && told.contains(remedy), "{name}={value}: {told}");
    }
    assert!(problems("", &[]).contains("a sidecar needs the name of its service"));
}

#[test]
fn a_file_that_is_no_yaml_says_where() {
    for file in ["service: [a\n", "- a\n", "service: a\nservice: b\n", "service: {a: b}\n"] {
        let told = problems(file, &[]);
        assert!(told.starts_with("mesher.yaml:"), "{file:?}: {told}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let told = load("prots: 1\n", &[("MESHER_WORKERS", "x"), ("VERSION", "y")]).unwrap_err();
    assert_eq!(told.problems.len(), 4, "{told}");
}

#[test]
fn the_talks_names_keep_working() {
    let bootstrap = load(
        "",
        &[
            ("SERVICE_NAME", "demoServer"),
            ("SPECIFIC_ADDR", "127.0.0.1:3000"),
            ("CSE_REGISTRY_ADDR", "http://10.0.0.1:30100,http://10.0.0.2:30100"),
            ("MD", "a=1|b=2"),
            ("HOSTING_SERVER_IP", "10.9.9.9"),
        ],
    )
    .unwrap();
    assert_eq!(bootstrap.ports, [LocalPort { protocol: PortProtocol::Rest, port: 3000 }]);
    assert_eq!(bootstrap.registry.len(), 2);
    assert_eq!(bootstrap.properties["nodeIP"], "10.9.9.9");
    let tcp = load("", &[("SERVICE_NAME", "a"), ("MESHER_TCP_OUTBOUND", "127.0.0.1:6379=cache")])
        .unwrap()
        .tcp_outbound;
    assert_eq!(tcp, [TcpOutbound { listen: "127.0.0.1:6379".parse().unwrap(), service: "cache".to_owned() }]);
}

#[test]
fn a_proxy_needs_no_registry_where_a_file_names_services() {
    let bootstrap = load("service: a\nregistry: off\nservices_file: /etc/services.yaml\n", &[]).unwrap();
    assert!(bootstrap.registry.is_empty());
    assert_eq!(bootstrap.services_file, Some("/etc/services.yaml".into()));
}

#[test]
fn the_last_good_snapshot_lies_where_states_belong() {
    let state = |more: &[(&str, &str)]| load("", &[&[("MESHER_SERVICE", "a")], more].concat()).unwrap().state;
    assert_eq!(state(&[]), StateFolder::Below("/var/lib/mesher".into()));
    assert_eq!(state(&[("XDG_STATE_HOME", "/home/a/s")]), StateFolder::Below("/home/a/s/mesher".into()));
    assert_eq!(state(&[("XDG_STATE_HOME", "relative")]), StateFolder::Below("/var/lib/mesher".into()));
    assert_eq!(state(&[("MESHER_STATE_DIR", "/x")]), StateFolder::Named("/x".into()));
    assert_eq!(state(&[("MESHER_STATE_DIR", "off")]), StateFolder::Off);
}

#[test]
fn passed_sockets_are_those_of_this_process() {
    let own = std::process::id().to_string();
    let base = [("MESHER_SERVICE", "a"), ("LISTEN_PID", own.as_str())];
    let of = |more: &[(&str, &str)]| load("", &[&base, more].concat());
    let named = of(&[("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "inbound:")]).unwrap().activation.unwrap();
    assert_eq!(named.names, ["inbound", ""]);
    assert_eq!(of(&[("LISTEN_FDS", "2")]).unwrap().activation.unwrap().names, ["", ""]);
    assert!(of(&[("LISTEN_FDS", "2"), ("LISTEN_PID", "1")]).unwrap().activation.is_none());
    assert!(of(&[]).unwrap().activation.is_none());
    for wrong in [&[("LISTEN_FDS", "none")][..], &[("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "a:b")]] {
        assert!(of(wrong).unwrap_err().to_string().starts_with("LISTEN_FDS: "), "{wrong:?}");
    }
}
