//! `/mesher/v1` as the command and programs read it.
//! They must not read a page's cursor: it is opaque.

use serde_json::{Value, json};

use crate::support::{Plane, SERVICES};

fn proxy(service: &str) -> String {
    json!({
        "app": "shop", "env": "", "service": service, "version": "1.0.0", "mesher_version": "0.1.0",
        "outbound": "127.0.0.1:30101", "inbound": "10.0.0.7:30101", "admin": "127.0.0.1:30102",
        "snapshot": 3, "state": "ready", "something_new": true
    })
    .to_string()
}

async fn names(plane: &Plane, query: &str) -> Vec<Value> {
    let list = plane.get(&format!("/mesher/v1/services?{query}")).await.json();
    list["items"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect()
}

#[tokio::test]
async fn services_have_one_row_for_all_versions() {
    let plane = Plane::start().await;
    let empty = plane.get("/mesher/v1/services").await.json();
    assert_eq!((&empty["total"], &empty["next"]), (&json!(0), &Value::Null), "not even the registry's own");
    for version in ["1.10.0", "1.9.0"] {
        let service = plane.service("pay", version).await;
        let instance = plane.instance(&service, "n1").await;
        let path = format!("{SERVICES}/{service}/instances/{instance}");
        if version == "1.9.0" {
            plane.put(&format!("{path}/status?value=DOWN"), "").await.assert_empty();
        }
    }
    let row = json!({
        "app": "shop", "env": "", "name": "pay", "versions": ["1.9.0", "1.10.0"], "runtime": ["sdk"],
        "instances": {"up": 1, "total": 2}, "created_at": "2023-11-14T22:13:20.000Z"
    });
    let list = plane.get("/mesher/v1/services").await.json();
    assert_eq!((&list["items"], &list["total"]), (&json!([row]), &json!(1)));
    assert_eq!(list["now_at"], "2023-11-14T22:13:20.000Z");
    let one = plane.get("/mesher/v1/services/shop/pay").await.json();
    assert_eq!((&one["name"], &one["revision"]), (&json!("pay"), &list["revision"]));
    for path in ["shop/none", "other/pay", "shop/pay?env=testing"] {
        let absent = plane.get(&format!("/mesher/v1/services/{path}")).await;
        assert_eq!((absent.status, &absent.json()["error"]), (404, &json!("not_found")), "{path}");
    }
}

#[tokio::test]
async fn a_list_is_filtered_and_paged() {
    let plane = Plane::start().await;
    for number in 0..5 {
        plane.service(&format!("pay{number}"), "1.0.0").await;
    }
    plane.service("web", "2.0.0").await;
    assert_eq!(names(&plane, "q=PAY").await.len(), 5);
    assert_eq!(names(&plane, "version=2.0.0").await, ["web"]);
    assert_eq!(names(&plane, "app=shop&env=").await.len(), 6);
    assert!(names(&plane, "app=none").await.is_empty());
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = plane.get(&format!("/mesher/v1/services?limit=4&next={next}")).await.json();
        assert_eq!(page["total"], 6);
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["name"].clone()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = cursor.to_owned();
    }
    assert_eq!(seen, ["pay0", "pay1", "pay2", "pay3", "pay4", "web"]);
    for query in ["limit=0", "limit=1001", "limit=-1", "limit=x", "next=zz", "next=abc"] {
        let refused = plane.get(&format!("/mesher/v1/services?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.json()["detail"].is_string());
    }
}

#[tokio::test]
async fn instances_show_their_lease() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let instance = plane.instance(&service, "n1").await;
    plane.advance(5);
    let list = plane.get("/mesher/v1/instances?service=pay").await.json();
    assert_eq!(
        list["items"],
        json!([{
            "app": "shop", "env": "", "service": "pay", "version": "1.0.0", "service_id": service,
            "instance_id": instance, "host": "n1", "endpoints": ["rest://10.0.0.7:8080"], "status": "UP",
            "registered_at": "2023-11-14T22:13:20.000Z", "lease_ends_at": "2023-11-14T22:13:40.000Z"
        }])
    );
    assert_eq!(plane.get("/mesher/v1/instances?service=none").await.json()["total"], 0);
}

#[tokio::test]
async fn a_proxy_is_known_for_half_a_minute() {
    let plane = Plane::start().await;
    let path = "/mesher/v1/proxies/p-1";
    let taken = plane.put(path, &proxy("pay")).await;
    assert_eq!((taken.status, taken.text.as_str()), (204, ""));
    let list = plane.get("/mesher/v1/proxies").await.json();
    let row = &list["items"][0];
    assert_eq!((&row["id"], &row["snapshot"], &row["state"]), (&json!("p-1"), &json!(3), &json!("ready")));
    assert_eq!(row["seen_at"], "2023-11-14T22:13:20.000Z");
    plane.advance(30);
    assert_eq!(plane.get("/mesher/v1/proxies?service=pay&app=shop").await.json()["total"], 1);
    plane.put(path, &proxy("pay")).await;
    plane.advance(30);
    assert_eq!(plane.get("/mesher/v1/proxies").await.json()["total"], 1);
    plane.advance(1);
    assert_eq!(plane.get("/mesher/v1/proxies").await.json()["total"], 0);
    plane.put(path, &proxy("pay")).await;
    for _ in 0..2 {
        assert_eq!(plane.delete(path).await.status, 204);
    }
    assert_eq!(plane.get("/mesher/v1/proxies").await.json()["total"], 0);
}

#[tokio::test]
async fn a_bad_announcement_is_refused() {
    let plane = Plane::start().await;
    let long = "s".repeat(257);
    let table = [
        ("p-1", "{".to_owned(), 400),
        ("p-1", "{}".to_owned(), 400),
        ("p-1", proxy(&long), 400),
        ("p-1", proxy("a\u{1b}[2J"), 400),
        ("p-1", proxy("pay").replace("ready", "asleep"), 400),
        ("p-1", proxy("pay").replace("\"app\"", "\"id\":\"p-2\",\"app\""), 400),
        ("p-1", format!("{{\"x\":\"{}\"}}", "x".repeat(9_000)), 413),
        ("%3Cimg%3E", proxy("pay"), 400),
        (&long[..65], proxy("pay"), 400),
    ];
    for (id, body, status) in table {
        let refused = plane.put(&format!("/mesher/v1/proxies/{id}"), &body).await;
        assert_eq!(refused.status, status, "{id} {body:.80}");
        assert!(refused.json()["detail"].is_string());
    }
    assert_eq!(plane.get("/mesher/v1/proxies").await.json()["total"], 0);
}
