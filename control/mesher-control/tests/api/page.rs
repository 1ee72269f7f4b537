//! The status page as a browser meets it.
//! They must not pin its markup beyond what keeps it safe and useful.

use mesher_control::Settings;
use serde_json::json;

use crate::support::{Plane, SERVICES};

#[tokio::test]
async fn an_empty_registry_says_what_to_do() {
    let plane = Plane::start().await;
    let page = plane.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let hint = "No service registered yet. Run mesher demo, or start a service with: mesher run --service NAME -- COMMAND";
    assert!(page.text.contains(hint), "{}", page.text);
}

#[tokio::test]
async fn what_is_registered_is_shown() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    plane.instance(&service, "n1").await;
    let row = json!({"service": "pay", "outbound": "127.0.0.1:30101", "state": "ready"}).to_string();
    plane.put("/mesher/v1/proxies/p-1", &row).await;
    plane.advance(7);
    let page = plane.get("/").await.text;
    for part in ["pay", "1.0.0", "1 of 1 up", "rest://10.0.0.7:8080", "127.0.0.1:30101", "UP", "up 7 s"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn the_page_is_fenced_in_and_runs_nothing() {
    let plane = Plane::start().await;
    let style = plane.get("/ui/status.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    let page = plane.get("/").await;
    assert!(page.text.contains("href=\"/ui/status.css\""));
    for answer in [&page, &style] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    for forbidden in ["<script", "<style", "style=", "onload"] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn ad_05_foreign_text_stays_text() {
    let plane = Plane::start().await;
    let markup = "<img src=x onerror=alert(1)>";
    let body = json!({"service": {"serviceName": markup}}).to_string();
    plane.post(SERVICES, &body).await.assert_refused("400001");
    let service = plane.service("pay", "1.0.0").await;
    let body = json!({"instance": {"hostName": "<b>\"'&\u{202e}", "endpoints": ["rest://<script>"]}});
    let path = format!("{SERVICES}/{service}/instances");
    assert_eq!(plane.post(&path, &body.to_string()).await.status, 200);
    let row = json!({"service": markup, "state": "ready"}).to_string();
    assert_eq!(plane.put("/mesher/v1/proxies/p-1", &row).await.status, 204);
    let page = plane.get("/").await.text;
    for raw in ["<img", "<script", "<b>", "\u{202e}"] {
        assert!(!page.contains(raw), "{raw} in {page}");
    }
    assert!(page.contains("&lt;b&gt;&quot;&#39;&amp;\u{fffd}"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[tokio::test]
async fn ad_08_a_foreign_host_is_refused() {
    let extra_hosts = vec!["Mesh.example".to_owned()];
    let plane = Plane::start_with(Settings { extra_hosts, ..Settings::default() }).await;
    let table = [
        ("127.0.0.1", 200),
        ("10.1.2.3:30100", 200),
        ("[::1]:30100", 200),
        ("localhost:30100", 200),
        ("LOCALHOST", 200),
        ("mesh.example:80", 200),
        ("evil.test", 403),
        ("evil.test:30100", 403),
        ("localhost.evil.test", 403),
        ("127.0.0.1.evil.test", 403),
        ("evil.test@127.0.0.1", 403),
        ("", 403),
    ];
    for path in ["/", "/ui/status.css", "/metrics", "/mesher/v1/services"] {
        for (host, status) in table {
            let answer = plane.send("GET", path, &[("host", host)], "").await;
            assert_eq!(answer.status, status, "{host:?} {path}");
        }
    }
    let put = plane.send("PUT", "/mesher/v1/proxies/p-1", &[("host", "evil.test")], "{}").await;
    assert_eq!(put.json()["error"], "foreign_host");
    let sdk = plane.send("GET", "/v4/default/registry/health", &[("host", "registry.svc")], "").await;
    assert_eq!(sdk.status, 200, "clients reach the registry by any name");
}
