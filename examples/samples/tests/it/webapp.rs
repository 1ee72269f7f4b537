//! The web page as a browser and a shell meet it, with a real calculator, a scripted one, and none.
//! Must not start a proxy: what matters here is what the page sends to one.

use std::net::SocketAddr;

use mesher_samples::{Kind, Sample, SampleError, Settings};
use tokio::net::TcpSocket;

use crate::wire::{Scripted, answer, get, send, settings, start};

async fn webapp_of(provider: SocketAddr) -> SocketAddr {
    start(Kind::Webapp, Settings { provider: Some(format!("http://{provider}")), ..settings("webapp") }).await
}

async fn webapp_through(proxy: SocketAddr) -> SocketAddr {
    let proxy = Some(format!("http://{proxy}"));
    start(
        Kind::Webapp,
        Settings { proxy, no_proxy: Some("localhost,127.0.0.1,::1".into()), ..settings("webapp") },
    )
    .await
}

#[tokio::test]
async fn the_page_works_as_a_plain_form() {
    let webapp = webapp_of(start(Kind::Calculator, settings("calculator")).await).await;
    let empty = get(webapp, "/").await;
    assert_eq!(empty.status, 200);
    assert!(empty.body.contains(r#"<label for="height">Height in metres</label>"#), "{}", empty.body);
    assert!(!empty.body.contains("No result"), "{}", empty.body);

    let asked = get(webapp, "/?height=1.8&weight=75").await;
    assert_eq!(asked.status, 200);
    for part in ["23.15", "calculator 0.0.1", "calculator-a", "webapp-a", r#"value="1.8""#] {
        assert!(asked.body.contains(part), "{part}: {}", asked.body);
    }
}

#[tokio::test]
async fn the_page_allows_nothing_from_outside() {
    let webapp = webapp_of("127.0.0.1:1".parse().unwrap()).await;
    let page = get(webapp, "/").await;
    assert!(
        page.head.contains("content-security-policy: default-src 'none'; style-src 'self'"),
        "{}",
        page.head
    );
    assert!(page.head.contains("x-content-type-options: nosniff"));
    assert!(!page.body.contains("://") && !page.body.contains("style="), "{}", page.body);
    for (file, kind) in
        [("/page.css", "text/css"), ("/page.js", "text/javascript"), ("/icon.svg", "image/svg+xml")]
    {
        assert!(page.body.contains(file), "{file}");
        let file = get(webapp, file).await;
        assert!(file.status == 200 && file.head.contains(kind), "{}", file.head);
    }
}

#[tokio::test]
async fn values_from_the_address_stay_text() {
    let webapp = webapp_of(start(Kind::Calculator, settings("calculator")).await).await;
    let page =
        get(webapp, "/?height=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&weight=%7B%7Banswer%7D%7D").await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("&quot;&gt;&lt;script&gt;alert(1)"), "{}", page.body);
    assert!(!page.body.contains("<script>"), "{}", page.body);
    assert!(
        page.body.contains("Please check the values: height must be a number of metres between 0.5 and 2.8")
    );
}

#[tokio::test]
async fn json_is_relayed_with_its_status() {
    let webapp = webapp_of(start(Kind::Calculator, settings("calculator")).await).await;
    let good = get(webapp, "/bmi?height=1.8&weight=75").await;
    assert_eq!(good.status, 200);
    let expected = serde_json::json!({"result": 23.15, "service": "calculator", "version": "0.0.1",
        "instance": "calculator-a", "via": "webapp"});
    assert_eq!(good.json(), expected);
    let bad = get(webapp, "/bmi").await;
    assert_eq!((bad.status, bad.json()["via"].as_str()), (400, Some("webapp")));
}

#[tokio::test]
async fn a_proxy_gets_absolute_form_and_the_headers_that_rules_look_at() {
    let mut proxy = Scripted::start(vec![vec![answer("200 OK", r#"{"result":23.15}"#)]]).await;
    let webapp = webapp_through(proxy.address).await;
    let request = "GET /bmi?height=1.8&weight=75 HTTP/1.1\r\nhost: webapp\r\nx-user: jason\r\ncookie: a=b\r\n\
                   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nconnection: close\r\n\r\n";
    assert_eq!(send(webapp, request).await.status, 200);
    let head = proxy.heads.recv().await.unwrap();
    assert!(head.starts_with("GET http://calculator/bmi?height=1.8&weight=75 HTTP/1.1\r\n"), "{head}");
    for line in ["host: calculator\r\n", "x-user: jason\r\n", "traceparent: 00-0af7651916cd43dd"] {
        assert!(head.contains(line), "{line} {head}");
    }
    assert!(!head.contains("cookie"), "{head}");
}

#[tokio::test]
async fn a_refusal_of_the_mesh_is_relayed_and_explained() {
    let refusal = r#"{"error":"destination_unavailable","detail":"breaker open","service":"calculator"}"#;
    let refusals = vec![answer("503 Service Unavailable", refusal); 2];
    let webapp = webapp_through(Scripted::start(vec![refusals]).await.address).await;
    let json = get(webapp, "/bmi?height=1.8&weight=75").await;
    assert_eq!((json.status, json.json()["detail"].as_str()), (503, Some("breaker open")));
    let page = get(webapp, "/?height=1.8&weight=75").await;
    assert_eq!(page.status, 503);
    assert!(page.body.contains("ended with 503 Service Unavailable"), "{}", page.body);
    assert!(page.body.contains("<dd>breaker open</dd>"), "{}", page.body);
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_as_such() {
    // Bound and not listening: nobody else can take the port, and nobody accepts on it.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = bound.local_addr().unwrap();
    let webapp = webapp_of(closed).await;
    let json = get(webapp, "/bmi?height=1.8&weight=75").await;
    assert_eq!((json.status, json.json()["error"].as_str()), (502, Some("connection_refused")));
    assert!(json.json()["detail"].as_str().unwrap().contains(&closed.to_string()), "{}", json.body);
    let page = get(webapp, "/?height=1.8&weight=75").await;
    assert_eq!(page.status, 502);
    assert!(page.body.contains("No result") && page.body.contains("connection_refused"), "{}", page.body);
    assert_eq!(get(webapp, "/health").await.status, 200, "a provider's absence is not the page's illness");
}

#[tokio::test]
async fn an_answer_without_json_is_a_failure() {
    for (status, expected) in [("200 OK", 502), ("302 Found", 502), ("500 Internal Server Error", 500)] {
        let provider = Scripted::start(vec![vec![answer(status, "<h1>hello</h1>")]]).await;
        let json = get(webapp_of(provider.address).await, "/bmi").await;
        assert_eq!((json.status, json.json()["error"].as_str()), (expected, Some("http_protocol_error")));
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_has_ended() {
    let answers = |count| vec![answer("200 OK", r#"{"result":1}"#); count];
    let mut provider = Scripted::start(vec![answers(2), answers(1)]).await;
    let webapp = webapp_of(provider.address).await;
    for call in 0..3 {
        // The script has two connections: a third one would not be answered.
        assert_eq!(get(webapp, "/bmi").await.status, 200, "call {call}");
        assert!(provider.heads.recv().await.unwrap().starts_with("GET /bmi HTTP/1.1"));
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_refused_at_the_start() {
    let provider = Settings { provider: Some("https://calculator".into()), ..settings("webapp") };
    let error = Sample::bind(Kind::Webapp, provider).await.unwrap_err();
    assert!(matches!(error, SampleError::Provider { .. }), "{error}");
    let proxy = Settings { proxy: Some("socks5://127.0.0.1:1".into()), ..settings("webapp") };
    let error = Sample::bind(Kind::Webapp, proxy).await.unwrap_err();
    assert!(matches!(error, SampleError::Proxy { .. }), "{error}");
}
