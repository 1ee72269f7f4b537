//! Rule documents that are wrong, too large, or strange: rows CF of the bad inputs and faults, as the control plane meets
//! them.
//! They must end in a refusal that names what is wrong, within a second, or in a document that every proxy can load.
//!
//! | row | where |
//! |---|---|
//! | CF-01 | here; with line and column: `mesher-rules`; through the command: `verify/tests/e2e/rules.rs`; settings files: `verify/tests/e2e/settings.rs`, `sources.rs`; keys: `kie_bounds.rs` |
//! | CF-02 | `mesher-rules`, `mesher-model`; keys: `verify/tests/e2e/rules.rs` |
//! | CF-03 | here; shares for any weights: unit tests of `mesher-traffic` |
//! | CF-04 | `mesher-rules`, `verify/tests/e2e/rules.rs`, `routing.rs` |
//! | CF-05 | here, `verify/tests/e2e/rule_faults.rs` |
//! | CF-06 | here; 50,000 documents: `mesher-rules`; off the path of requests: `verify/tests/e2e/rule_faults.rs` |
//! | CF-07 | `rule_blanks.rs` |
//! | CF-08 | `mesher-rules`, `verify/tests/e2e/routing.rs`; time: unit tests of `mesher-traffic` (`matching`) |
//! | CF-09 | `mesher-rules`, `rules.rs`; a crash between: `verify/tests/crash` |
//! | CF-10 | `verify/tests/e2e/rule_faults.rs` |
//! | CF-11 | `mesher-rules`; through a proxy: `verify/tests/e2e/rule_faults.rs`; a late update: unit tests of `mesher-proxy` |
//! | CF-13 | here; a proxy's own settings: unit tests of `mesher-proxy` (`bootstrap`) |
//! | CF-14 | `verify/tests/e2e/settings.rs`, `rules.rs`, `rule_faults.rs` |
//! | CF-17 | here; escaped where they are shown: `page.rs` |
//!
//! Rows that do not apply:
//!
//! | row | why |
//! |---|---|
//! | CF-12 | no document has a listener: a proxy's addresses are settings of its start, and a taken one ends the start (`verify/tests/e2e/settings.rs`) |
//! | CF-15 | nothing is mirrored, and no share is chosen by a hash |
//! | CF-16 | no change is rolled out in steps; a bad but valid one is taken back by hand (`mesher rollback`) |

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Plane, SERVICES};

const NEW: &[(&str, &str)] = &[("if-none-match", "*")];
const CHECK: &str = "/mesher/v1/rules:check";
/// How much a refusal may say: it is for people, and repeats no text without end.
const TOLD_BYTES_MAX: usize = 1_000;
/// How long a refusal may take.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);

/// A document of this kind, named `x`.
fn document(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec})
}

fn timeout(request: &Value) -> Value {
    document("Timeout", &json!({"service": "a", "request": request}))
}

fn route(weights: &[Value]) -> Value {
    let backends: Vec<_> = weights.iter().map(|weight| json!({"weight": weight})).collect();
    document("Route", &json!({"service": "a", "rules": [{"backends": backends}]}))
}

/// Writes a document, whatever its bytes, by both ways in. Whether it was taken, and what both said.
async fn write(plane: &Plane, kind: &str, body: impl Into<Vec<u8>>) -> (bool, [Answer; 2]) {
    let body = body.into();
    let began = Instant::now();
    let checked = plane.send("POST", CHECK, &[], body.clone()).await;
    let path = format!("/mesher/v1/rules/{kind}/x");
    let written = plane.send("PUT", &path, NEW, body).await;
    assert!(began.elapsed() < 2 * REFUSAL_TIME_MAX, "{:?}: {written:?}", began.elapsed());
    assert!(checked.status < 500 && written.status < 500, "{checked:?} {written:?}");
    let is_taken = written.status == 201;
    let is_good =
        checked.status == 200 && checked.json()["steps"].as_array().is_some_and(|steps| !steps.is_empty());
    assert_eq!(is_taken, is_good, "both ways say the same: {checked:?} {written:?}");
    if is_taken {
        let gone = plane.send("DELETE", &path, &[("if-match", "*")], "").await;
        assert_eq!(gone.status, 200, "{gone:?}");
    }
    (is_taken, [checked, written])
}

async fn assert_refused(plane: &Plane, kind: &str, body: impl Into<Vec<u8>>) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    let (is_taken, [_, written]) = write(plane, kind, body).await;
    assert!(!is_taken, "{shown:?} was taken");
    assert!([400, 413, 422].contains(&written.status), "{shown:?}: {written:?}");
    let told = written.json()["detail"].as_str().unwrap().len();
    assert!((1..TOLD_BYTES_MAX).contains(&told), "{told} bytes of detail for {shown:?}");
}

async fn assert_taken(plane: &Plane, document: &Value) {
    let kind = document["kind"].as_str().unwrap();
    let (is_taken, answers) = write(plane, kind, document.to_string()).await;
    assert!(is_taken, "{document}: {answers:?}");
}

#[tokio::test]
async fn cf_01_what_is_no_text_of_a_document_is_refused_at_once() {
    let plane = Plane::start().await;
    let head = "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: x}\nspec:\n  service: a\n";
    let good = format!("{head}  request: 5s\n");
    let deep =
        |open: &str, close: &str| format!("{head}  request: {}{}", open.repeat(10_000), close.repeat(10_000));
    let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
        let one = format!("*a{}", level - 1);
        text + &format!("a{level}: &a{level} [{}]\n", [one.as_str(); 9].join(", "))
    });
    let texts = [
        format!("{head}\u{feff}  request: 5s\n"),
        format!("{head}  request: \"5\0s\"\n"),
        format!("{head}  request: 5s\n\0"),
        format!("{head}\trequest: 5s\n"),
        format!("{good}  request: 6s\n"),
        format!("{good}spec: {{service: a, request: 5s}}\n"),
        format!("{good}{bomb}"),
        format!("{bomb}{good}"),
        format!("{head}  request: &limit 5s\n"),
        format!("{head}  request: *limit\n"),
        format!("{head}  request: !!python/object/apply:os.system [id]\n"),
        format!("{head}  request: [5s\n"),
        format!("{good}...\n{head}"),
        deep("[", "]"),
        deep("{a: ", "}"),
        deep("- ", ""),
        "[".repeat(1_000_000),
        "&a ".repeat(300_000),
        "? ".repeat(500_000),
        "---\n".repeat(200_000),
        good.replace("5s", &"x".repeat(1_000_000)),
    ];
    for text in texts {
        assert_refused(&plane, "Timeout", text).await;
    }
    for bytes in [&b"\xff\xfe"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
        assert_refused(&plane, "Timeout", [good.as_bytes(), b"# ", bytes].concat()).await;
    }
    let two =
        good.clone() + "---\n" + &good.replace("{name: x}", "{name: y}").replace("service: a", "service: b");
    let path = "/mesher/v1/rules/Timeout/x";
    assert_eq!(plane.send("PUT", path, NEW, two).await.status, 400, "one document has one path");
    assert_eq!(plane.get("/mesher/v1/rules").await.json()["total"], 0);
    let (is_taken, answers) = write(&plane, "Timeout", good).await;
    assert!(is_taken, "{answers:?}");
}

/// A body without end is not read to its end, whether its length is told or not.
#[tokio::test]
async fn cf_01_a_text_without_end_is_refused_before_it_has_come() {
    let plane = Plane::start().await;
    for (method, path) in
        [("PUT", "/mesher/v1/rules/Timeout/x"), ("POST", CHECK), ("POST", "/mesher/v1/rules:apply")]
    {
        for framing in ["Content-Length: 1073741824", "Transfer-Encoding: chunked"] {
            let began = Instant::now();
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: {}\r\nIf-None-Match: *\r\n{framing}\r\nConnection: close\r\n\r\n",
                plane.address
            );
            let data = "# comment\n".repeat(6_554);
            let block =
                if framing.starts_with('T') { format!("{:x}\r\n{data}\r\n", data.len()) } else { data };
            let (answer, taken) = plane.flood(&head, block.into_bytes(), 1 << 14).await;
            assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too_large"), "{path}: {answer}");
            assert!(began.elapsed() < REFUSAL_TIME_MAX, "{path}: {:?}", began.elapsed());
            assert!(taken < 1 << 10, "{path}: more than 64 MiB were taken");
        }
    }
    assert_eq!(plane.get("/mesher/v1/rules").await.status, 200);
}

#[tokio::test]
async fn cf_03_a_weight_is_a_share_that_can_be_kept() {
    let plane = Plane::start().await;
    for weights in [
        vec![json!(50), json!(30)],
        vec![json!(0), json!(1)],
        vec![json!(1_000_000); 16],
        vec![json!(1_000_000), json!(0)],
    ] {
        assert_taken(&plane, &route(&weights)).await;
    }
    for weights in [
        vec![json!(0)],
        vec![json!(0), json!(0)],
        vec![],
        vec![json!(-1), json!(2)],
        vec![json!(1_000_001)],
        vec![json!(4_294_967_296_u64)],
        vec![json!(u64::MAX)],
        vec![json!(0.5), json!(0.5)],
        vec![json!(1e300)],
        vec![json!("one")],
        vec![json!(true)],
    ] {
        assert_refused(&plane, "Route", route(&weights).to_string()).await;
    }
    for weight in [".nan", ".inf", "-.inf", "1e309", "99999999999999999999999999", "0x10000000000000000"] {
        let text = route(&[json!("WEIGHT")]).to_string().replace("\"WEIGHT\"", weight);
        assert_refused(&plane, "Route", text).await;
    }
}

#[tokio::test]
async fn cf_05_a_rule_about_a_service_that_nobody_has_is_taken_and_shown() {
    let plane = Plane::start().await;
    let body = timeout(&json!("5s")).to_string();
    let written = plane.send("PUT", "/mesher/v1/rules/Timeout/x", NEW, body).await;
    assert_eq!(written.status, 201, "{written:?}");
    let rows = plane.get("/mesher/v1/rules?service=a").await.json();
    assert_eq!(rows["items"][0]["service"], "a", "{rows}");
    let change = plane.get("/mesher/v1/changes/1").await.json();
    assert_eq!(
        (&change["convergence"]["affected"], &change["convergence"]["done"]),
        (&json!(0), &json!(true))
    );
}

/// A name of so many bytes.
fn name(bytes: usize) -> String {
    "n".repeat(bytes)
}

#[tokio::test]
async fn cf_06_each_bound_holds_and_one_more_is_refused() {
    let plane = Plane::start().await;
    let rules = |count: usize| json!({"service": "a", "rules": vec![json!({"backends": [{}]}); count]});
    let backends = |count: usize| json!({"service": "a", "rules": [{"backends": vec![json!({}); count]}]});
    let version = |bytes: usize| json!({"service": "a", "rules": [{"backends": [{"subset": {"version": name(bytes)}}]}]});
    let named = |bytes: usize| json!({"service": "a", "rules": [{"name": name(bytes), "backends": [{}]}]});
    let about = |bytes: usize| json!({"service": name(bytes), "rules": [{"backends": [{}]}]});
    let with_bound: [(&dyn Fn(usize) -> Value, usize); 5] =
        [(&rules, 64), (&backends, 16), (&version, 64), (&named, 253), (&about, 253)];
    for (spec, bound) in with_bound {
        assert_taken(&plane, &document("Route", &spec(bound))).await;
        assert_refused(&plane, "Route", document("Route", &spec(bound + 1)).to_string()).await;
        assert_refused(&plane, "Route", document("Route", &spec(0)).to_string()).await;
    }
    for member in ["name", "application"] {
        let mut large = timeout(&json!("5s"));
        large["metadata"][member] = json!(name(254));
        assert_refused(&plane, "Timeout", large.to_string()).await;
    }
    let many = |count: usize| -> String {
        let one = |number: usize| {
            timeout(&json!("5s"))
                .to_string()
                .replace("\"x\"", &format!("\"x{number}\""))
                .replace("\"a\"", &format!("\"a{number}\""))
        };
        (0..count).map(one).collect::<Vec<_>>().join("\n---\n")
    };
    assert_eq!(plane.post(CHECK, &many(100)).await.json()["steps"].as_array().unwrap().len(), 100);
    assert_eq!(plane.post(CHECK, &many(101)).await.json()["steps"], json!([]));
    let padded = |bytes: usize| {
        let text = timeout(&json!("5s")).to_string() + "\n#";
        text.clone() + &"x".repeat(bytes - text.len())
    };
    assert_eq!(plane.post(CHECK, &padded(1 << 20)).await.status, 200);
    assert_eq!(plane.post(CHECK, &padded((1 << 20) + 1)).await.status, 413);
}

#[tokio::test]
async fn cf_13_a_limit_is_a_span_between_none_and_a_day() {
    let plane = Plane::start().await;
    for request in ["0s", "0ms", "1ms", "24h", "23h59m59s999ms", "1m30s"] {
        assert_taken(&plane, &timeout(&json!(request))).await;
    }
    let bad = [
        "",
        "0",
        "1",
        "1ns",
        "1us",
        "1d",
        "1y",
        "100y",
        "876000h",
        "24h1ms",
        "25h",
        "-1s",
        "1.5s",
        "1e3s",
        "s",
        "1s ",
        " 1s",
        "1S",
        "∞",
        "99999999999999999999s",
        "1h1h1h1h1h",
    ];
    for request in bad {
        assert_refused(&plane, "Timeout", timeout(&json!(request)).to_string()).await;
    }
    for request in
        [json!(0), json!(5), json!(-1), json!(1e300), json!(null), json!([]), json!({}), json!(true)]
    {
        assert_refused(&plane, "Timeout", timeout(&request).to_string()).await;
    }
}

#[tokio::test]
async fn cf_17_a_name_that_has_to_be_escaped_somewhere_is_no_name() {
    let plane = Plane::start().await;
    let long = "n".repeat(10 * 1024);
    let bad = [
        "a\nb",
        "\n",
        "a\r\nb",
        "a\0b",
        "{{a}}",
        "${a}",
        "../a",
        "a/b",
        "a\\b",
        "<script>",
        "a\"b",
        "a'b",
        "a b",
        "a&b",
        "a%2fb",
        "\u{202e}a",
        "a\u{200b}",
        "\u{1f600}",
        ".",
        "..",
        "-a",
        "a.",
        "",
        &long,
    ];
    let whole = document(
        "Route",
        &json!({"service": "a", "rules": [{"name": "r", "backends": [{"subset": {"version": "1"}, "weight": 1}]}]}),
    );
    let places = [
        "/metadata/name",
        "/metadata/application",
        "/metadata/environment",
        "/spec/service",
        "/spec/rules/0/name",
        "/spec/rules/0/backends/0/subset/version",
    ];
    // A version may begin and end with any of its characters, and no environment is one.
    let is_good = |place: &str, text: &str| match place {
        "/spec/rules/0/backends/0/subset/version" => [".", "..", "-a", "a."].contains(&text),
        "/metadata/environment" => text.is_empty(),
        _ => false,
    };
    assert_taken(&plane, &whole).await;
    for place in places {
        for text in bad.iter().filter(|text| !is_good(place, text)) {
            let mut document = whole.clone();
            document["metadata"]["application"] = json!("default");
            document["metadata"]["environment"] = json!("");
            *document.pointer_mut(place).unwrap() = json!(text);
            assert_refused(&plane, "Route", document.to_string()).await;
        }
    }
    // A name in a path is none, either, however it is written there.
    for name in ["a%0Ab", "%2e%2e", "..%2f..", "%3Cscript%3E", "%E2%80%AEa", "%7B%7Ba%7D%7D", "%00"] {
        let path = format!("/mesher/v1/rules/Timeout/{name}");
        for (method, fields) in [("PUT", NEW), ("GET", &[][..]), ("DELETE", &[("if-match", "*")][..])] {
            let answer = plane.send(method, &path, fields, timeout(&json!("5s")).to_string()).await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
    for text in ["a\nb", "{{a}}", "../a", "<script>", "\u{202e}a", &long] {
        let service =
            json!({"service": {"appId": "shop", "serviceName": text, "version": "1.0.0"}}).to_string();
        plane.post(SERVICES, &service).await.assert_refused("400001");
    }
    assert_eq!(plane.get("/mesher/v1/rules").await.json()["total"], 0);
}
