//! kie and config-center with what no client should send.
//! They must end in a refusal that blames the caller, and in a server that goes on.

use serde_json::{Value, json};

use crate::kie::{KEYS, assert_refused, key, make, names};
use crate::support::Plane;

const ITEMS: &str = "/v3/default/configuration/items";

#[tokio::test]
async fn what_is_no_record_is_refused_on_every_path_that_reads_one() {
    let plane = Plane::start().await;
    let id = make(&plane, "k", "1", &json!({})).await;
    let deep = "[".repeat(100_000);
    let deep_labels =
        format!(r#"{{"key":"k2","labels":{}1{}}}"#, r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    let bodies =
        ["{bad", "", "[]", "7", "\"x\"", "{} {}", &deep, &deep_labels, r#"{"value":7}"#, r#"{"value":"#];
    for body in bodies {
        for (method, path) in [
            ("POST", KEYS.to_owned()),
            ("PUT", format!("{KEYS}/{id}")),
            ("POST", "/v1/default/kie/file?override=force".to_owned()),
            ("DELETE", KEYS.to_owned()),
            ("POST", ITEMS.to_owned()),
            ("DELETE", ITEMS.to_owned()),
        ] {
            let answer = plane.send(method, &path, &[], body.to_owned()).await;
            // A file of nothing is a file, and a member that nobody knows is passed over.
            let is_fine = answer.status == 200 && body == r#"{"value":7}"# && path.contains("file");
            let is_empty = answer.status == 403 && method == "DELETE" && path == KEYS;
            if !is_fine && !is_empty {
                assert_refused(&answer, "400001");
            }
        }
    }
    let answer = plane.send("POST", KEYS, &[], vec![0xff, 0xfe]).await;
    assert_refused(&answer, "400001");
    assert_eq!(names(&plane.get(KEYS).await), ["k"], "nothing of it was taken");
}

#[tokio::test]
async fn t_kie_19_a_value_has_128_kib_and_not_a_byte_more() {
    let plane = Plane::start().await;
    make(&plane, "fits", &"x".repeat(128 * 1024), &json!({})).await;
    // Each character takes six bytes on the wire.
    let escaped = format!(r#"{{"key":"escaped","value":"{}"}}"#, "\\u0001".repeat(128 * 1024));
    assert_eq!(plane.post(KEYS, &escaped).await.status, 200);
    let long = key("long", &"x".repeat(128 * 1024 + 1), &json!({}));
    let refused = plane.post(KEYS, &long).await;
    assert_refused(&refused, "400001");
    assert!(refused.json()["detail"].as_str().unwrap().contains("KVDoc.Value"), "{refused:?}");
    assert_refused(&plane.post(KEYS, &key("longer", &"x".repeat(129 * 1024), &json!({}))).await, "400001");
    assert_refused(&plane.post(KEYS, &key("nul", "a\0b", &json!({}))).await, "400001");
    let items = json!({"dimensionsInfo": "s@a", "items": {"k": "x".repeat(128 * 1024 + 1)}});
    assert_refused(&plane.post(ITEMS, &items.to_string()).await, "400001");
}

/// CF-01: a body without end is not read to its end.
#[tokio::test]
async fn cf_01_a_gibibyte_is_refused_before_it_has_come() {
    let plane = Plane::start().await;
    for path in [KEYS, "/v1/default/kie/file?override=force", ITEMS] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{{\"key\":\"",
            plane.address,
            1_u64 << 30
        );
        let (answer, taken) = plane.flood(&head, vec![b'x'; 1024 * 1024], 1024).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("too large"), "{path}: {answer}");
        assert!(taken < 64, "{path}");
    }
    assert_eq!(plane.get(KEYS).await.status, 200);
}

#[tokio::test]
async fn t_kie_08_t_kie_09_t_kie_11_a_query_has_its_bounds() {
    let plane = Plane::start().await;
    make(&plane, "k", "1", &json!({})).await;
    let many = |count: usize| (0..count).map(|at| format!("label=l{at}:v")).collect::<Vec<_>>().join("&");
    for query in ["limit=1", "limit=100", "offset=7", &many(8), "key=wildcard(*)", "match=other", "wait=0s"] {
        let answer = plane.get(&format!("{KEYS}?{query}")).await;
        assert!([200, 304].contains(&answer.status), "{query}: {answer:?}");
    }
    let long = format!("label=a:{}", "x".repeat(161));
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "offset=x",
        "label=app",
        "label=:x",
        "label=app:a&label=app:b",
        "label=a:b:c",
        &many(9),
        &long,
        "status=nosuch",
        "revision=x",
        "revision=1.5",
        "revision=99999999999999999999",
        "wait=nosuch",
        "wait=5",
        "wait=-1s",
        "wait=1s1",
        "wait=1s&key=k",
        "label=%ff:x",
    ] {
        assert_refused(&plane.get(&format!("{KEYS}?{query}")).await, "400001");
    }
    for wait in ["5m1ns", "6m", "301s", "1h", "99999999999999h"] {
        assert_refused(&plane.get(&format!("{KEYS}?wait={wait}")).await, "400003");
    }
}

#[tokio::test]
async fn a_repeated_member_counts_as_the_original_reads_it() {
    let plane = Plane::start().await;
    let body = r#"{"key":"first","KEY":"second","value":"1","Value":"2","labels":{"App":"a","app":"b"}}"#;
    let made = plane.post(KEYS, body).await.json();
    assert_eq!(made["labels"], json!({"App": "a", "app": "b"}), "names of labels have a case");
    let body = r#"{"key":"twice","key":"last","value":null,"labels":null,"priority":null}"#;
    let made = plane.post(KEYS, body).await.json();
    assert_eq!(
        (&made["key"], &made["value"], &made["status"]),
        (&json!("last"), &json!(""), &json!("disabled"))
    );
}

#[tokio::test]
async fn ids_and_projects_of_any_form_are_read() {
    let plane = Plane::start().await;
    for path in ["/v1/a%2Fb/kie/kv", "/v1/%00/kie/kv", "/v1/ö/kie/kv", "/v1/a%20b/kie/kv"] {
        let answer = plane.get(&path.replace('ö', "%C3%B6")).await;
        assert_refused(&answer, "400001");
    }
    for id in ["nosuch", "..%2f..", "%00", "%F0%9F%98%80"] {
        for (method, body) in [("GET", ""), ("PUT", r#"{"value":"x"}"#), ("DELETE", "")] {
            assert_refused(&plane.send(method, &format!("{KEYS}/{id}"), &[], body).await, "404001");
        }
    }
    assert_refused(&plane.send("DELETE", KEYS, &[], r#"{"ids":[]}"#).await, "403001");
    assert_refused(&plane.send("DELETE", KEYS, &[], r#"{"ids":["nosuch"]}"#).await, "404001");
    let answer = plane.send("PATCH", KEYS, &[], "").await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn a_page_of_another_site_reads_and_changes_nothing() {
    let plane = Plane::start().await;
    let foreign = [("Origin", "http://evil.example")];
    for path in [KEYS, ITEMS, "/configuration/v2/items", "/members", "/v1/health"] {
        assert_eq!(plane.send("GET", path, &foreign, "").await.status, 403, "{path}");
    }
    let body = key("k", "1", &json!({}));
    assert_eq!(plane.send("POST", KEYS, &foreign, body).await.status, 403);
    assert_eq!(plane.get(KEYS).await.json()["total"], Value::from(0));
}
