//! Long polls: who is told of what, when, and who is not.
//! They must know from the server that somebody waits before anything changes.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::access::{self, ROOT};
use crate::kie::{KEYS, assert_refused, make, names};
use crate::support::{Answer, Plane};

/// How long an answer may take that nothing holds up.
const SOON: Duration = Duration::from_secs(10);

/// Waits until so many calls wait.
async fn waiting(plane: &Plane, count: usize) {
    let line = format!("mesher_control_waiting_calls {count}\n");
    while !plane.get("/metrics").await.text.contains(&line) {
        sleep(Duration::from_millis(5)).await;
    }
}

async fn poll(plane: &Plane, query: &str) -> Answer {
    timeout(SOON, plane.get(&format!("{KEYS}?{query}"))).await.unwrap()
}

fn revision(answer: &Answer) -> u64 {
    answer.header("x-kie-revision").parse().unwrap()
}

#[tokio::test]
async fn t_kie_05_the_table_of_answers() {
    let plane = Plane::start().await;
    let own = json!({"app": "a"});
    make(&plane, "own", "1", &own).await;
    make(&plane, "other", "1", &json!({"app": "b"})).await;
    let now = revision(&poll(&plane, "label=app:a").await);
    assert_eq!(now, 2);
    for (query, status) in [
        ("", 200),
        ("&revision=-1", 200),
        ("&revision=0", 200),
        ("&revision=1", 304),
        ("&revision=2", 304),
        ("&revision=3", 200),
        ("&revision=0&wait=5m", 200),
        ("&revision=3&wait=5m", 200),
        ("&revision=2&wait=50ms", 304),
        ("&wait=50ms", 304),
    ] {
        let answer = poll(&plane, &format!("label=app:a{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        if status == 304 {
            assert_eq!((answer.text.as_str(), answer.header("x-kie-revision")), ("", "2"), "{query}");
        } else {
            assert_eq!((names(&answer), revision(&answer)), (vec!["own".to_owned()], 2), "{query}");
        }
    }
}

#[tokio::test]
async fn t_kie_06_only_a_matching_change_wakes() {
    let plane = Plane::start().await;
    let id = make(&plane, "k", "1", &json!({"app": "a", "service": "s"})).await;
    let path = |query: &str| format!("{query}&revision=1&wait=5m");
    let woken =
        [path("label=app:a"), path("label=app:a&label=service:s&match=exact"), path("label=service:s")];
    let asleep =
        ["label=app:a&match=exact", "label=app:b", "label=app:a&label=service:s&label=x:&match=exact"];
    let asleep = asleep.map(|query| format!("{query}&revision=1&wait=400ms"));
    let change = async {
        waiting(&plane, 6).await;
        plane.put(&format!("{KEYS}/{id}"), r#"{"value":"2"}"#).await
    };
    let all = tokio::join!(
        poll(&plane, &woken[0]),
        poll(&plane, &woken[1]),
        poll(&plane, &woken[2]),
        poll(&plane, &asleep[0]),
        poll(&plane, &asleep[1]),
        poll(&plane, &asleep[2]),
        change
    );
    for answer in [&all.0, &all.1, &all.2] {
        assert_eq!((answer.status, revision(answer)), (200, 2), "{answer:?}");
        assert_eq!(answer.json()["data"][0]["value"], "2");
    }
    for answer in [&all.3, &all.4, &all.5] {
        assert_eq!(answer.status, 304, "{answer:?}");
    }
    waiting(&plane, 0).await;
}

#[tokio::test]
async fn a_removal_and_a_change_of_status_wake_too() {
    let plane = Plane::start().await;
    let id = make(&plane, "k", "1", &json!({"app": "a"})).await;
    for (known, change, total) in [(1, "PUT", 1), (2, "DELETE", 0)] {
        let query = format!("label=app:a&match=exact&wait=5m&revision={known}");
        let path = format!("{KEYS}/{id}");
        let act = async {
            waiting(&plane, 1).await;
            plane.send(change, &path, &[], r#"{"status":"disabled"}"#).await
        };
        let (answer, _) = tokio::join!(poll(&plane, &query), act);
        assert_eq!((answer.status, &answer.json()["total"]), (200, &json!(total)), "{change}");
    }
}

/// Whatever falls into the last moment of a wait is told by the next poll at the latest, and never lost.
#[tokio::test]
async fn no_change_is_lost_between_polls() {
    const CHANGES: u64 = 300;
    let plane = std::sync::Arc::new(Plane::start().await);
    let id = make(&plane, "k", "0", &json!({"app": "a"})).await;
    let writer = tokio::spawn({
        let plane = std::sync::Arc::clone(&plane);
        async move {
            for number in 1..=CHANGES {
                let body = json!({"value": number.to_string()}).to_string();
                assert_eq!(plane.put(&format!("{KEYS}/{id}"), &body).await.status, 200);
                tokio::task::yield_now().await;
            }
        }
    });
    let (mut known, mut seen) = (0, 0);
    while seen < CHANGES {
        let answer = poll(&plane, &format!("label=app:a&match=exact&revision={known}&wait=2ms")).await;
        if answer.status == 304 {
            continue;
        }
        let value: u64 = answer.json()["data"][0]["value"].as_str().unwrap().parse().unwrap();
        assert!(revision(&answer) > known && value >= seen, "{known} {seen}: {answer:?}");
        (known, seen) = (revision(&answer), value);
        // Value and number belong together: one more change, one more number.
        assert!(known > value, "{known} {value}");
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn who_waits_is_answered_when_the_server_ends() {
    let plane = Plane::start().await;
    make(&plane, "k", "1", &json!({})).await;
    let address = plane.address;
    let call = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("GET {KEYS}?wait=5m HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    waiting(&plane, 1).await;
    timeout(SOON, plane.stop()).await.unwrap().unwrap();
    assert!(call.await.unwrap().starts_with("HTTP/1.1 304 "));
}

#[tokio::test]
async fn who_leaves_waits_no_more() {
    let plane = Plane::start().await;
    let path = format!("{KEYS}?wait=5m");
    let call = plane.get(&path);
    tokio::select! {
        answer = call => panic!("{answer:?}"),
        () = waiting(&plane, 1) => {}
    }
    timeout(SOON, waiting(&plane, 0)).await.unwrap();
}

#[tokio::test]
async fn a_token_that_ends_meanwhile_gets_nothing() {
    let plane = access::guarded().await;
    let root = access::token(&plane, "root", ROOT).await;
    let account = json!({"name": "reader", "password": "Acc0unt-pass!", "roles": ["developer"]});
    access::send(&plane, &root, "POST", "/v4/accounts", &account).await.assert_empty();
    let reader = access::token(&plane, "reader", "Acc0unt-pass!").await;
    let path = format!("{KEYS}?wait=5m");
    let act = async {
        let field = format!("Bearer {root}");
        let fields = [("Authorization", field.as_str())];
        while !plane.send("GET", "/metrics", &fields, "").await.text.contains("waiting_calls 1\n") {
            sleep(Duration::from_millis(5)).await;
        }
        access::send(&plane, &root, "DELETE", "/v4/accounts/reader", &serde_json::Value::Null)
            .await
            .assert_empty();
        let one = json!({"key": "k", "value": "secret"});
        assert_eq!(access::send(&plane, &root, "POST", KEYS, &one).await.status, 200);
    };
    let nothing = serde_json::Value::Null;
    let (answer, ()) = tokio::join!(access::send(&plane, &reader, "GET", &path, &nothing), act);
    assert_refused(&answer, "401206");
}
