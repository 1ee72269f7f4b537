//! What leaves the control plane without being meant to: connections, secrets, forged lines, series without bound.
//! They must search everything that a caller or an operator can read.

use mesher_control::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::access::{self, ROOT};
use crate::support::{Log, Plane, SERVICES};

/// Services that must make no series.
const SERVICES_MADE: usize = 10_000;

/// AD-07: addresses that a caller registers are told to others and never called.
#[tokio::test]
async fn ad_07_no_registered_address_is_connected_to() {
    let bait = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = bait.local_addr().unwrap().port();
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let addresses = [
        format!("rest://127.0.0.1:{port}"),
        format!("rest://[::ffff:127.0.0.1]:{port}"),
        format!("http://localhost:{port}#x"),
        "rest://169.254.169.254:80".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("gopher://127.0.0.1:{port}"),
    ];
    for (number, address) in addresses.iter().enumerate() {
        for mode in ["pull", "push"] {
            let check = json!({
                "mode": mode, "port": port, "interval": 1, "times": 1,
                "url": format!("http://127.0.0.1:{port}/health"),
            });
            let instance = json!({"instance": {
                "hostName": format!("h{number}{mode}"), "endpoints": [address], "healthCheck": check,
            }});
            let path = format!("{SERVICES}/{service}/instances");
            assert_eq!(plane.post(&path, &instance.to_string()).await.status, 200, "{address}");
        }
    }
    let row =
        json!({"service": "pay", "outbound": format!("127.0.0.1:{port}"), "state": "ready"}).to_string();
    assert_eq!(plane.put("/mesher/v1/proxies/p-1", &row).await.status, 204);
    for path in ["/", "/metrics", "/mesher/v1/services", "/mesher/v1/proxies"] {
        assert_eq!(plane.get(path).await.status, 200);
        plane.advance(60);
    }
    // A connection that was begun stands in the backlog by now: a plain look finds it.
    let called = tokio::time::timeout(std::time::Duration::from_millis(700), bait.accept()).await;
    assert!(called.is_err(), "{called:?}");
}

/// AD-10: whatever a reader can read, there is no secret in it.
#[tokio::test]
async fn ad_10_no_secret_is_told_anywhere() {
    let log = Log::default();
    let _guard = log.begin();
    let folder = TempDir::new().unwrap();
    let settings = Settings { data_directory: Some(folder.path().to_owned()), ..access::with_root() };
    let mut told = format!("{settings:?}");
    let plane = Plane::start_with(settings).await;
    let root = access::token(&plane, "root", ROOT).await;
    let password = "Acc0unt-pass!";
    let new = json!({"name": "worker", "password": password, "roles": ["developer"]});
    access::send(&plane, &root, "POST", "/v4/accounts", &new).await.assert_empty();
    let bad_login = json!({"name": "worker", "password": "Wr0ng-pass!"}).to_string();
    told.push_str(&plane.post("/v4/token", &bad_login).await.text);
    let weak = json!({"name": "other", "password": "we4k", "roles": ["developer"]});
    told.push_str(&access::send(&plane, &root, "POST", "/v4/accounts", &weak).await.text);
    let change = json!({"currentPassword": "Wr0ng-pass!", "password": "An0ther-pass!"});
    told.push_str(&access::send(&plane, &root, "POST", "/v4/accounts/root/password", &change).await.text);
    told.push_str(&access::send(&plane, &format!("{root}x"), "GET", SERVICES, &Value::Null).await.text);
    // A backup is made to be restored: it holds the hashes, and is an administrator's alone.
    for template in access::templates().iter().filter(|template| *template != "/mesher/v1/backup") {
        for method in ["GET", "PUT", "PATCH"] {
            let path = access::path_of(template);
            told.push_str(&access::send(&plane, &root, method, &path, &Value::Null).await.text);
        }
    }
    told.push_str(&access::send(&plane, &root, "GET", "/v4/accounts/worker", &Value::Null).await.text);
    told.push_str(&access::send(&plane, &root, "GET", "/v4/accounts", &Value::Null).await.text);
    told.push_str(&std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap());
    let log = log.text();
    assert!(log.contains("access control is on"), "{log}");
    told.push_str(&log);
    assert!(told.contains("worker") && told.contains("mesher_control_requests_total"));
    for secret in [
        &root,
        ROOT,
        password,
        "Wr0ng-pass!",
        "An0ther-pass!",
        "we4k",
        "argon2",
        "password_hash",
        "PRIVATE KEY",
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

/// AD-11: text that would end a line, clear a screen or turn it around.
#[tokio::test]
async fn ad_11_no_line_of_the_log_can_be_forged() {
    let log = Log::default();
    let _guard = log.begin();
    let plane = Plane::start().await;
    let forged = "x\r\n2026-01-01 INFO forged: actor=root\u{1b}[2J\u{202e}\", who=\"root";
    let service = json!({"service": {
        "serviceName": "pay", "version": "1.0.0", "properties": {forged: forged}, "description": forged,
    }});
    let made = plane.post(SERVICES, &service.to_string()).await.json();
    let instances = format!("{SERVICES}/{}/instances", made["serviceId"].as_str().unwrap());
    let instance = json!({"instance": {"hostName": forged, "properties": {forged: forged}}}).to_string();
    assert_eq!(plane.post(&instances, &instance).await.status, 200);
    let named = json!({"service": {"serviceName": forged}}).to_string();
    plane.post(SERVICES, &named).await.assert_refused("400001");
    plane.get("/nosuch/%0d%0a%1b%5b2J").await;
    let text = log.text();
    assert!(text.contains("forged"), "the audit tells of it: {text}");
    assert!(!text.contains(['\r', '\u{1b}', '\u{202e}']), "{text:?}");
    for line in text.lines() {
        assert!(line.contains(" INFO mesher_") || line.contains(" WARN mesher_"), "{line}");
    }
}

/// AD-18: what debuggers of other servers answer under.
#[tokio::test]
async fn ad_18_nothing_of_a_debugger_answers() {
    let plane = Plane::start().await;
    for path in [
        "/debug/pprof/",
        "/debug/pprof/heap",
        "/debug/pprof/profile?seconds=30",
        "/debug/vars",
        "/debug/requests",
        "/heap",
        "/config_dump",
        "/logging",
        "/quitquitquit",
        "/v4/default/admin/dump",
        "/actuator/env",
        "/console",
    ] {
        for method in ["GET", "POST"] {
            let answer = plane.send(method, path, &[], "").await;
            assert_eq!(
                (answer.status, &answer.json()["error"]),
                (404, &json!("not_found")),
                "{method} {path}"
            );
        }
    }
}

/// AD-19: the number of series does not follow the number of what is registered.
#[tokio::test]
async fn ad_19_ten_thousand_services_make_no_series() {
    let plane = Plane::start().await;
    plane.service("s", "0.0.1").await;
    plane.get("/metrics").await;
    plane.get("/nosuch").await;
    let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let services = |text: &str| -> usize {
        let value = text.lines().find_map(|line| line.strip_prefix("mesher_control_services "));
        value.unwrap_or_else(|| panic!("no number of services: {text}")).parse().unwrap()
    };
    let before = plane.get("/metrics").await.text;
    for number in 0..SERVICES_MADE {
        plane.service(&format!("s{number}"), "1.0.0").await;
        if number % 100 == 0 {
            plane.get(&format!("/nosuch-{number}")).await;
        }
    }
    let after = plane.get("/metrics").await.text;
    assert_eq!(services(&after), services(&before) + SERVICES_MADE, "{after}");
    assert_eq!(series(&after), series(&before), "{after}");
    assert!(!after.contains("s9999") && after.len() < 64 * 1024);
}
