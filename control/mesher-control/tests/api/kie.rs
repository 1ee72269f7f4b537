//! kie v1 over a real socket: its paths, its two forms, its permissions, and what is kept.
//! They must hold the shapes that SDKs read.

use mesher_control::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::access::{self, ROOT};
use crate::support::{Answer, Plane};

pub(crate) const KEYS: &str = "/v1/default/kie/kv";

/// An enabled key under labels written as JSON.
pub(crate) fn key(name: &str, value: &str, labels: &Value) -> String {
    json!({"key": name, "value": value, "status": "enabled", "labels": labels}).to_string()
}

pub(crate) async fn make(plane: &Plane, name: &str, value: &str, labels: &Value) -> String {
    let answer = plane.post(KEYS, &key(name, value, labels)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Keys of a list, in its order.
pub(crate) fn names(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let names = list["data"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap().to_owned());
    names.collect()
}

pub(crate) fn assert_refused(answer: &Answer, code: &str) {
    assert_eq!(answer.status.to_string(), code[..3], "{answer:?}");
    let body = answer.json();
    assert_eq!(body["errorCode"], code, "{answer:?}");
    assert!(body["errorMessage"].is_string() && body["detail"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn t_kie_15_a_list_names_an_integer_revision_and_no_null() {
    let plane = Plane::start().await;
    make(&plane, "a", "1", &json!({"app": "shop"})).await;
    let answer = plane.get(&format!("{KEYS}?label=app:shop")).await;
    assert_eq!(answer.header("x-kie-revision").parse::<i64>().unwrap(), 1);
    assert!(answer.header("content-type").starts_with("application/json"));
    assert!(!answer.text.contains("null"), "{answer:?}");
    let one = &answer.json()["data"][0];
    assert_eq!((&one["value_type"], &one["status"]), (&json!("text"), &json!("enabled")));
    let empty = plane.get(&format!("{KEYS}?label=app:none")).await;
    assert_eq!(empty.json(), json!({"total": 0, "data": []}));
}

#[tokio::test]
async fn t_kie_17_selectors_are_read_as_sdks_write_them() {
    let plane = Plane::start().await;
    let labels = json!({"app": "shop", "service": "pay", "environment": ""});
    make(&plane, "java", "1", &labels).await;
    make(&plane, "global", "1", &json!({"public": ""})).await;
    for query in [
        "label=app%3Ashop&label=service%3Apay&label=environment%3A&&revision=-1&match=exact",
        "revision=-1&match=exact&label=service:pay&label=app:shop&label=environment:",
        "label=app:shop&label=app:shop&unknown=1",
    ] {
        let answer = plane.get(&format!("{KEYS}?{query}")).await;
        assert_eq!((answer.status, names(&answer)), (200, vec!["java".to_owned()]), "{query}");
    }
    assert_eq!(names(&plane.get(&format!("{KEYS}?label=public%3A&&revision=-1")).await), ["global"]);
}

#[tokio::test]
async fn t_kie_04_each_value_type_is_taken_and_told() {
    let plane = Plane::start().await;
    for kind in ["ini", "json", "text", "yaml", "properties", "xml"] {
        let body = json!({"key": kind, "value": "v", "value_type": kind}).to_string();
        assert_eq!(plane.post(KEYS, &body).await.json()["value_type"], kind);
    }
    let bad = json!({"key": "k", "value": "v", "value_type": "yml"}).to_string();
    assert_refused(&plane.post(KEYS, &bad).await, "400001");
}

#[tokio::test]
async fn yaml_is_read_and_written_where_it_is_named() {
    let plane = Plane::start().await;
    let body = "key: from.yaml\nvalue: |\n  a: 1\nvalue_type: yaml\nstatus: enabled\nlabels:\n  app: shop\n";
    let headers = [("Content-Type", "text/yaml; charset=utf-8")];
    let made = plane.send("POST", KEYS, &headers, body).await;
    assert_eq!((made.status, &made.json()["value"]), (200, &json!("a: 1\n")), "{made:?}");
    let path = format!("{KEYS}/{}", made.json()["id"].as_str().unwrap());
    let shown = plane.send("GET", &path, &[("Accept", "text/yaml")], "").await;
    assert_eq!(shown.header("content-type"), "text/yaml");
    assert!(shown.text.contains("key: from.yaml"), "{shown:?}");
    let changed = plane.send("PUT", &path, &headers, "value: 'b: 2'\n").await;
    assert_eq!(changed.json()["value"], "b: 2");
    let bomb = format!("a: &a [x,x,x,x,x,x,x,x,x]\n{}key: k\n", nested_aliases());
    for bad in ["key: [", "key: a\nkey: b\n", "key: a\n---\nkey: b\n", "key:\n\t- x", "key: {a: b}", &bomb] {
        assert_refused(&plane.send("POST", KEYS, &headers, bad.to_owned()).await, "400001");
    }
}

/// Nine levels, each of which repeats the one before nine times.
fn nested_aliases() -> String {
    let level =
        |name: char, before: char| format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(","));
    ('b'..='i').zip('a'..='h').map(|(name, before)| level(name, before)).collect()
}

#[tokio::test]
async fn t_kie_13_an_upload_tells_what_became_of_each() {
    let plane = Plane::start().await;
    make(&plane, "k", "1", &json!({"app": "shop"})).await;
    let data = ["new", "k", "a b"]
        .map(|name| json!({"key": name, "value": "2", "labels": {"app": "shop"}, "status": "enabled"}));
    let body = json!({"data": data}).to_string();
    let answer = plane.post("/v1/default/kie/file?override=skip", &body).await.json();
    assert_eq!(answer["success"][0]["key"], "new");
    let codes: Vec<_> = answer["failure"].as_array().unwrap().iter().map(|one| &one["error_code"]).collect();
    assert_eq!(codes, [&json!(400_004), &json!(400_001)]);
    assert_eq!(answer["failure"][0]["labels"], json!({"app": "shop"}));
    let forced = plane.post("/v1/default/kie/file?override=force", &body).await.json();
    assert_eq!(forced["success"].as_array().unwrap().len(), 2, "{forced}");
    let aborted = plane.post("/v1/default/kie/file?override=abort", &body).await.json();
    assert_eq!((&aborted["success"], aborted["failure"].as_array().unwrap().len()), (&json!([]), 3));
    for query in ["", "?override=", "?override=never"] {
        assert_refused(&plane.post(&format!("/v1/default/kie/file{query}"), &body).await, "400001");
    }
}

#[tokio::test]
async fn polls_of_a_session_are_remembered_and_those_of_nobody_are_not() {
    let plane = Plane::start().await;
    make(&plane, "k", "secret-value", &json!({"app": "shop"})).await;
    let path = format!("{KEYS}?label=app:shop&revision=-1");
    plane.get(&path).await;
    assert_refused(&plane.get("/v1/default/kie/track").await, "404001");
    let session = [("X-Session-Id", "s-1"), ("X-Session-Group", "g"), ("User-Agent", "sdk")];
    plane.send("GET", &path, &session, "").await;
    plane.send("GET", &format!("{KEYS}?label=app:shop&revision=1"), &session, "").await;
    plane.send("GET", &path, &[("X-Session-Id", "s-2")], "").await;
    let tracked =
        plane.get("/v1/default/kie/track?sessionId=s-1&sessionGroup=g&userAgent=sdk&ip=127.0.0.1").await;
    let tracked = tracked.json();
    assert_eq!((&tracked["total"], &tracked["data"][0]["response_code"]), (&json!(1), &json!(304)));
    assert_eq!(tracked["data"][0]["polling_data"]["labels"], json!(["app:shop"]));
    let all = plane.get("/v1/default/kie/track?urlPath=GET%20/v1/default/kie/kv").await;
    assert_eq!(all.json()["total"], 2);
    assert!(!all.text.contains("secret-value"), "{all:?}");
    assert_refused(&plane.get("/v1/other/kie/track").await, "404001");
}

#[tokio::test]
async fn health_counts_and_liveness_says_nothing() {
    let plane = Plane::start().await;
    make(&plane, "k", "1", &json!({})).await;
    let health = plane.get("/v1/health").await.json();
    assert_eq!((&health["revision"], &health["total_kv_count"]), (&json!("1"), &json!(1)));
    assert_eq!(health["timestamp"], 1_700_000_000);
    plane.get("/v1/health?mode=liveness").await.assert_empty();
}

#[tokio::test]
async fn a_project_is_a_space_of_its_own_and_no_header_changes_the_domain() {
    let plane = Plane::start().await;
    let id = make(&plane, "k", "1", &json!({})).await;
    assert_refused(&plane.get(&format!("/v1/other/kie/kv/{id}")).await, "404001");
    let elsewhere = plane.send("GET", KEYS, &[("X-Domain-Name", "other")], "").await;
    assert_eq!(names(&elsewhere), ["k"]);
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_the_revision_goes_on() {
    let folder = TempDir::new().unwrap();
    let settings = || Settings { data_directory: Some(folder.path().join("data")), ..Settings::default() };
    let plane = Plane::start_with(settings()).await;
    let labels = json!({"app": "shop", "environment": ""});
    let id = make(&plane, "k", "1", &labels).await;
    let gone = make(&plane, "gone", "1", &labels).await;
    plane.put(&format!("{KEYS}/{id}"), r#"{"value":"2"}"#).await;
    assert_eq!(plane.delete(&format!("{KEYS}/{gone}")).await.status, 204);
    let paths = [format!("{KEYS}/{id}"), format!("/v1/default/kie/revision/{id}")];
    let before = [plane.get(&paths[0]).await.text, plane.get(&paths[1]).await.text];
    let revision = |answer: &Answer| answer.header("x-kie-revision").parse::<u64>().unwrap();
    let told = revision(&plane.get(KEYS).await);
    plane.stop().await.unwrap();

    let plane = Plane::start_with(settings()).await;
    assert_eq!([plane.get(&paths[0]).await.text, plane.get(&paths[1]).await.text], before);
    assert_refused(&plane.get(&format!("{KEYS}/{gone}")).await, "404001");
    let list = plane.get(&format!("{KEYS}?revision={told}")).await;
    assert_eq!(list.status, 200, "whoever polls is told once after a restart");
    assert!(revision(&list) >= told);
    let again = plane.get(&format!("{KEYS}?revision={}", revision(&list))).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    make(&plane, "gone", "3", &labels).await;
    assert!(revision(&plane.get(KEYS).await) > revision(&list));
    let audit = std::fs::read_to_string(folder.path().join("data/audit.jsonl")).unwrap();
    let targets: Vec<_> = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    let own: Vec<_> =
        targets.iter().filter(|line| line["target"].as_str().unwrap().starts_with("config/")).collect();
    let actions: Vec<_> = own.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["created", "created", "changed", "removed", "created"], "records and nothing else");
    plane.stop().await.unwrap();
}

/// An account whose role reaches keys of one application, and its token.
async fn narrow(plane: &Plane, verbs: &[&str]) -> String {
    let root = access::token(plane, "root", ROOT).await;
    let perms = json!([{"resources": [{"type": "config", "labels": {"appId": "shop"}}], "verbs": verbs}]);
    let role = json!({"name": "narrow", "perms": perms});
    access::send(plane, &root, "POST", "/v4/roles", &role).await.assert_empty();
    let account = json!({"name": "narrow", "password": "Acc0unt-pass!", "roles": ["narrow"]});
    access::send(plane, &root, "POST", "/v4/accounts", &account).await.assert_empty();
    access::token(plane, "narrow", "Acc0unt-pass!").await
}

fn one(name: &str, app: &str) -> Value {
    json!({"key": name, "value": "v", "status": "enabled", "labels": {"app": app}})
}

#[tokio::test]
async fn a_narrow_role_touches_its_own_keys_only() {
    let plane = access::guarded().await;
    let root = access::token(&plane, "root", ROOT).await;
    let mut ids = Vec::new();
    for app in ["shop", "other"] {
        let made = access::send(&plane, &root, "POST", KEYS, &one("k", app)).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let token = narrow(&plane, &["*"]).await;
    let listed = access::send(&plane, &token, "GET", KEYS, &Value::Null).await.json();
    assert_eq!((&listed["total"], &listed["data"][0]["labels"]["app"]), (&json!(1), &json!("shop")));
    let (mine, other) = (format!("{KEYS}/{}", ids[0]), format!("{KEYS}/{}", ids[1]));
    let both = json!({"ids": ids});
    let upload = |app: &str| json!({"data": [one("new", "shop"), one("new", app)]});
    let file = "/v1/default/kie/file?override=force";
    let items = "/v3/default/configuration/items";
    let set = |app: &str| json!({"dimensionsInfo": format!("s@{app}"), "items": {"k": "v"}});
    let unset = |app: &str| json!({"dimensionsInfo": format!("s@{app}"), "keys": ["k"]});
    for (method, path, body) in [
        ("GET", other.clone(), Value::Null),
        ("PUT", other.clone(), json!({"value": "w"})),
        ("DELETE", other.clone(), Value::Null),
        ("DELETE", KEYS.to_owned(), both),
        ("POST", KEYS.to_owned(), one("x", "other")),
        ("POST", KEYS.to_owned(), json!({"key": "x", "value": "v"})),
        ("POST", file.to_owned(), upload("other")),
        ("GET", format!("/v1/default/kie/revision/{}", ids[1]), Value::Null),
        ("GET", "/v1/default/kie/track".to_owned(), Value::Null),
        ("POST", items.to_owned(), set("other")),
        ("DELETE", items.to_owned(), unset("other")),
    ] {
        let answer = access::send(&plane, &token, method, &path, &body).await;
        assert_eq!(answer.status, 403, "{method} {path} {body}: {answer:?}");
    }
    for (method, path, body) in [
        ("GET", mine.clone(), Value::Null),
        ("PUT", mine.clone(), json!({"value": "w"})),
        ("POST", KEYS.to_owned(), one("x", "shop")),
        ("POST", file.to_owned(), upload("shop")),
        ("GET", format!("/v1/default/kie/revision/{}", ids[0]), Value::Null),
        ("POST", items.to_owned(), set("shop")),
        ("GET", format!("{items}?dimensionsInfo=s%40shop"), Value::Null),
        ("DELETE", items.to_owned(), unset("shop")),
        ("DELETE", mine, Value::Null),
    ] {
        let answer = access::send(&plane, &token, method, &path, &body).await;
        assert!(answer.status < 300, "{method} {path} {body}: {answer:?}");
    }
    let seen = access::send(&plane, &root, "GET", &other, &Value::Null).await.json();
    assert_eq!(seen["value"], "v");
    let hidden =
        access::send(&plane, &token, "GET", &format!("{items}?dimensionsInfo=s%40other"), &Value::Null).await;
    assert_eq!(hidden.json()["s@other"], json!({}), "what it may not see is not shown");
}

#[tokio::test]
async fn to_make_is_not_to_change() {
    let plane = access::guarded().await;
    let token = narrow(&plane, &["create"]).await;
    let send = async |method: &str, path: &str, body: Value| {
        access::send(&plane, &token, method, path, &body).await.status
    };
    assert_eq!(send("POST", KEYS, one("k", "shop")).await, 200);
    let data = json!({"data": [one("k", "shop")]});
    assert_eq!(send("POST", "/v1/default/kie/file?override=force", data.clone()).await, 403);
    assert_eq!(send("POST", "/v1/default/kie/file?override=skip", data).await, 200);
    let items = json!({"dimensionsInfo": "s@shop", "items": {"k": "v"}});
    assert_eq!(send("POST", "/v3/default/configuration/items", items).await, 403);
    assert_eq!(send("GET", KEYS, Value::Null).await, 403);
}
