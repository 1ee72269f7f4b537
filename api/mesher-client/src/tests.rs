//! The client against servers that answer well, badly, late or never.
//! They must run on free loopback ports and end by themselves.

use mesher_model::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{Address, AddressError, ClientError, ControlClient, Credentials, ServiceIdentity, Tenancy};

/// Answers every connection with `answer` after its request's head. Returns the address.
async fn answering(answer: &'static str) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = socket.read_u8().await else { return };
                head.push(byte);
            }
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    address
}

fn client(addresses: Vec<Address>) -> ControlClient {
    ControlClient::new(addresses, Tenancy::default(), Credentials::None, None).unwrap()
}

pub(crate) fn identity() -> ServiceIdentity {
    ServiceIdentity {
        app: "default".to_owned(),
        name: "calculator".to_owned(),
        version: "0.0.1".to_owned(),
        environment: String::new(),
    }
}

const FOUND: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 18\r\nConnection: close\r\n\r\n{\"serviceId\":\"s1\"}";

#[test]
fn addresses_are_read_as_people_write_them() {
    for (text, shown) in [
        ("http://127.0.0.1:30100", "http://127.0.0.1:30100"),
        ("http://127.0.0.1:30100/", "http://127.0.0.1:30100"),
        ("registry:81", "http://registry:81"),
        ("registry", "http://registry:30100"),
        ("http://[::1]:30100", "http://[::1]:30100"),
        ("https://r:1", "https://r:1"),
        ("https://r", "https://r:30100"),
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), shown, "{text}");
    }
    for (text, error) in [
        ("http://r:1/v4", AddressError::HasPath as fn(String) -> AddressError),
        ("http://", AddressError::Malformed),
        ("http://r:99999", AddressError::Malformed),
        ("http://r:0", AddressError::Malformed),
        ("ftp://r:1", AddressError::Malformed),
        ("a b", AddressError::Malformed),
        ("http://u@r:1", AddressError::Malformed),
    ] {
        assert_eq!(text.parse::<Address>(), Err(error(text.to_owned())), "{text}");
    }
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_is_dead_or_answers_garbage() {
    let dead: Address = "127.0.0.1:1".parse().unwrap();
    let garbage = answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>").await;
    let broken = answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let good = answering(FOUND).await;
    let found = client(vec![dead.clone(), broken, good]).find_service(&identity()).await.unwrap();
    assert_eq!(found.as_deref(), Some("s1"));
    assert!(matches!(
        client(vec![dead]).find_service(&identity()).await,
        Err(ClientError::Unreachable { .. })
    ));
    let refused = client(vec![garbage]).find_service(&identity()).await;
    assert!(
        matches!(&refused, Err(ClientError::Garbage { reason, .. }) if reason.contains("<html>")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_missing_service_is_an_answer_and_not_an_error() {
    let missing = "HTTP/1.1 400 Bad Request\r\nContent-Length: 26\r\nConnection: close\r\n\r\n{\"errorCode\":\"400012\"}    ";
    let client = client(vec![answering(missing).await]);
    assert_eq!(client.find_service(&identity()).await.unwrap(), None);
    let refused = client.heartbeat("s1", "i1", false).await.unwrap_err();
    assert!(refused.is(ErrorCode::ServiceNotExists) && !refused.is_unknown_path());
}

/// An answer with this body.
fn json(body: &str) -> &'static str {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    String::leak(head + body)
}

async fn find(body: &str) -> Result<crate::FoundInstances, ClientError> {
    client(vec![answering(json(body)).await]).find_instances("", Vec::new()).await
}

#[tokio::test]
async fn rg_11_one_bad_instance_costs_nothing_but_itself() {
    let good = r#"{"instanceId":"good","hostName":"h","endpoints":["rest://10.0.0.1:80"]}"#;
    for bad in [
        "null",
        "7",
        "\"x\"",
        r#"{"endpoints":null}"#,
        r#"{"endpoints":[null]}"#,
        r#"{"properties":{"weight":-1}}"#,
        r#"{"healthCheck":{"interval":1e300}}"#,
    ] {
        let body =
            format!(r#"{{"services":{{"updated":[{{"index":0,"rev":"1","instances":[{bad},{good}]}}]}}}}"#);
        let found = find(&body).await.unwrap();
        let ids: Vec<_> =
            found.result.updated[0].instances.iter().map(|instance| instance.instance_id.as_str()).collect();
        assert_eq!((ids.as_slice(), found.unreadable), (&["good"][..], 1), "{bad}");
    }
}

#[tokio::test]
async fn rg_06_what_is_no_set_is_not_an_empty_one() {
    for set in [r#"{"index":0,"rev":"1","instances":null}"#, r#"{"index":0,"instances":{}}"#, "null", "{}"] {
        let found = find(&format!(r#"{{"services":{{"updated":[{set}]}}}}"#)).await.unwrap();
        assert_eq!((found.result.updated.len(), found.unreadable), (0, 1), "{set}");
    }
    let found = find(r#"{"services":{"updated":[{"index":0,"rev":"1"}]}}"#).await.unwrap();
    assert!(found.result.updated[0].instances.is_empty(), "an original registry leaves an empty set out");
    for body in ["", "{}", r#"{"services":null}"#, "null", "[]", r#"{"services":{"updated":null}}"#] {
        let answer = find(body).await;
        assert!(matches!(answer, Err(ClientError::Garbage { .. })), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn rg_09_an_answer_that_is_too_deep_or_too_large_is_none() {
    let nested =
        |depth: usize| format!(r#"{{"services":{{}},"other":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(find(&nested(60)).await.is_ok());
    assert!(find(&format!(r#"{{"services":{{}},"text":"{}\""}}"#, "[".repeat(1000))).await.is_ok());
    for depth in [64, 10_000] {
        let answer = find(&nested(depth)).await;
        assert!(
            matches!(&answer, Err(ClientError::Garbage { reason, .. }) if reason.contains("deep")),
            "{answer:?}"
        );
    }
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\nConnection: close\r\n\r\n";
    let answer = client(vec![answering(large).await]).find_instances("", Vec::new()).await;
    assert!(
        matches!(&answer, Err(ClientError::Garbage { reason, .. }) if reason.contains("announces")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_original_registry_knows_none_of_our_paths() {
    let plain = "HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\nConnection: close\r\n\r\n404 page not found";
    let client = client(vec![answering(plain).await]);
    assert!(client.services().await.unwrap_err().is_unknown_path());
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let timeout = client(vec![address]).find_service(&identity()).await;
    assert!(matches!(timeout, Err(ClientError::Timeout { .. })), "{timeout:?}");
}

/// A whole message of a server (RFC 6455, 5.2): short, unmasked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

#[tokio::test]
async fn a_watch_tells_of_changes_and_why_it_ends() {
    use crate::{LinkEnd, Watched};
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
    const TEXT: u8 = 0x81;
    const PING: u8 = 0x89;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
        });
        let accept = derive_accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
        let event = br#"{"action":"CREATE","key":{"appId":"a","serviceName":"p"},"instance":{}}"#;
        for frame in [frame(TEXT, event), frame(PING, b""), frame(TEXT, b"service does not exist")] {
            socket.write_all(&frame).await.unwrap();
        }
        // The answer to the ping: a masked pong without content.
        let mut pong = [0; 6];
        socket.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong[..2], [0x8a, 0x80]);
        head.lines().next().unwrap().to_owned()
    });
    let mut watch = client(vec![address]).watch("c1").await.unwrap();
    assert_eq!(watch.next().await, Ok(Watched::Changed { service: "p".to_owned() }));
    assert_eq!(watch.next().await, Ok(Watched::Alive));
    assert_eq!(watch.next().await, Err(LinkEnd::Garbage("service does not exist".to_owned())));
    assert_eq!(server.await.unwrap(), "GET /v4/default/registry/microservices/c1/watcher HTTP/1.1");
}
