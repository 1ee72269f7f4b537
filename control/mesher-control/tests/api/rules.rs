//! Rule documents over HTTP: written on a condition, checked, applied together, looked back on, taken back.
//! They must not link a proxy: who serves with what is a test of the links.

use mesher_control::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Plane};

const NEW: &[(&str, &str)] = &[("if-none-match", "*")];

fn timeout(name: &str, service: &str, request: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {{name: {name}}}\nspec: {{service: {service}, request: {request}}}\n"
    )
}

async fn write(
    plane: &Plane,
    name: &str,
    service: &str,
    request: &str,
    condition: &[(&str, &str)],
) -> Answer {
    let path = format!("/mesher/v1/rules/Timeout/{name}");
    plane.send("PUT", &path, condition, timeout(name, service, request)).await
}

async fn apply(plane: &Plane, text: &str, bases: Value) -> Answer {
    let body = json!({"text": text, "bases": bases}).to_string();
    plane.post("/mesher/v1/rules:apply", &body).await
}

fn base(name: &str, revision: u64) -> Value {
    json!({"key": {"kind": "Timeout", "env": "", "app": "default", "name": name}, "revision": revision})
}

fn assert_error(answer: &Answer, status: u16, word: &str) {
    assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(word)), "{answer:?}");
    assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_document_is_written_read_changed_and_removed_on_conditions() {
    let plane = Plane::start().await;
    assert_error(&write(&plane, "x", "a", "5s", &[]).await, 428, "precondition_required");
    let created = write(&plane, "x", "a", "5s", NEW).await;
    assert_eq!((created.status, created.header("etag")), (201, "\"r1\""), "{created:?}");
    assert_error(&write(&plane, "x", "a", "6s", NEW).await, 412, "conflict");

    let read = plane.get("/mesher/v1/rules/timeout/x").await;
    assert_eq!((read.status, read.header("etag")), (200, "\"r1\""), "a kind in a path is one in any case");
    let row = read.json();
    assert_eq!(row["document"]["spec"], json!({"service": "a", "request": "5s"}));
    assert_eq!((&row["changed_at"], &row["revision"]), (&json!("2023-11-14T22:13:20.000Z"), &json!(1)));
    let same = plane.send("GET", "/mesher/v1/rules/Timeout/x", &[("if-none-match", "\"r1\"")], "").await;
    assert_eq!((same.status, same.text.as_str()), (304, ""));

    let changed = write(&plane, "x", "a", "6s", &[("if-match", "\"r1\"")]).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"r2\""));
    let stale = write(&plane, "x", "a", "7s", &[("if-match", "\"r1\"")]).await;
    assert_error(&stale, 412, "conflict");
    assert_eq!(stale.json()["current"]["revision"], 2);
    assert_eq!(stale.json()["current"]["document"]["spec"]["request"], "6s");
    assert_eq!(stale.json()["base"]["document"]["spec"]["request"], "5s");
    let repeated = write(&plane, "x", "a", "6s", &[("if-match", "\"r2\"")]).await;
    assert_eq!(
        (repeated.status, repeated.header("etag")),
        (200, "\"r2\""),
        "nothing changed, so no revision"
    );

    assert_error(&plane.delete("/mesher/v1/rules/Timeout/x").await, 428, "precondition_required");
    let gone = plane.send("DELETE", "/mesher/v1/rules/Timeout/x", &[("if-match", "\"r2\"")], "").await;
    assert_eq!((gone.status, &gone.json()["revision"]), (200, &json!(3)));
    assert_error(&plane.get("/mesher/v1/rules/Timeout/x").await, 404, "not_found");
    let again = plane.send("DELETE", "/mesher/v1/rules/Timeout/x", &[("if-match", "*")], "").await;
    assert_error(&again, 404, "not_found");
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_place() {
    let plane = Plane::start().await;
    let path = "/mesher/v1/rules/Timeout/x";
    let put = async |path: &str, text: &str| plane.send("PUT", path, NEW, text.to_owned()).await;
    let wrong = put(path, &timeout("x", "a", "soon")).await;
    assert_error(&wrong, 422, "bad_document");
    assert_eq!(
        (&wrong.json()["line"], &wrong.json()["text"]),
        (&json!(4), &json!("spec: {service: a, request: soon}"))
    );
    assert_error(&put(path, &timeout("y", "a", "5s")).await, 400, "bad_document");
    assert_error(
        &put(path, &(timeout("x", "a", "5s") + "---\n" + &timeout("y", "a", "5s"))).await,
        400,
        "bad_document",
    );
    assert_error(&put("/mesher/v1/rules/Nonsense/x", &timeout("x", "a", "5s")).await, 404, "not_found");
    assert_error(&put(path, &"#".repeat(2 << 20)).await, 413, "too_large");
    let bytes = plane.send("PUT", path, NEW, vec![0xff, 0xfe]).await;
    assert_error(&bytes, 400, "bad_body");
    for condition in ["r1", "\"1\"", "W/\"r1\"", "\"r\"", "\"r-1\""] {
        let refused = write(&plane, "x", "a", "5s", &[("if-match", condition)]).await;
        assert_error(&refused, 400, "bad_condition");
    }
    assert_eq!(plane.get("/mesher/v1/rules").await.json()["total"], 0);
}

#[tokio::test]
async fn documents_are_checked_without_a_change_and_applied_as_one() {
    let plane = Plane::start().await;
    write(&plane, "x", "a", "5s", NEW).await;
    let text =
        timeout("x", "a", "6s") + "---\n" + &timeout("y", "b", "1s") + "---\n" + &timeout("z", "c", "1s");
    let checked = plane.post("/mesher/v1/rules:check", &text).await.json();
    let actions: Vec<_> =
        checked["steps"].as_array().unwrap().iter().map(|step| step["action"].clone()).collect();
    assert_eq!(actions, ["update", "create", "create"]);
    assert_eq!(checked["steps"][0]["base"], base("x", 1));
    assert_eq!(checked["steps"][0]["before"]["spec"]["request"], "5s");
    assert_eq!(plane.get("/mesher/v1/rules").await.json()["total"], 1, "a check changes nothing");
    let wrong = plane.post("/mesher/v1/rules:check", &timeout("x", "a", "soon")).await.json();
    assert_eq!((&wrong["diagnostics"][0]["line"], &wrong["steps"]), (&json!(4), &json!([])));

    let one_stale = apply(&plane, &text, json!([base("x", 0), base("y", 0), base("z", 0)])).await;
    assert_error(&one_stale, 412, "conflict");
    assert_error(&apply(&plane, &text, json!([base("x", 1)])).await, 428, "precondition_required");
    assert_eq!(plane.get("/mesher/v1/rules").await.json()["total"], 1, "none of them was taken");
    let applied = apply(&plane, &text, json!([base("x", 1), base("y", 0), base("z", 0)])).await;
    assert_eq!(applied.status, 200, "{applied:?}");
    let revisions: Vec<_> = applied.json()["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["changed_revision"].clone())
        .collect();
    assert_eq!(revisions, [2, 3, 4]);
    assert_error(&apply(&plane, &timeout("w", "a", "1s"), json!([base("w", 0)])).await, 422, "bad_document");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let plane = Plane::start().await;
    for name in ["one", "two", "three"] {
        write(&plane, name, name, "1s", NEW).await;
    }
    let names = async |query: &str| {
        let list = plane.get(&format!("/mesher/v1/rules?{query}")).await.json();
        let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
        (names, list["next"].as_str().map(str::to_owned))
    };
    assert_eq!(names("").await.0, ["one", "three", "two"]);
    assert_eq!(names("service=two").await.0, ["two"]);
    assert_eq!(names("q=t").await.0, ["three", "two"]);
    assert_eq!(names("kind=Route").await.0, Vec::<Value>::new());
    assert_eq!(names("app=other").await.0, Vec::<Value>::new());
    let (first, next) = names("limit=2").await;
    let (second, end) = names(&format!("limit=2&next={}", next.unwrap())).await;
    assert_eq!(([first, second].concat().len(), end), (3, None));
}

#[tokio::test]
async fn history_tells_who_changed_what_and_leads_back() {
    let plane = Plane::start().await;
    write(&plane, "x", "a", "1s", NEW).await;
    write(&plane, "x", "a", "2s", &[("if-match", "\"r1\"")]).await;
    write(&plane, "y", "b", "1s", NEW).await;
    let list = plane.get("/mesher/v1/changes").await.json();
    let revisions: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|change| change["changed_revision"].clone()).collect();
    assert_eq!((revisions, &list["total"]), (vec![json!(3), json!(2), json!(1)], &json!(3)));
    assert_eq!((&list["items"][0]["from"], &list["items"][0]["after"]), (&json!("127.0.0.1"), &Value::Null));
    let page = plane.get("/mesher/v1/changes?limit=2").await.json();
    let rest = plane
        .get(&format!("/mesher/v1/changes?limit=2&next={}", page["next"].as_str().unwrap()))
        .await
        .json();
    assert_eq!((&rest["items"][0]["changed_revision"], &rest["next"]), (&json!(1), &Value::Null));
    let of_x = plane.get("/mesher/v1/changes?kind=Timeout&name=x&since=1").await.json();
    assert_eq!((&of_x["total"], &of_x["items"][0]["action"]), (&json!(1), &json!("update")));
    let one = plane.get("/mesher/v1/changes/2").await.json();
    assert_eq!(
        (&one["before"]["spec"]["request"], &one["after"]["spec"]["request"]),
        (&json!("1s"), &json!("2s"))
    );
    assert_eq!(one["convergence"]["done"], true, "it concerns nobody");
    assert_error(&plane.get("/mesher/v1/changes/9").await, 404, "not_found");

    let planned = plane.post("/mesher/v1/rollback", r#"{"revision": 1, "dry_run": true}"#).await.json();
    assert_eq!(planned["steps"].as_array().unwrap().len(), 2);
    let done = plane.post("/mesher/v1/rollback", r#"{"revision": 1}"#).await.json();
    assert_eq!((&done["steps"][0]["action"], &done["revision"]), (&json!("delete"), &json!(5)));
    assert_eq!(plane.get("/mesher/v1/rules/Timeout/x").await.json()["document"]["spec"]["request"], "1s");
    assert_error(&plane.get("/mesher/v1/rules/Timeout/y").await, 404, "not_found");
    assert_error(&plane.post("/mesher/v1/rollback", r#"{"revision": 77}"#).await, 404, "not_found");
    for body in ["", "{}", r#"{"revision": -1}"#, r#"{"revision": 1, "more": 1}"#] {
        assert_error(&plane.post("/mesher/v1/rollback", body).await, 400, "bad_json");
    }
}

#[tokio::test]
async fn the_history_of_one_service_has_what_was_and_is_about_it() {
    let plane = Plane::start().await;
    write(&plane, "x", "a", "1s", NEW).await;
    write(&plane, "x", "b", "1s", &[("if-match", "\"r1\"")]).await;
    write(&plane, "every", "\"*\"", "1s", NEW).await;
    let elsewhere = timeout("x", "a", "1s").replace("{name: x}", "{name: x, application: shop}");
    plane.send("PUT", "/mesher/v1/rules/Timeout/x?app=shop", NEW, elsewhere).await;
    plane.send("DELETE", "/mesher/v1/rules/Timeout/x", &[("if-match", "*")], "").await;
    let revisions = async |target: &str| {
        let list = plane.get(&format!("/mesher/v1/changes?target={target}")).await.json();
        let items = list["items"].as_array().unwrap();
        assert_eq!(list["total"], items.len());
        items.iter().map(|change| change["changed_revision"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(revisions("service:default/a").await, [2, 1], "it was about it, and then about another");
    assert_eq!(revisions("service:default/b").await, [5, 2]);
    assert_eq!(revisions("service:shop/a").await, [4]);
    assert_eq!(revisions("service:default%2F*").await, [3]);
    assert_eq!(revisions("service:default/nobody").await, [] as [u64; 0]);
    assert_eq!(revisions("service:default/a&since=1").await, [2]);
    for bad in ["", "a", "service:", "service:a", "service:/a", "service:a/", "service:a/b/c", "proxy:a/b"] {
        assert_error(&plane.get(&format!("/mesher/v1/changes?target={bad}")).await, 400, "bad_query");
    }
}

#[tokio::test]
async fn documents_and_history_outlive_a_restart_and_are_audited() {
    let folder = TempDir::new().unwrap();
    let settings = || Settings { data_directory: Some(folder.path().join("data")), ..Settings::default() };
    let plane = Plane::start_with(settings()).await;
    write(&plane, "x", "a", "1s", NEW).await;
    write(&plane, "x", "a", "2s", &[("if-match", "\"r1\"")]).await;
    write(&plane, "y", "b", "2s", NEW).await;
    plane.send("DELETE", "/mesher/v1/rules/Timeout/y", &[("if-match", "\"r3\"")], "").await;
    let paths = ["rules", "changes", "changes/1", "changes/2", "changes/4"];
    let mut before = Vec::new();
    for path in paths {
        before.push(plane.get(&format!("/mesher/v1/{path}")).await.text);
    }
    plane.stop().await.unwrap();

    let plane = Plane::start_with(settings()).await;
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(plane.get(&format!("/mesher/v1/{path}")).await.text, before, "{path}");
    }
    let changed = write(&plane, "x", "a", "3s", &[("if-match", "\"r2\"")]).await;
    assert_eq!(changed.header("etag"), "\"r5\"", "no revision comes twice");
    plane.stop().await.unwrap();
    let audit = std::fs::read_to_string(folder.path().join("data/audit.jsonl")).unwrap();
    let of_rules: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["target"].as_str().unwrap().starts_with("rules/"))
        .collect();
    assert_eq!(of_rules.len(), 5, "one line for each change: {of_rules:?}");
    assert_eq!(of_rules[1]["before"]["document"]["spec"]["request"], "1s");
    assert_eq!(of_rules[1]["after"]["document"]["spec"]["request"], "2s");
}
