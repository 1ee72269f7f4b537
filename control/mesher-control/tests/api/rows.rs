//! Bad inputs and faults that any management API meets, one test for each, called by the id of its row.
//! They must demand the outcome that the row demands; `access`, `browsers`, `exposure`, `any_request` and `watch` hold more.
//!
//! Rows that cannot be asked of this API yet:
//!
//! | row | why |
//! |---|---|
//! | AD-09 | `/drain` and `/config_dump` are a proxy's; nothing here is for callers of this machine only |
//! | AD-13, the part of `If-Match` | no record is changed in parts, and none has an `ETag` |
//! | AD-14, the part of the schema | there is no OpenAPI text to hold answers to |
//! | AD-15 | no session and no cookie: a browser carries nothing that another page could use |
//! | AD-05, the part of CSV | nothing is written as CSV |
//! | AD-19, the part of gzip | metrics are not compressed |

use serde_json::json;

use crate::support::{Plane, REGISTRY, SERVICES};

/// RG-09, from the other side: bodies that are cut, deep, huge or of another kind are refused on every route that takes one.
#[tokio::test]
async fn rg_09_no_body_ends_in_anything_but_a_refusal() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let instance = plane.instance(&service, "h1").await;
    let routes = [
        ("POST", SERVICES.to_owned()),
        ("DELETE", SERVICES.to_owned()),
        ("POST", format!("{SERVICES}/{service}/instances")),
        ("PUT", format!("{SERVICES}/{service}/schemas/s")),
        ("POST", format!("{SERVICES}/{service}/schemas")),
        ("POST", format!("{SERVICES}/{service}/tags")),
        ("PUT", format!("{SERVICES}/{service}/properties")),
        ("PUT", format!("{SERVICES}/{service}/instances/{instance}/properties")),
        ("PUT", format!("{REGISTRY}/heartbeats")),
        ("PUT", format!("{REGISTRY}/instances/status")),
        ("PUT", format!("{REGISTRY}/dependencies")),
        ("POST", format!("{REGISTRY}/dependencies")),
        ("POST", format!("{REGISTRY}/instances/action?type=query")),
    ];
    let deep = format!("{}{}", r#"{"service":"#.repeat(200), "}".repeat(200));
    let bodies = [r#"{"serv"#, "<html></html>", "\u{1f}\u{8b}\u{8}", r#""text""#, "7", &deep];
    for (method, route) in &routes {
        for body in bodies {
            let answer = plane.send(method, route, &[], body.to_owned()).await;
            answer.assert_refused("400001");
            assert!(answer.text.len() < 1_000, "{method} {route}: a refusal is short");
        }
    }
    let huge = json!({"schema": "x".repeat(2 * 1024 * 1024)}).to_string();
    plane.put(&format!("{SERVICES}/{service}/schemas/s"), &huge).await.assert_refused("400001");
    assert_eq!(plane.get("/livez").await.status, 200);
}

/// RG-18: heartbeats for what is unknown, and many at once.
#[tokio::test]
async fn rg_18_heartbeats_for_unknown_instances_make_nothing() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    plane.put(&format!("{SERVICES}/{service}/instances/nosuch/heartbeat"), "").await.assert_refused("400017");
    let many: Vec<_> =
        (0..10_000).map(|number| json!({"serviceId": service, "instanceId": format!("i{number}")})).collect();
    let answer = plane.put(&format!("{REGISTRY}/heartbeats"), &json!({"instances": many}).to_string()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["instances"].as_array().unwrap().len(), 10_000);
    let found = plane.get(&format!("{SERVICES}/{service}/instances")).await;
    assert_eq!(found.json()["instances"], json!([]));
}

/// AD-02: fields that would give another method, path or origin to a request.
#[tokio::test]
async fn ad_02_no_field_changes_what_a_request_is() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let path = format!("{SERVICES}/{service}");
    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/v4/default/registry/health"),
        ("x-rewrite-url", "/v4/default/registry/health"),
        ("x-forwarded-for", "127.0.0.1"),
        ("user-agent", "registry-server"),
        ("x-tenant-name", "other"),
    ] {
        let answer = plane.send("GET", &path, &[(name, value)], "").await;
        assert_eq!(answer.json()["service"]["serviceId"], json!(service), "{name}");
    }
}

/// AD-06: paths that leave their root.
#[tokio::test]
async fn ad_06_no_path_leads_outside() {
    let plane = Plane::start().await;
    for path in [
        "/v4/default/registry/../../etc/passwd",
        "/v4/default/registry/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/v4/default/registry/..%5c..%5cetc",
        "/v4/default/registry/microservices/x/../../../..",
        "/ui/%2e%2e/%2e%2e/etc/passwd",
    ] {
        assert_eq!(plane.get(path).await.status, 404, "{path}");
    }
    for id in ["%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "%ff", "..%5c.."] {
        let answer = plane.get(&format!("{SERVICES}/{id}")).await;
        assert_eq!(answer.status, 400, "{id}");
    }
}

/// AD-11: text that would forge a line or an answer comes back escaped and cut.
#[tokio::test]
async fn ad_11_foreign_text_comes_back_escaped_and_cut() {
    let plane = Plane::start().await;
    let name = format!("\u{1b}[2J\r\n\u{202e}\",\"errorCode\":\"0{}", "x".repeat(10_000));
    let body = json!({"service": {"serviceName": name}}).to_string();
    let answer = plane.post(SERVICES, &body).await;
    answer.assert_refused("400001");
    assert!(answer.text.len() < 1_000 && !answer.text.contains(['\u{1b}', '\r', '\n']), "{}", answer.text);
    assert_eq!(answer.json()["errorCode"], "400001");
}

/// AD-12: members that are not the caller's to set, and ids of another tenant.
#[tokio::test]
async fn ad_12_nobody_sets_or_reads_what_is_not_theirs() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let body =
        r#"{"instance":{"hostName":"h","role":"admin","serviceId":"other","timestamp":"1","version":"9"}}"#;
    let answer = plane.post(&format!("{SERVICES}/{service}/instances"), body).await;
    let id = answer.json()["instanceId"].as_str().unwrap().to_owned();
    let instance = format!("{SERVICES}/{service}/instances/{id}");
    let record = plane.get(&instance).await.json()["instance"].clone();
    assert_eq!((&record["serviceId"], &record["version"]), (&json!(service), &json!("1.0.0")));
    assert!(record.get("role").is_none() && record["timestamp"] != "1");
    let other = [("x-domain-name", "other")];
    for (method, path) in [
        ("GET", format!("{SERVICES}/{service}")),
        ("DELETE", format!("{SERVICES}/{service}?force=true")),
        ("GET", format!("{SERVICES}/{service}/schemas")),
        ("GET", format!("{SERVICES}/{service}/tags")),
        ("GET", format!("{SERVICES}/{service}/consumers")),
        ("GET", format!("/v4/default/govern/microservices/{service}")),
    ] {
        plane.send(method, &path, &other, "").await.assert_refused("400012");
    }
    let answer = plane.send("PUT", &format!("{instance}/heartbeat"), &other, "").await;
    answer.assert_refused("400017");
}

/// AD-13: the same request twice.
#[tokio::test]
async fn ad_13_a_request_sent_twice_counts_once() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    assert_eq!(plane.service("pay", "1.0.0").await, service);
    let body = r#"{"instance":{"hostName":"h","instanceId":"fixed"}}"#;
    for _ in 0..2 {
        let answer = plane.post(&format!("{SERVICES}/{service}/instances"), body).await;
        assert_eq!(answer.json()["instanceId"], "fixed");
    }
    let found = plane.get(&format!("{SERVICES}/{service}/instances")).await;
    assert_eq!(found.json()["instances"].as_array().unwrap().len(), 1);
    let tags = format!("{SERVICES}/{service}/tags");
    for _ in 0..2 {
        plane.post(&tags, r#"{"tags":{"a":null}}"#).await.assert_refused("400001");
        plane.post(&tags, r#"{"tags":{"a":"one"}}"#).await.assert_empty();
    }
    assert_eq!(plane.get(&tags).await.json(), json!({"tags": {"a": "one"}}));
}
