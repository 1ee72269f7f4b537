//! Access control as callers meet it: every route, every bad token, parts of a kind, revoked tokens.
//! It must take its routes from the source: a route that is added is covered, or this suite fails.

use mesher_control::{AccessSettings, Settings};
use serde_json::{Value, json};

use crate::support::{Answer, Plane, REGISTRY, SERVICES};

pub(crate) const ROOT: &str = "Pa55word!";
/// Routes that answer without a token: what tells whether the service works, and the login.
const OPEN: [&str; 8] = [
    "/livez",
    "/readyz",
    "/v1/health",
    "/v3/{project}/configuration/health",
    "/v4/{project}/registry/health",
    "/v4/{project}/registry/health/readiness",
    "/v4/{project}/registry/version",
    "/v4/token",
];
/// Where routes are made.
const SOURCES: [&str; 7] = [
    include_str!("../../src/routes.rs"),
    include_str!("../../src/access/mod.rs"),
    include_str!("../../src/mesh/mod.rs"),
    include_str!("../../src/page/mod.rs"),
    include_str!("../../src/v4/mod.rs"),
    include_str!("../../src/configuration/kie/mod.rs"),
    include_str!("../../src/configuration/center/mod.rs"),
];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

/// Settings with access control, whose root has the password [`ROOT`].
pub(crate) fn with_root() -> Settings {
    let access = AccessSettings { root_password: Some(ROOT.to_owned()) };
    Settings { access: Some(access), ..Settings::default() }
}

pub(crate) async fn guarded() -> Plane {
    Plane::start_with(with_root()).await
}

pub(crate) async fn token(plane: &Plane, name: &str, password: &str) -> String {
    let body = json!({"name": name, "password": password}).to_string();
    let answer = plane.post("/v4/token", &body).await;
    answer.json()["token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

pub(crate) async fn send(plane: &Plane, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send_text(plane, token, method, path, &body).await
}

async fn send_text(plane: &Plane, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let field = format!("Bearer {token}");
    plane.send(method, path, &[("Authorization", &field)], body.to_owned()).await
}

/// An account `name` with one role that allows this, and its token.
async fn account(plane: &Plane, name: &str, perms: Value) -> String {
    let root = token(plane, "root", ROOT).await;
    send(plane, &root, "POST", "/v4/roles", &json!({"name": name, "perms": perms})).await.assert_empty();
    let new = json!({"name": name, "password": "Acc0unt-pass!", "roles": [name]});
    send(plane, &root, "POST", "/v4/accounts", &new).await.assert_empty();
    token(plane, name, "Acc0unt-pass!").await
}

/// Every template that stands in the sources, as the router has it.
pub(crate) fn templates() -> Vec<String> {
    let mut templates: Vec<String> = Vec::new();
    for source in SOURCES {
        for (place, _) in source.match_indices('"') {
            let rest = &source[place + 1..];
            let Some(end) = rest.find('"') else { continue };
            let text = &rest[..end];
            let before = &source[..place];
            // A nest, or the beginning of a path, is no route of its own.
            let is_part = before.ends_with("nest(") || before.ends_with("concat!(");
            let is_path = text.starts_with('/') && !text.contains([' ', '\n']) && !is_part;
            if !is_path {
                continue;
            }
            let whole = if before.ends_with("path!(") {
                format!("/v4/{{project}}/registry{text}")
            } else if source == SOURCES[2] && !text.starts_with("/mesher") {
                format!("/mesher/v1{text}")
            } else {
                text.to_owned()
            };
            templates.push(whole);
        }
    }
    templates.sort();
    templates.dedup();
    templates
}

/// A path of a template. No part of it is registered.
pub(crate) fn path_of(template: &str) -> String {
    path_with(template, |part| if part.starts_with('{') { "default" } else { part })
}

/// A path of a template, with what `of` makes of each of its parts, of those that are no parameters, too.
pub(crate) fn path_with<'a>(template: &'a str, mut of: impl FnMut(&'a str) -> &'a str) -> String {
    let mut path = String::new();
    for part in template.split('/').skip(1) {
        path.push('/');
        path.push_str(of(part));
    }
    path
}

#[test]
fn the_routes_are_found_in_the_sources() {
    let templates = templates();
    for known in OPEN.into_iter().chain([
        "/",
        "/metrics",
        "/mesher/v1/proxies/{id}",
        "/v4/accounts/{name}/password",
        "/v4/{project}/registry/microservices/{service}/instances/{instance}/heartbeat",
    ]) {
        assert!(templates.iter().any(|template| template == known), "{known} in {templates:?}");
    }
    assert!(templates.len() >= 35, "{templates:?}");
}

#[tokio::test]
async fn ad_01_no_route_answers_without_a_good_token_but_those_that_say_so() {
    let plane = guarded().await;
    let reader = account(&plane, "nobody", json!([])).await;
    let root = token(&plane, "root", ROOT).await;
    let forged = format!("{}x", &root[..root.len() - 1]);
    for template in templates() {
        let path = path_of(&template);
        let is_open = OPEN.contains(&template.as_str());
        for method in METHODS {
            let tries = [
                ("none", plane.send(method, &path, &[], "").await),
                ("bad", send(&plane, "nonsense", method, &path, &Value::Null).await),
                ("forged", send(&plane, &forged, method, &path, &Value::Null).await),
                (
                    "in the query",
                    plane.send(method, &format!("{path}?token={root}&access_token={root}"), &[], "").await,
                ),
                ("in a cookie", plane.send(method, &path, &[("Cookie", &format!("token={root}"))], "").await),
            ];
            for (kind, answer) in tries {
                if is_open {
                    assert!(![401, 403].contains(&answer.status), "{method} {path} {kind}: {answer:?}");
                } else {
                    assert_eq!(answer.status, 401, "{method} {path} {kind}: {answer:?}");
                    assert!(answer.text.len() < 300, "{method} {path} {kind}: {answer:?}");
                }
            }
            let other_role = send(&plane, &reader, method, &path, &Value::Null).await;
            let is_own = path.ends_with("/self-perms") || path.ends_with("/password");
            if !is_open && !is_own {
                assert_eq!(other_role.status, 403, "{method} {path}: {other_role:?}");
            }
        }
    }
    plane.advance(12 * 3600);
    for template in templates().iter().filter(|template| !OPEN.contains(&template.as_str())) {
        let answer = send(&plane, &root, "GET", &path_of(template), &Value::Null).await;
        assert_eq!(answer.status, 401, "{template} expired: {answer:?}");
    }
}

#[tokio::test]
async fn no_header_stands_for_a_token() {
    let plane = guarded().await;
    for field in [
        ("User-Agent", "registry-server"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Host", "localhost"),
        ("X-Original-URL", "/v4/default/registry/health"),
        ("X-Rewrite-URL", "/livez"),
        ("X-HTTP-Method-Override", "GET"),
        ("Authorization", ""),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer null"),
    ] {
        let answer = plane.send("GET", SERVICES, &[field], "").await;
        assert_eq!(answer.status, 401, "{field:?}: {answer:?}");
    }
    let root = format!("Bearer {}", token(&plane, "root", ROOT).await);
    let twice = [("Authorization", root.as_str()), ("Authorization", root.as_str())];
    assert_eq!(plane.send("GET", SERVICES, &twice, "").await.status, 401, "two fields");
    let overridden = [("Authorization", root.as_str()), ("X-HTTP-Method-Override", "DELETE")];
    assert_eq!(plane.send("GET", SERVICES, &overridden, "").await.status, 200);
}

#[tokio::test]
async fn other_spellings_of_a_path_are_guarded_too() {
    let plane = guarded().await;
    for path in [
        "/registry/v3/microservices",
        "//v4//default//registry//microservices",
        "/v4/default/registry/%6dicroservices",
        "/V4/default/registry/microservices",
        "/v4/default/registry/health/../microservices",
        "/v4/default/registry/microservices/",
        "/v4/token/../accounts",
        "/nosuch",
    ] {
        let answer = plane.get(path).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
    assert_eq!(plane.get("/health").await.status, 200);
    assert_eq!(plane.get("/version").await.status, 200);
}

/// Two services, of applications `mine` and `other`, and the token of an account that may do all with the first.
async fn narrow(plane: &Plane) -> (Vec<String>, String) {
    let root = token(plane, "root", ROOT).await;
    let mut ids = Vec::new();
    for (app, name) in [("mine", "a"), ("other", "b")] {
        let body = json!({"service": {"appId": app, "serviceName": name, "version": "1.0.0"}});
        let made = send(plane, &root, "POST", SERVICES, &body).await.json();
        ids.push(made["serviceId"].as_str().unwrap().to_owned());
    }
    let perms = json!([{"resources": [{"type": "service", "labels": {"appId": "mine"}}], "verbs": ["*"]}]);
    (ids, account(plane, "narrow", perms).await)
}

#[tokio::test]
async fn a_list_shows_what_a_narrow_role_reaches() {
    let plane = guarded().await;
    let (_, narrow) = narrow(&plane).await;
    let listed = send(&plane, &narrow, "GET", SERVICES, &Value::Null).await.json();
    assert_eq!(listed["services"].as_array().unwrap().len(), 1, "{listed}");
    let rows = send(&plane, &narrow, "GET", "/mesher/v1/services", &Value::Null).await.json();
    assert_eq!((&rows["total"], &rows["items"][0]["app"]), (&json!(1), &json!("mine")), "{rows}");
    let detail = "/mesher/v1/services/other/b";
    assert_eq!(send(&plane, &narrow, "GET", detail, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_second_spelling_is_no_way_around_a_label() {
    let plane = guarded().await;
    let (_, narrow) = narrow(&plane).await;
    let root = token(&plane, "root", ROOT).await;
    let doubles = [
        r#"{"service":{"appId":"mine","AppID":"other","serviceName":"d","version":"1.0.0"}}"#,
        r#"{"service":{"AppID":"mine","appId":"other","serviceName":"d","version":"1.0.0"}}"#,
        r#"{"service":{"appId":"mine","appId":"other","serviceName":"d","version":"1.0.0"}}"#,
        r#"{"service":{"appId":"mine","serviceName":"d","version":"1.0.0"},"Service":{"appId":"other","serviceName":"d","version":"1.0.0"}}"#,
    ];
    // The original's decoder knows no case: what is checked of a second spelling must be what is done.
    for double in doubles {
        let answer = send_text(&plane, &narrow, "POST", SERVICES, double).await;
        if answer.status == 200 {
            let id = answer.json()["serviceId"].as_str().unwrap().to_owned();
            let made = send(&plane, &root, "GET", &format!("{SERVICES}/{id}"), &Value::Null).await.json();
            assert_eq!(made["service"]["appId"], "mine", "{double}");
        } else {
            assert_eq!(answer.status, 403, "{double}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn calls_on_other_services_are_refused_to_a_narrow_role() {
    let plane = guarded().await;
    let (ids, narrow) = narrow(&plane).await;
    let (mine, other) = (&ids[0], &ids[1]);
    let new = |app: &str| json!({"service": {"appId": app, "serviceName": "c", "version": "1.0.0"}});
    let look_up = |app: &str, name: &str| json!({"services": [{"service": {"appId": app, "serviceName": name, "version": "0+"}}]});
    let batch = format!("{REGISTRY}/instances/action?type=query");
    let beat = |id: &str| json!({"instances": [{"serviceId": id, "instanceId": "i"}]});
    let proxy = |app: &str| json!({"app": app, "service": "a", "state": "ready"});
    let find = |app: &str, name: &str| format!("{REGISTRY}/instances?appId={app}&serviceName={name}");
    let refused: Vec<(&str, String, Value)> = vec![
        ("POST", SERVICES.to_owned(), new("other")),
        ("POST", SERVICES.to_owned(), new("")),
        ("GET", format!("{SERVICES}/{other}"), Value::Null),
        ("DELETE", format!("{SERVICES}/{other}"), Value::Null),
        ("PUT", format!("{SERVICES}/{other}/properties"), json!({"properties": {}})),
        ("POST", format!("{SERVICES}/{other}/instances"), json!({})),
        ("DELETE", SERVICES.to_owned(), json!({"serviceIds": [mine, other]})),
        ("DELETE", SERVICES.to_owned(), json!({"ServiceIDs": [other]})),
        ("GET", find("other", "b"), Value::Null),
        ("GET", find("mine", "other:b"), Value::Null),
        ("POST", batch.clone(), look_up("other", "b")),
        ("POST", batch.clone(), look_up("mine", "other:b")),
        ("PUT", format!("{REGISTRY}/heartbeats"), beat(other)),
        ("PUT", "/mesher/v1/proxies/p".to_owned(), proxy("other")),
        ("GET", "/v4/accounts".to_owned(), Value::Null),
        ("GET", "/metrics".to_owned(), Value::Null),
    ];
    for (method, path, body) in refused {
        let answer = send(&plane, &narrow, method, &path, &body).await;
        assert_eq!(answer.status, 403, "{method} {path} {body}: {answer:?}");
    }
    let allowed: Vec<(&str, String, Value)> = vec![
        ("POST", SERVICES.to_owned(), new("mine")),
        ("GET", format!("{SERVICES}/{mine}"), Value::Null),
        ("GET", find("mine", "a"), Value::Null),
        ("POST", batch, look_up("mine", "a")),
        ("PUT", format!("{SERVICES}/{mine}/properties"), json!({"properties": {}})),
        ("PUT", "/mesher/v1/proxies/p".to_owned(), proxy("mine")),
        ("DELETE", SERVICES.to_owned(), json!({"serviceIds": [mine]})),
    ];
    for (method, path, body) in allowed {
        let answer = send(&plane, &narrow, method, &path, &body).await;
        assert!(answer.status < 300, "{method} {path} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_consumer_of_another_environment_is_no_way_around_a_label() {
    let plane = guarded().await;
    let root = token(&plane, "root", ROOT).await;
    let mut ids = Vec::new();
    for (environment, name) in [("production", "secret"), ("production", "consumer")] {
        let service =
            json!({"appId": "a", "serviceName": name, "version": "1.0.0", "environment": environment});
        let made = send(&plane, &root, "POST", SERVICES, &json!({"service": service})).await;
        ids.push(made.json()["serviceId"].as_str().unwrap().to_owned());
    }
    let labels = json!({"environment": "testing"});
    let perms = json!([{"resources": [{"type": "service", "labels": labels}], "verbs": ["get"]}]);
    let field = format!("Bearer {}", account(&plane, "tester", perms).await);
    let find = format!("{REGISTRY}/instances?appId=a&serviceName=secret&env=testing");
    let fields = [("Authorization", field.as_str()), ("X-ConsumerId", ids[1].as_str())];
    assert_eq!(plane.send("GET", &find, &fields, "").await.status, 403);
}

#[tokio::test]
async fn a_change_of_an_account_ends_its_token_at_once() {
    let plane = guarded().await;
    let root = token(&plane, "root", ROOT).await;
    let perms = json!([{"resources": [{"type": "service"}], "verbs": ["get"]}]);
    let first = account(&plane, "worker", perms).await;
    assert_eq!(send(&plane, &first, "GET", SERVICES, &Value::Null).await.status, 200);
    let change = json!({"currentPassword": "Acc0unt-pass!", "password": "An0ther-pass!"});
    send(&plane, &first, "POST", "/v4/accounts/worker/password", &change).await.assert_empty();
    send(&plane, &first, "GET", SERVICES, &Value::Null).await.assert_refused("401201");
    let second = token(&plane, "worker", "An0ther-pass!").await;
    let roles = json!({"roles": ["developer"]});
    send(&plane, &root, "PUT", "/v4/accounts/worker", &roles).await.assert_empty();
    send(&plane, &second, "GET", SERVICES, &Value::Null).await.assert_refused("401201");
    let third = token(&plane, "worker", "An0ther-pass!").await;
    send(&plane, &root, "DELETE", "/v4/accounts/worker", &Value::Null).await.assert_empty();
    send(&plane, &third, "GET", SERVICES, &Value::Null).await.assert_refused("401206");
}

#[tokio::test]
async fn only_an_administrator_sets_another_password_and_roots_never() {
    let plane = guarded().await;
    let root = token(&plane, "root", ROOT).await;
    let worker =
        account(&plane, "worker", json!([{"resources": [{"type": "account"}], "verbs": ["*"]}])).await;
    let change = json!({"password": "An0ther-pass!"});
    let path = "/v4/accounts/worker/password";
    send(&plane, &worker, "POST", "/v4/accounts/root/password", &change).await.assert_refused("403205");
    send(&plane, &worker, "POST", path, &change).await.assert_refused("401207");
    send(&plane, &root, "POST", path, &change).await.assert_empty();
    token(&plane, "worker", "An0ther-pass!").await;
    let same = json!({"currentPassword": ROOT, "password": ROOT});
    send(&plane, &root, "POST", "/v4/accounts/root/password", &same).await.assert_refused("400206");
}

#[tokio::test]
async fn members_that_nobody_may_set_are_passed_over() {
    let plane = guarded().await;
    let root = token(&plane, "root", ROOT).await;
    let new = json!({
        "name": "a", "password": "Acc0unt-pass!", "roles": ["developer"], "id": "mine", "role": "admin",
        "password_hash": "x", "generation": 99, "createTime": "1", "isAdmin": true,
    });
    send(&plane, &root, "POST", "/v4/accounts", &new).await.assert_empty();
    let made = send(&plane, &root, "GET", "/v4/accounts/a", &Value::Null).await.json();
    assert_eq!(made["roles"], json!(["developer"]));
    assert_ne!(made["id"], "mine");
    assert_ne!(made["createTime"], "1");
    assert!(made.get("password").is_none() && made.get("password_hash").is_none(), "{made}");
}

#[tokio::test]
async fn several_accounts_are_made_at_once_each_with_its_own_answer() {
    let plane = guarded().await;
    let root = token(&plane, "root", ROOT).await;
    let one =
        |name: &str, password: &str| json!({"name": name, "password": password, "roles": ["developer"]});
    let body = json!({"accounts": [one("a", "Acc0unt-pass!"), one("a", "Acc0unt-pass!"), one("b", "weak")]});
    let answer = send(&plane, &root, "POST", "/v4/accounts/batch-create", &body).await.json();
    let codes: Vec<&Value> =
        answer["accounts"].as_array().unwrap().iter().map(|one| &one["errorCode"]).collect();
    assert_eq!(codes, [&Value::Null, &json!("409200"), &json!("400001")]);
}

#[tokio::test]
async fn without_access_control_there_is_no_login() {
    let plane = Plane::start().await;
    for path in ["/v4/token", "/v4/accounts", "/v4/roles", "/v4/self-perms"] {
        assert_eq!(plane.get(path).await.status, 404, "{path}");
        assert_eq!(plane.post(path, "{}").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_password_of_root_is_asked_for_at_the_start() {
    for (password, told) in [(None, "not set"), (Some("weak".to_owned()), "does not match")] {
        let access = Some(AccessSettings { root_password: password });
        let listen = ([127, 0, 0, 1], 0).into();
        let error = mesher_control::Server::bind(Settings { listen, access, ..Settings::default() }).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("weak"), "{error}");
    }
}
