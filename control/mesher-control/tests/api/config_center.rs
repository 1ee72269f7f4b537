//! config-center v3 over a real socket, and the same keys through kie.
//! They must hold the shapes that SDKs read, of both versions of the paths.

use mesher_control::Settings;
use serde_json::{Value, json};

use crate::kie::{self, KEYS, assert_refused};
use crate::socket::{PING, PONG, Socket, TEXT};
use crate::support::{Answer, Plane};

const ITEMS: &str = "/v3/default/configuration/items";

async fn set(plane: &Plane, scope: &str, items: Value) {
    let body = json!({"dimensionsInfo": scope, "items": items}).to_string();
    let answer = plane.post(ITEMS, &body).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"Result": "Success"})), "{answer:?}");
}

async fn unset(plane: &Plane, scope: &str, keys: Value) {
    let body = json!({"dimensionsInfo": scope, "keys": keys}).to_string();
    let answer = plane.send("DELETE", ITEMS, &[], body).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"Result": "Success"})), "{answer:?}");
}

async fn look(plane: &Plane, scope: &str, more: &str) -> Answer {
    let scope = scope.replace('@', "%40").replace('#', "%23").replace('!', "%21").replace('=', "%3D");
    plane.get(&format!("{ITEMS}?dimensionsInfo={scope}{more}")).await
}

#[tokio::test]
async fn t_cc_01_t_cc_03_the_revision_is_for_those_who_name_one() {
    let plane = Plane::start().await;
    set(&plane, "pay@shop", json!({"k": "v"})).await;
    let bare = look(&plane, "pay@shop", "").await;
    assert_eq!(bare.json(), json!({"application": {}, "pay@shop": {"k": "v"}}));
    assert!(bare.header("content-type").contains("application/json"));
    for first in ["null", "default", ""] {
        let answer = look(&plane, "pay@shop", &format!("&revision={first}")).await;
        let version = answer.json()["revision"]["version"].as_str().unwrap().to_owned();
        let again = look(&plane, "pay@shop", &format!("&revision={version}")).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{first}");
    }
    let known = look(&plane, "pay@shop", "&revision=null").await.json()["revision"]["version"].clone();
    let known = known.as_str().unwrap();
    set(&plane, "other@shop", json!({"k": "v"})).await;
    assert_eq!(look(&plane, "pay@shop", &format!("&revision={known}")).await.status, 304, "of another scope");
    set(&plane, "application", json!({"k": "v"})).await;
    assert_eq!(look(&plane, "pay@shop", &format!("&revision={known}")).await.status, 200);
}

#[tokio::test]
async fn t_cc_02_scopes_are_members_of_their_own() {
    let plane = Plane::start().await;
    for scope in ["application", "pay@shop", "darklaunch@shop", "pay@shop#1.0.0", "pay@shop#1.0.0!zone=a"] {
        set(&plane, scope, json!({"k": scope})).await;
    }
    let of = |scope: &str| json!({"k": scope});
    let mut wanted = json!({
        "application": of("application"), "pay@shop": of("pay@shop"), "darklaunch@shop": of("darklaunch@shop"),
        "pay@shop#1.0.0": of("pay@shop#1.0.0"),
    });
    assert_eq!(look(&plane, "pay@shop#1.0.0", "").await.json(), wanted);
    wanted["pay@shop#1.0.0!zone=a"] = of("pay@shop#1.0.0!zone=a");
    assert_eq!(look(&plane, "pay@shop#1.0.0!zone=a", "").await.json(), wanted);
}

#[tokio::test]
async fn t_cc_04_members_name_this_server() {
    let plane = Plane::start().await;
    for path in ["/v3/default/configuration/members", "/configuration/v2/members", "/members"] {
        let members = plane.get(path).await.json();
        let one = &members["instances"][0];
        assert_eq!((&one["status"], &one["isHttps"]), (&json!("UP"), &json!(false)));
        assert_eq!(one["endpoints"], json!([format!("rest://{}", plane.address)]));
    }
    assert_eq!(plane.get("/v3/default/configuration/health?mode=readiness").await.status, 200);
}

#[tokio::test]
async fn t_cc_05_items_are_made_and_removed() {
    let plane = Plane::start().await;
    set(&plane, "pay@shop", json!({"a": "1", "b": 2, "c": true})).await;
    set(&plane, "pay@shop", json!({"a": "3"})).await;
    unset(&plane, "pay@shop", json!(["b", "nosuch"])).await;
    let seen = look(&plane, "pay@shop", "").await.json();
    assert_eq!(seen["pay@shop"], json!({"a": "3", "c": "true"}));
    let old = plane.get("/configuration/v2/items?dimensionsInfo=pay%40shop").await.json();
    assert_eq!(old, seen);
    for body in [
        json!({"dimensionsInfo": "pay@shop", "items": {"a": {"b": "c"}}}),
        json!({"dimensionsInfo": "pay@shop", "items": {"a b": "c"}}),
        json!({"dimensionsInfo": "", "items": {"a": "c"}}),
        json!({"items": {"a": "c"}}),
    ] {
        assert_refused(&plane.post(ITEMS, &body.to_string()).await, "400001");
    }
}

#[tokio::test]
async fn t_cc_07_what_is_no_scope_is_refused() {
    let plane = Plane::start().await;
    for scope in ["", "pay", "p%20y%40shop", "pay%40sh%25op", "pay%40shop%26", "pay%24%40shop"] {
        assert_refused(&plane.get(&format!("{ITEMS}?dimensionsInfo={scope}")).await, "400001");
    }
    assert_refused(&plane.get(ITEMS).await, "400001");
}

#[tokio::test]
async fn a_key_is_seen_through_both_faces() {
    let plane = Plane::start().await;
    let (production, fields) = ("production", [("x-environment", "production")]);
    let body = json!({"dimensionsInfo": "pay@shop#1.0.0", "items": {"timeout": "2s"}}).to_string();
    assert_eq!(plane.send("POST", ITEMS, &fields, body).await.status, 200);
    let query =
        "label=app:shop&label=service:pay&label=version:1.0.0&label=environment:production&match=exact";
    let list = plane.get(&format!("{KEYS}?{query}")).await.json();
    let one = &list["data"][0];
    assert_eq!(
        (&one["key"], &one["value"], &one["status"]),
        (&json!("timeout"), &json!("2s"), &json!("enabled"))
    );
    let path = format!("{KEYS}/{}", one["id"].as_str().unwrap());
    assert_eq!(plane.put(&path, r#"{"value":"3s"}"#).await.status, 200);
    kie::make(&plane, "rate", "10", &json!({"app": "shop", "service": "pay", "environment": production}))
        .await;
    let path = format!("{ITEMS}?dimensionsInfo=pay%40shop%231.0.0");
    let seen = plane.send("GET", &path, &fields, "").await.json();
    assert_eq!(
        (&seen["pay@shop#1.0.0"], &seen["pay@shop"]),
        (&json!({"timeout": "3s"}), &json!({"rate": "10"}))
    );
    assert_eq!(plane.get(&path).await.json()["pay@shop"], json!({}), "another environment");
}

#[tokio::test]
async fn a_domain_is_named_by_either_field() {
    let plane = Plane::start().await;
    let body = json!({"dimensionsInfo": "pay@shop", "items": {"k": "v"}}).to_string();
    assert_eq!(plane.send("POST", ITEMS, &[("X-Domain-Name", "one")], body).await.status, 200);
    let path = format!("{ITEMS}?dimensionsInfo=pay%40shop");
    let of =
        async |fields: &[(&str, &str)]| plane.send("GET", &path, fields, "").await.json()["pay@shop"].clone();
    assert_eq!(of(&[("X-Tenant-Name", "one")]).await, json!({"k": "v"}));
    assert_eq!(of(&[]).await, json!({}));
    assert_refused(&plane.send("GET", &path, &[("X-Domain-Name", "a/b")], "").await, "400001");
}

/// The next event: action, scope and the items of it.
async fn event(socket: &mut Socket) -> (String, String, Value) {
    let (opcode, payload) = socket.frame().await.unwrap();
    assert_eq!(opcode, TEXT);
    let event: Value = serde_json::from_slice(&payload).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&event["action"]), text(&event["key"]), serde_json::from_str(&text(&event["value"])).unwrap())
}

#[tokio::test]
async fn t_cc_06_changes_of_a_scope_are_pushed() {
    let plane = Plane::start().await;
    for path in ["/v3/default/configuration/refresh/items", "/configuration/v2/refresh/items"] {
        let path = format!("{path}?dimensionsInfo=pay%40shop%231");
        let (status, mut socket) = Socket::open(&plane, &path, "").await;
        assert_eq!(status, 101);
        set(&plane, "other@shop", json!({"k": "1"})).await;
        set(&plane, "pay@shop", json!({"k": "1"})).await;
        let wanted = ("CREATE".to_owned(), "pay@shop".to_owned(), json!({"k": "1"}));
        assert_eq!(event(&mut socket).await, wanted);
        set(&plane, "pay@shop", json!({"j": "2"})).await;
        let wanted = ("UPDATE".to_owned(), "pay@shop".to_owned(), json!({"k": "1", "j": "2"}));
        assert_eq!(event(&mut socket).await, wanted);
        socket.send(PING, b"keepalive").await;
        assert_eq!(socket.frame().await.unwrap(), (PONG, b"keepalive".to_vec()));
        let id =
            kie::make(&plane, "rate", "9", &json!({"app": "shop", "service": "pay", "version": "1"})).await;
        let wanted = ("CREATE".to_owned(), "pay@shop#1".to_owned(), json!({"k": "1", "j": "2", "rate": "9"}));
        assert_eq!(event(&mut socket).await, wanted, "through kie, with all that is seen");
        set(&plane, "application", json!({"k": "0", "rate": "0", "wide": "0"})).await;
        let seen = json!({"k": "1", "j": "2", "rate": "9", "wide": "0"});
        assert_eq!(event(&mut socket).await, ("CREATE".to_owned(), "application".to_owned(), seen));
        unset(&plane, "application", json!(["k", "rate", "wide"])).await;
        let seen = json!({"k": "1", "j": "2", "rate": "9"});
        assert_eq!(event(&mut socket).await, ("DELETE".to_owned(), "application".to_owned(), seen));
        assert_eq!(plane.delete(&format!("{KEYS}/{id}")).await.status, 204);
        let seen = json!({"k": "1", "j": "2"});
        assert_eq!(event(&mut socket).await, ("DELETE".to_owned(), "pay@shop#1".to_owned(), seen));
        unset(&plane, "pay@shop", json!(["k", "j"])).await;
        assert_eq!(event(&mut socket).await, ("DELETE".to_owned(), "pay@shop".to_owned(), json!({})));
    }
    let (status, _) =
        Socket::open(&plane, "/v3/default/configuration/refresh/items?dimensionsInfo=x", "").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn every_door_answers_everything() {
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings {
        kie_listen: Some(any),
        config_center_listen: Some(any),
        listen: any,
        ..Settings::default()
    };
    let server = mesher_control::Server::bind(settings).await.unwrap();
    let urls = [server.url(), server.kie_url().unwrap(), server.config_center_url().unwrap()];
    let served = tokio::spawn(server.serve(std::future::pending()));
    for url in &urls {
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        for path in [KEYS, "/v4/default/registry/health", "/v3/default/configuration/health", "/livez"] {
            assert_eq!(Plane::get_from(address, path).await, 200, "{url} {path}");
        }
    }
    served.abort();
}
