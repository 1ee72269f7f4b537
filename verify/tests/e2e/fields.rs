//! Header fields on their way through two proxies: which arrive, which stay behind, which are added.
//! It must see them as the application gets them.

use mesher_verify::application::{Application, ok};
use mesher_verify::http::Message;
use serde_json::Value;

use crate::streaming::Fixture;

/// An application that answers with the head that it got.
fn mirror() -> Application {
    Application::http(|request: &Message| {
        let fields = request.head.fields.iter().map(|(name, value)| format!("{name}: {value}\n"));
        ok(&format!("{}\n{}", request.head.line, fields.collect::<String>()))
    })
}

/// The lines of the head that arrives.
fn arrived(mesh: &Fixture, request: &str) -> Vec<String> {
    let answer = mesh.connect().call(request).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.text().lines().map(str::to_owned).collect()
}

#[test]
fn an_application_gets_a_target_by_path_and_the_host_that_was_called() {
    let application = mirror();
    let mesh = Fixture::start(&application);
    let lines = arrived(&mesh, "GET http://provider/a/b?c=d%20e HTTP/1.1\r\nHost: elsewhere\r\n\r\n");
    assert_eq!(lines[0], "GET /a/b?c=d%20e HTTP/1.1");
    let hosts: Vec<_> = lines.iter().filter(|line| line.starts_with("host:")).collect();
    assert_eq!(hosts, ["host: provider"], "the target wins over the field (RFC 9112 section 3.2.2)");
}

#[test]
fn fields_of_one_connection_stay_on_it() {
    let application = mirror();
    let mesh = Fixture::start(&application);
    let lines = arrived(
        &mesh,
        "GET / HTTP/1.1\r\nHost: provider\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nX-Public: 1\r\n\r\n",
    );
    for name in ["x-private", "keep-alive", "proxy-connection"] {
        assert!(!lines.iter().any(|line| line.starts_with(&format!("{name}:"))), "{name} in {lines:#?}");
    }
    assert!(lines.contains(&"x-public: 1".to_owned()), "{lines:#?}");
}

#[test]
fn fields_keep_their_order_their_repetition_and_their_bytes() {
    let application = mirror();
    let mesh = Fixture::start(&application);
    let long = "v".repeat(20_000);
    let lines = arrived(
        &mesh,
        &format!(
            "GET / HTTP/1.1\r\nHost: provider\r\nX-A: 1\r\nCookie: a=b; c=d\r\nX-A: 2\r\nX-Empty:\r\nX-Long: {long}\r\nX-A: 3\r\n\r\n"
        ),
    );
    let values: Vec<_> = lines.iter().filter(|line| line.starts_with("x-a:")).collect();
    assert_eq!(values, ["x-a: 1", "x-a: 2", "x-a: 3"]);
    for wanted in ["cookie: a=b; c=d", "x-empty: ", &format!("x-long: {long}")] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted:.40}");
    }
}

#[test]
fn the_context_names_the_caller_and_keeps_what_the_application_put_there() {
    let application = mirror();
    let mesh = Fixture::start(&application);
    let context = |request: &str| {
        let lines = arrived(&mesh, request);
        let found: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("x-cse-context: ")).collect();
        assert_eq!(found.len(), 1, "{lines:#?}");
        serde_json::from_str::<Value>(found[0]).unwrap()
    };
    let fresh = context("GET / HTTP/1.1\r\nHost: provider\r\n\r\n");
    assert_eq!(fresh["x-cse-src-microservice"], "webapp");
    let kept = context(
        "GET / HTTP/1.1\r\nHost: provider\r\nx-cse-context: {\"user\":\"jason\",\"x-cse-src-microservice\":\"forged\"}\r\n\r\n",
    );
    assert_eq!((&kept["user"], &kept["x-cse-src-microservice"]), (&"jason".into(), &"webapp".into()));
}

#[test]
fn an_answer_keeps_its_fields_too() {
    let application = Application::http(|_| {
        b"HTTP/1.1 299 Own Words\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 1\r\nContent-Length: 2\r\n\r\nok".to_vec()
    });
    let mesh = Fixture::start(&application);
    let answer = mesh.connect().call("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (299, "ok"));
    let cookies: Vec<_> = answer.head.fields.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!(cookies.len(), 2);
    assert_eq!((answer.field("x-hop"), answer.field("x-end")), ("", "1"));
}
