//! Web sockets of the registry: who hears of what, how soon, and how each of them ends.
//! They must not wait for time: it is the test's, or paused.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::access::{self, ROOT};
use crate::socket::{PING, PONG, Socket, TEXT};
use crate::support::{Plane, REGISTRY, SERVICES};

impl Socket {
    async fn watch(plane: &Plane, service: &str) -> Self {
        let (status, socket) = Self::open(plane, &format!("{SERVICES}/{service}/watcher"), "").await;
        assert_eq!(status, 101);
        socket
    }

    /// The next event: action and host.
    async fn event(&mut self) -> (String, String) {
        let (opcode, payload) = self.frame().await.unwrap();
        assert_eq!(opcode, TEXT);
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&event["action"]), text(&event["instance"]["hostName"]))
    }
}

/// A consumer that has looked a provider up; the ids of both.
async fn pair(plane: &Plane) -> (String, String) {
    let (consumer, provider) = (plane.service("cons", "1.0.0").await, plane.service("prov", "1.0.0").await);
    find(plane, &consumer).await;
    (consumer, provider)
}

async fn find(plane: &Plane, consumer: &str) {
    let path = format!("{REGISTRY}/instances?appId=shop&serviceName=prov&version=0%2B");
    assert_eq!(plane.send("GET", &path, &[("x-consumerid", consumer)], "").await.status, 200);
}

#[tokio::test]
async fn a_watcher_hears_of_what_it_calls_and_of_nothing_else() {
    let plane = Plane::start().await;
    let (consumer, provider) = pair(&plane).await;
    let other = plane.service("other", "1.0.0").await;
    let mut socket = Socket::watch(&plane, &consumer).await;
    plane.instance(&other, "hidden").await;
    let id = plane.instance(&provider, "h1").await;
    let instance = format!("{SERVICES}/{provider}/instances/{id}");
    plane.put(&format!("{instance}/heartbeat"), "").await.assert_empty();
    plane.put(&format!("{instance}/status?value=DOWN"), "").await.assert_empty();
    plane.delete(&instance).await.assert_empty();
    plane.instance(&provider, "h2").await;
    plane.advance(20);
    plane.get("/livez").await;
    plane.get(SERVICES).await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(socket.event().await);
    }
    let expected = [("CREATE", "h1"), ("UPDATE", "h1"), ("DELETE", "h1"), ("CREATE", "h2"), ("DELETE", "h2")];
    assert_eq!(heard, expected.map(|(action, host)| (action.to_owned(), host.to_owned())));
}

#[tokio::test]
async fn an_unknown_service_is_told_in_the_words_that_clients_look_for() {
    let plane = Plane::start().await;
    let mut socket = Socket::watch(&plane, "nosuch").await;
    assert_eq!(socket.frame().await, Some((TEXT, b"service does not exist".to_vec())));
    assert_eq!(socket.frame().await, None);
}

/// ST-10: events reach many watchers soon.
#[tokio::test]
async fn st_10_many_watchers_hear_within_a_moment() {
    let plane = Plane::start().await;
    let (consumer, provider) = pair(&plane).await;
    let mut sockets = Vec::new();
    for _ in 0..400 {
        sockets.push(Socket::watch(&plane, &consumer).await);
    }
    let begun = Instant::now();
    plane.instance(&provider, "h1").await;
    for socket in &mut sockets {
        assert_eq!(socket.event().await, ("CREATE".to_owned(), "h1".to_owned()));
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_slow_watcher_is_cut_off_and_the_quick_one_misses_nothing() {
    let plane = Plane::start().await;
    let (consumer, provider) = pair(&plane).await;
    let mut slow = Socket::watch(&plane, &consumer).await;
    let mut quick = Socket::watch(&plane, &consumer).await;
    let filler = "x".repeat(2_900);
    for number in 0..100 {
        let body = json!({"instance": {
            "hostName": format!("h{number}"), "properties": {"group": "all", "filler": filler},
        }});
        let path = format!("{SERVICES}/{provider}/instances");
        assert_eq!(plane.post(&path, &body.to_string()).await.status, 200);
        quick.event().await;
    }
    for turn in 0..120 {
        let status = ["DOWN", "UP"][turn % 2];
        let body = json!({"matches": {"properties": {"group": "all"}}, "status": status}).to_string();
        plane.put(&format!("{REGISTRY}/instances/status"), &body).await.assert_empty();
        for _ in 0..100 {
            assert_eq!(quick.event().await.0, "UPDATE");
        }
    }
    // On a slow machine it took nothing for so long that it could not be told.
    let code = slow.close_code().await;
    assert!(matches!(code, Some(1013) | None), "it is told to connect again: {code:?}");
    let metrics = plane.get("/metrics").await;
    assert!(metrics.text.contains("mesher_control_watchers_cut_total 1"), "{}", metrics.text);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watcher_is_asked_and_then_let_go() {
    let plane = Plane::start().await;
    let (consumer, _) = pair(&plane).await;
    let mut socket = Socket::watch(&plane, &consumer).await;
    for _ in 0..3 {
        assert_eq!(socket.frame().await, Some((PING, Vec::new())));
    }
    assert_eq!(socket.frame().await, None);
}

#[tokio::test]
async fn a_client_that_talks_is_let_go() {
    let plane = Plane::start().await;
    let (consumer, _) = pair(&plane).await;
    let mut socket = Socket::watch(&plane, &consumer).await;
    socket.send(TEXT, &[b'x'; 64]).await;
    socket.settle().await;
    socket.send(TEXT, &[b'x'; 65]).await;
    let ended = async { while socket.frame().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
}

#[tokio::test]
async fn a_pong_is_a_heartbeat_and_an_unknown_instance_is_told() {
    let plane = Plane::start().await;
    let (_, provider) = pair(&plane).await;
    let id = plane.instance(&provider, "h1").await;
    let instance = format!("{SERVICES}/{provider}/instances/{id}");
    let (status, mut socket) = Socket::open(&plane, &format!("{instance}/heartbeat"), "").await;
    assert_eq!(status, 101);
    for _ in 0..3 {
        plane.advance(19);
        socket.send(PONG, b"").await;
        socket.settle().await;
        assert_eq!(plane.get(&instance).await.status, 200);
    }
    plane.advance(20);
    socket.send(PONG, b"").await;
    assert_eq!(socket.close_code().await, Some(4001));
    let (_, mut socket) = Socket::open(&plane, &format!("{instance}/heartbeat"), "").await;
    assert_eq!(socket.close_code().await, Some(4001));
}

#[tokio::test]
async fn a_server_that_ends_tells_its_watchers() {
    let plane = Plane::start().await;
    let (consumer, _) = pair(&plane).await;
    let mut socket = Socket::watch(&plane, &consumer).await;
    socket.settle().await;
    let ended = plane.stop();
    assert_eq!(socket.close_code().await, Some(1001));
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let plane = Plane::start().await;
    let (consumer, _) = pair(&plane).await;
    plane.get(&format!("{SERVICES}/{consumer}/watcher")).await.assert_refused("400001");
}

/// AD-04: a page of another site opens a socket.
#[tokio::test]
async fn ad_04_a_foreign_page_may_not_watch() {
    let plane = Plane::start().await;
    let (consumer, _) = pair(&plane).await;
    let path = format!("{SERVICES}/{consumer}/watcher");
    assert_eq!(Socket::open(&plane, &path, "Origin: http://evil.test\r\n").await.0, 403);
    assert_eq!(Socket::open(&plane, &path, "Origin: null\r\n").await.0, 403);
    let own = format!("Origin: http://{}\r\n", plane.address);
    assert_eq!(Socket::open(&plane, &path, &own).await.0, 101, "as Java Chassis 2 sends it");
}

/// AD-17: a token that counts no more ends what was opened with it.
#[tokio::test]
async fn ad_17_a_watch_ends_with_its_token() {
    let plane = access::guarded().await;
    let root = access::token(&plane, "root", ROOT).await;
    let new = json!({"name": "worker", "password": "Acc0unt-pass!", "roles": ["developer"]});
    access::send(&plane, &root, "POST", "/v4/accounts", &new).await.assert_empty();
    let worker = access::token(&plane, "worker", "Acc0unt-pass!").await;
    let body = json!({"service": {"appId": "shop", "serviceName": "cons", "version": "1.0.0"}});
    let made = access::send(&plane, &worker, "POST", SERVICES, &body).await.json();
    let path = format!("{SERVICES}/{}/watcher", made["serviceId"].as_str().unwrap());
    assert_eq!(Socket::open(&plane, &path, "").await.0, 401);
    let (status, mut revoked) =
        Socket::open(&plane, &path, &format!("Authorization: Bearer {worker}\r\n")).await;
    assert_eq!(status, 101);
    let (_, mut kept) = Socket::open(&plane, &path, &format!("Authorization: Bearer {root}\r\n")).await;
    access::send(&plane, &root, "DELETE", "/v4/accounts/worker", &Value::Null).await.assert_empty();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert_eq!(revoked.close_code().await, Some(1008));
    assert!(begun.elapsed() <= Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(kept.frame().await, Some((PING, Vec::new())));
}
