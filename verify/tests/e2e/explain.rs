//! Why calls go where they go: questions, and calls that failed in every way there is, each explained by its id.
//! It must find each true cause from outside, as somebody would at night: by the command, with the id from the answer.

use std::net::SocketAddr;
use std::thread;

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::faults::{Blackhole, reset};
use mesher_verify::http::{Wire, get_with};
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::{Ended, Process};
use serde_json::Value;

use crate::rules::{apply, assert_done, mesher};

/// Documents of which some calls go wrong.
const RULES: &str = r#"
apiVersion: mesher/v1
kind: Route
metadata: {name: split}
spec:
  service: split
  rules:
    - name: testers
      matches: [{headers: [{name: x-user, value: tester}]}]
      backends: [{subset: {version: 9.9.9}}]
    - name: admins
      matches: [{path: {value: /admin}, method: POST}]
      backends: [{subset: {properties: {team: blue}}}]
    - {name: everybody, backends: [{subset: {version: 1.0.0}, weight: 3}, {subset: {version: 1.0.0, zone: az-1}, weight: 0}]}
---
apiVersion: mesher/v1
kind: Route
metadata: {name: every}
spec:
  service: "*"
  rules: [{backends: [{}]}]
---
apiVersion: mesher/v1
kind: Timeout
metadata: {name: timed}
spec: {service: timed, request: 500ms}
"#;

/// An application that does what its path says.
fn serve(mut wire: Wire) -> std::io::Result<()> {
    while let Some(request) = wire.request()? {
        match request.head.target().split('?').next().unwrap_or_default() {
            "/reset" => {
                reset(wire);
                return Ok(());
            }
            "/close" => return wire.finish(),
            "/garbage" => wire.send("220 mail.example ESMTP\r\n\r\n")?,
            "/cut" => {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")?;
                return wire.finish();
            }
            "/error" => wire.send(answer("500 Internal Server Error", "broken"))?,
            "/silent" | "/timed" | "/slow" | "/peer" => return wire.remainder().map(drop),
            _ => wire.send(ok("fine"))?,
        }
    }
    Ok(())
}

/// A caller, and services that fail in ways of their own.
struct Stage {
    control: Control,
    caller: Proxy,
    _peer: Proxy,
    application: Application,
    _hole: Blackhole,
}

impl Stage {
    fn start() -> Self {
        let control = Control::start();
        let application = Application::start(serve);
        let hole = Blackhole::start();
        let mut command = Proxy::command(&control.url(), "caller", &[]);
        command.envs([
            ("MESHER_WORKERS", "1"),
            ("MESHER_BODY_BYTES_MAX", "1000"),
            ("MESHER_HEAD_TIME_MAX", "1s"),
            ("MESHER_RESPONSE_TIME_MAX", "2s"),
            ("MESHER_UPSTREAM_CONNECTIONS_MAX", "1"),
        ]);
        let caller = Proxy::of(&mut command);
        let mut command =
            Proxy::command(&control.url(), "peer", &["--ports", &format!("rest:{}", application.port())]);
        let peer = Proxy::of(command.env("MESHER_RESPONSE_TIME_MAX", "500ms"));
        for proxy in [&caller, &peer] {
            proxy.addresses.wait_ready();
        }
        let good = SocketAddr::from(([127, 0, 0, 1], application.port()));
        let dead = SocketAddr::from(([127, 0, 0, 1], free_port()));
        for (service, address) in [
            ("app", good),
            ("timed", good),
            ("split", good),
            ("dead", dead),
            ("hole", hole.address),
            ("round", caller.addresses.outbound),
        ] {
            let id = control.register_service(service, "1.0.0");
            control.register_instance(&id, &[format!("rest://{address}")]);
        }
        control.register_service("none", "1.0.0");
        assert_done(&apply(&control, RULES, &["--wait"]));
        Self { control, caller, _peer: peer, application, _hole: hole }
    }

    fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    fn command(&self, arguments: &[&str]) -> Ended {
        Process::run(&mut mesher(&self.control, arguments))
    }

    /// What the command says, for programs.
    #[track_caller]
    fn explain(&self, arguments: &[&str]) -> Value {
        let ended = self.command(&[&["explain"], arguments, &["-o", "json"]].concat());
        assert_done(&ended);
        serde_json::from_str(&ended.output).unwrap()
    }

    /// The id of the newest call of the caller that failed on this path.
    #[track_caller]
    fn failed_on(&self, path: &str) -> String {
        until(&format!("the failure of {path} is remembered"), || {
            let mut address = Wire::open(self.caller.addresses.admin).unwrap();
            let request = "GET /explain?failed=true&limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n";
            let calls = address.call(request).unwrap().json();
            let calls = calls["items"].as_array().cloned().unwrap_or_default();
            let found = calls.iter().find(|call| call["request"]["path"] == path)?;
            found["call"]["id"].as_str().map(str::to_owned)
        })
    }

    /// Asks, and gives back the id that the answer names.
    #[track_caller]
    fn refused(&self, request: &str) -> String {
        let answer = Wire::open(self.outbound()).unwrap().call(request).unwrap();
        let id = answer.json()["invocation"].as_str().unwrap_or_default().to_owned();
        let said = answer.field("proxy-status");
        assert!(
            said.contains(&format!("invocation=\"{id}\"")) && id.len() == 16,
            "{said}: {}",
            answer.text()
        );
        id
    }

    fn get(&self, host: &str, path: &str) -> String {
        self.refused(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    /// Sends a call whose answer names no id, whatever becomes of it.
    fn send(&self, host: &str, path: &str) -> String {
        let _ = get_with(self.outbound(), host, path, &[]);
        self.failed_on(path)
    }
}

/// A failure: how it is made, what kind it has to have, and words that tell its cause.
type Failure = (&'static str, fn(&Stage) -> String, &'static str, &'static [&'static str]);

const FAILURES: &[Failure] = &[
    (
        "no such service",
        |stage| stage.get("nosuch", "/1"),
        "unknown_service",
        &["no service is called \"nosuch\""],
    ),
    (
        "no instance",
        |stage| stage.get("none", "/2"),
        "no_endpoint",
        &["none is registered, but no instance of it takes calls"],
    ),
    (
        "no instance of the version",
        |stage| stage.refused("GET /3 HTTP/1.1\r\nHost: split\r\nx-user: tester\r\n\r\n"),
        "no_endpoint",
        &[
            "no instance of split is of version 9.9.9, which rule testers of Route split chose",
            "testers: decides",
            "it is not part of the subset",
        ],
    ),
    (
        "no instance with the property",
        |stage| stage.refused("POST /admin HTTP/1.1\r\nHost: split\r\nContent-Length: 0\r\n\r\n"),
        "no_endpoint",
        &[
            "property team=blue, which rule admins of Route split chose",
            "testers: passed over, for header x-user Exact \"tester\" (it is not there)",
        ],
    ),
    (
        "a port that nobody declares",
        |stage| stage.get("peer:1", "/5"),
        "unknown_port",
        &["peer does not declare port 1"],
    ),
    (
        "a refused connection",
        |stage| stage.get("dead", "/6"),
        "connect_refused",
        &["connect_refused (upstream)", "tries       1."],
    ),
    (
        "a connection that is not answered",
        |stage| stage.get("hole", "/7"),
        "connect_timeout",
        &["connect_timeout (upstream)", "tries       1."],
    ),
    (
        "a reset",
        |stage| stage.get("app", "/reset"),
        "terminated",
        &["tries       1.", "3.", "terminated (upstream)"],
    ),
    (
        "an end without an answer",
        |stage| stage.get("app", "/close"),
        "terminated",
        &["terminated (upstream)"],
    ),
    (
        "a limit that a rule sets",
        |stage| stage.get("timed", "/timed"),
        "response_timeout",
        &[
            "no answer within 500ms, the limit that Timeout timed sets",
            "timeout     500 ms",
            "Timeout timed, r3: holds",
        ],
    ),
    (
        "a limit of the proxy",
        |stage| stage.get("app", "/silent"),
        "response_timeout",
        &["response_timeout (upstream)"],
    ),
    ("what is no answer", |stage| stage.get("app", "/garbage"), "bad_response", &["bad_response (upstream)"]),
    (
        "an answer that is cut off",
        |stage| stage.send("app", "/cut"),
        "terminated",
        &["failed with 200, terminated (upstream)"],
    ),
    ("a loop", |stage| stage.get("round", "/14"), "loop", &["came back to the proxy that sent it"]),
    (
        "a body that is too large",
        |stage| stage.refused("POST /15 HTTP/1.1\r\nHost: app\r\nContent-Length: 2000\r\n\r\n"),
        "bad_request",
        &["the caller got 413"],
    ),
    (
        "a request with two lengths",
        |stage| {
            stage.refused("POST /16 HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n")
        },
        "bad_request",
        &["the caller got 400", "downstream"],
    ),
    (
        "a method that is not taken",
        |stage| stage.refused("TRACE / HTTP/1.1\r\nHost: app\r\n\r\n"),
        "method_not_allowed",
        &["the caller got 405", "TRACE is not taken here"],
    ),
    (
        "a head that does not end",
        |stage| stage.refused("GET /18 HTTP/1.1\r\nHost: app\r\n"),
        "head_timeout",
        &["the caller got 408", "did not come within 1 s"],
    ),
    ("no free connection", busy, "pool_full", &["the caller got 503", "pool_full"]),
    (
        "a caller that goes away",
        |stage| {
            let mut wire = Wire::open(stage.outbound()).unwrap();
            wire.send("GET /slow?20 HTTP/1.1\r\nHost: app\r\n\r\n").unwrap();
            reset(wire);
            stage.failed_on("/slow")
        },
        "terminated",
        &["the caller got no answer", "terminated (downstream)"],
    ),
    (
        "a failure that the callee's proxy tells of",
        |stage| stage.send("peer", "/peer"),
        "",
        &["answered 504", "it says: mesher/peer/inbound; error=http_response_timeout"],
    ),
    ("a failure of the callee", |stage| stage.send("app", "/error"), "", &["answered 500"]),
];

/// A second call while the only connection to the instance is taken.
fn busy(stage: &Stage) -> String {
    let outbound = stage.outbound();
    let first = thread::spawn(move || get_with(outbound, "app", "/silent?19", &[]));
    until("the first call has its connection", || {
        let metrics = stage.caller.addresses.admin("/metrics").text();
        let active = metrics.lines().find(|line| {
            line.starts_with("mesher_active_requests{") && line.contains("outbound") && line.contains("app")
        })?;
        active.ends_with(" 1").then_some(())
    });
    let id = stage.get("app", "/19");
    let _ = first.join().unwrap();
    id
}

#[test]
fn each_failure_is_explained_by_its_true_cause() {
    let stage = Stage::start();
    assert!(FAILURES.len() >= 20, "{}", FAILURES.len());
    for (name, make, kind, words) in FAILURES {
        let id = make(&stage);
        let told = stage.explain(&[&id]);
        let failure = &told["call"]["failure"]["kind"];
        assert_eq!(failure.as_str().unwrap_or_default(), *kind, "{name}: {told:#}");
        let text = stage.command(&["explain", &id]);
        assert_done(&text);
        // Lines go on below each other; the words may be anywhere.
        for words in *words {
            assert!(text.output.contains(words), "{name}: no {words:?} in\n{}", text.output);
        }
    }
}

#[test]
fn a_question_is_answered_by_the_proxy_that_would_decide_and_nothing_is_sent() {
    let stage = Stage::start();
    // The proxy beside it has looked whether it is there.
    let before = stage.application.connections();
    let ask = |call: &str, more: &[&str]| {
        stage.explain(&[&["--from", "caller", "--to", "split", call], more].concat())
    };
    let verdicts = |told: &Value| -> Vec<String> {
        let rules = told["rules"].as_array().cloned().unwrap_or_default();
        rules.iter().map(|rule| rule["verdict"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let usual = ask("GET /x?secret=1", &[]);
    assert_eq!(verdicts(&usual), ["differs", "differs", "decides"], "{usual:#}");
    assert_eq!((&usual["choice"]["weight"], &usual["choice"]["total"]), (&3.into(), &3.into()));
    assert!(usual["conclusion"].as_str().unwrap().contains("version 1.0.0"), "{usual:#}");
    assert_eq!(usual["said"][1]["shadowed_by"], "Route split, which names the service");
    assert!(!usual.to_string().contains("secret"), "{usual:#}");
    let tester = ask("/x", &["-H", "X-User: tester"]);
    assert_eq!(verdicts(&tester), ["decides", "differs", "shadowed"], "{tester:#}");
    let conclusion = tester["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("503") && conclusion.contains("version 9.9.9"), "{conclusion}");
    // The caller's own numbers: no call of it was counted, and no instance was asked.
    let metrics = stage.caller.addresses.admin("/metrics").text();
    let counted = metrics.lines().filter(|line| line.starts_with("mesher_requests_total{"));
    let outbound: Vec<_> = counted.filter(|line| line.contains("outbound")).collect();
    assert!(outbound.is_empty(), "{outbound:?}");
    assert_eq!(stage.application.connections(), before, "nothing was sent");
}

#[test]
fn what_cannot_be_explained_says_why() {
    let stage = Stage::start();
    for (arguments, words) in [
        (&["explain", "--from", "nobody", "--to", "split", "/"][..], "no proxy of service \"nobody\""),
        (&["explain", "12"], "16 hexadecimal digits"),
        (&["explain", "0000000000000000"], "no proxy that is linked"),
        (&["explain", "--from", "caller", "--to", "split", "GET"], "is no call"),
        (&["explain", "--from", "caller", "--to", "split", "/", "-H", "x"], "no header field"),
    ] {
        let ended = stage.command(arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains(words), "{arguments:?}: {}", ended.errors);
    }
    let odd = stage.explain(&["--from", "caller", "--to", "sp lit", "/"]);
    assert!(odd["conclusion"].as_str().unwrap().contains("the caller would get 400"), "{odd:#}");
    let unknown = stage.explain(&["--from", "caller", "--to", "nosuch", "/"]);
    assert!(
        unknown["conclusion"].as_str().unwrap().contains("no service is called \"nosuch\""),
        "{unknown:#}"
    );
    let admin = |path: &str| stage.caller.addresses.admin(path);
    assert_eq!((admin("/explain?a=b").status(), admin("/explain/0").status()), (400, 404));
    assert!(admin("/explain?to=split&path=/&header=x-user:tester").text().contains("testers: decides"));
}

#[test]
fn calls_that_went_well_are_remembered_beside_many_that_failed() {
    let stage = Stage::start();
    let answer = get_with(stage.outbound(), "app", "/fine", &[]).unwrap();
    assert_eq!(answer.status(), 200);
    for number in 0..200 {
        let _ = get_with(stage.outbound(), "nosuch", &format!("/{number}"), &[]);
    }
    let calls = stage.explain(&[]);
    let calls = calls.as_array().cloned().unwrap_or_default();
    assert!(calls.len() > 20, "{}", calls.len());
    let well = until("the good call is found", || {
        let told = stage.caller.addresses.admin("/explain?limit=100").text();
        let line = told.lines().find(|line| line.contains("/fine") && line.contains(": 200,"))?;
        line.split(' ').next().map(str::to_owned)
    });
    let told = stage.explain(&[&well]);
    assert_eq!(
        (&told["call"]["status"], &told["tries"][0]["failure"]),
        (&200.into(), &Value::Null),
        "{told:#}"
    );
}
