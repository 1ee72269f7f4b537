//! What rules do with calls, from the command to what callers and applications see: filters of a route.
//! It must look at both ends: a field that the caller's proxy shows is not yet one that the application got.

use mesher_verify::application::Application;
use mesher_verify::http::Wire;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::Process;

use crate::echo::{Stage, WAITS, route, sent_values, values};
use crate::rules::{BAD_CONFIGURATION, apply, assert_done, documented, mesher};

/// Calls of which a part is looked at.
const CALLS: usize = 20;

#[test]
fn fields_of_requests_and_answers_are_set_added_and_removed() {
    let stage = Stage::start();
    stage.route(
        "    - matches: [{path: {value: /changed}}]
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set: [{name: X-Set, value: mine}]
            add: [{name: X-Add, value: 'second, third'}]
            remove: [x-gone, X-ABSENT]
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            set: [{name: x-one, value: '9'}]
            add: [{name: X-Two, value: '4'}]
            remove: [server]
      backends: [{}]",
    );
    let fields = [("x-set", "1"), ("X-SET", "2"), ("X-Add", "first"), ("X-Gone", "1"), ("X-Stays", "1")];
    let changed = stage.get("/changed", &fields);
    assert_eq!(sent_values(&changed, "x-set"), ["mine"]);
    assert_eq!(sent_values(&changed, "x-add"), ["first", "second, third"]);
    assert_eq!(sent_values(&changed, "x-gone"), [""; 0]);
    assert_eq!(sent_values(&changed, "x-stays"), ["1"]);
    assert_eq!(sent_values(&changed, "x-cse-context").len(), 1);
    assert_eq!(values(&changed, "x-one"), ["9"]);
    assert_eq!(values(&changed, "x-two"), ["2", "3", "4"]);
    assert_eq!(values(&changed, "server"), [""; 0]);
    let as_it_came = stage.get("/", &fields);
    assert_eq!(sent_values(&as_it_came, "x-set"), ["1", "2"]);
    assert_eq!(sent_values(&as_it_came, "x-add"), ["first"]);
    assert_eq!(values(&as_it_came, "server"), ["echo"]);
    // What is not there cannot be removed, and is set all the same; a kept connection and a body make no difference.
    let mut wire = Wire::open(stage.outbound()).unwrap();
    for body in ["one", "three"] {
        let request = format!(
            "POST /changed/x?y=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = wire.call(request).unwrap();
        assert_eq!((answer.status(), answer.json()["body"].as_str()), (200, Some(body)));
        assert_eq!(sent_values(&answer, "x-set"), ["mine"]);
        assert_eq!(answer.json()["target"], "/changed/x?y=1");
    }
}

#[test]
fn fields_are_changed_for_the_calls_of_one_backend() {
    let stage = Stage::start();
    stage.route(
        "    - filters:
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-side, value: rule}, {name: x-all, value: '1'}]}}
      backends:
        - {subset: {version: '1.0'}}
        - subset: {version: '2.0'}
          filters:
            - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-side, value: canary}]}}
            - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-canary, value: 'yes'}]}}",
    );
    let mut versions = [0; 2];
    for _ in 0..8 {
        let answer = stage.get("/", &[]);
        let is_second = answer.json()["version"] == "2.0";
        versions[usize::from(is_second)] += 1;
        assert_eq!(sent_values(&answer, "x-side"), [if is_second { "canary" } else { "rule" }]);
        assert_eq!(sent_values(&answer, "x-all"), ["1"]);
        assert_eq!(answer.field("x-canary"), if is_second { "yes" } else { "" });
    }
    assert!(versions.iter().all(|count| *count > 0), "{versions:?}");
}

/// An answer that the proxy gives itself is not the application's.
#[test]
fn a_failure_is_told_as_it_is() {
    let stage = Stage::start();
    stage.route(
        "    - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-a, value: b}], remove: [proxy-status]}}]
      backends: [{subset: {version: '3.0'}}]",
    );
    let answer = stage.get("/", &[]);
    assert_eq!((answer.status(), answer.field("x-a")), (503, ""));
    assert!(answer.field("proxy-status").contains("destination_unavailable"), "{answer:?}");
}

#[test]
fn a_field_that_no_rule_may_change_is_refused_with_its_place() {
    let stage = Stage::start();
    for (modifier, words) in [
        (
            "{set: [{name: Host, value: a}]}",
            "\"Host\" is not for a rule to change: use URLRewrite with hostname",
        ),
        ("{remove: [content-length]}", "it frames the body"),
        ("{remove: [content_length]}", "it frames the body"),
        ("{add: [{name: X-CSE-Context, value: a}]}", "the mesh writes it"),
        ("{add: [{name: x, value: \"a\\nb\"}]}", "visible ASCII"),
        ("{}", "says nothing"),
    ] {
        let rules = format!(
            "    - filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {modifier}}}]\n      backends: [{{}}]"
        );
        let refused = apply(&stage.control, &route(&rules), &[]);
        assert_eq!(refused.code, BAD_CONFIGURATION, "{refused:?}");
        let is_told = refused.errors.contains("rules.yaml:7:") && refused.errors.contains(words);
        assert!(is_told, "{modifier}: {}", refused.errors);
    }
}

#[test]
fn a_callee_gets_another_host_and_path_with_the_query_that_was_sent() {
    let stage = Stage::start();
    stage.route(
        "    - matches: [{path: {value: /old/api/}}, {path: {value: /older}}]
      filters: [{type: URLRewrite, urlRewrite: {hostname: one.example.org, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]
      backends: [{}]
    - matches: [{path: {type: Exact, value: /full}}]
      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /other/path}}}]
      backends: [{}]",
    );
    for (target, got, host) in [
        ("/old/api/a?b=%20c", "/new/a?b=%20c", "one.example.org"),
        ("/old/api", "/new", "one.example.org"),
        ("/older/", "/new/", "one.example.org"),
        ("/full?x", "/other/path?x", "shop"),
        ("/fuller", "/fuller", "shop"),
    ] {
        let answer = stage.get(target, &[]);
        assert_eq!((answer.status(), answer.json()["target"].as_str()), (200, Some(got)), "{target}");
        assert_eq!(sent_values(&answer, "host"), [host], "{target}");
    }
    // The same for a target in absolute form, whose authority counts.
    let answer = Wire::open(stage.outbound())
        .unwrap()
        .call("GET http://shop/older/x?y HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert_eq!(answer.json()["target"], "/new/x?y");
    assert_eq!(sent_values(&answer, "host"), ["one.example.org"]);
}

/// What the proxy answers itself reaches no application, counts as its status and not as a failure, and lets the connection
/// carry on where nothing of the request is left.
#[test]
fn a_rule_answers_itself_with_a_redirect_or_a_whole_answer() {
    let stage = Stage::start();
    stage.route(
        "    - name: moved
      matches: [{path: {value: /moved}}]
      filters:
        - {type: RequestRedirect, requestRedirect: {scheme: https, hostname: example.org, statusCode: 308}}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: cache-control, value: no-store}]}}
    - name: closed
      matches: [{path: {value: /closed}}]
      filters:
        - {type: DirectResponse, directResponse: {statusCode: 503, contentType: application/json, body: '{\"closed\":true}'}}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: retry-after, value: '60'}], remove: [proxy-status]}}
    - matches: [{path: {value: /empty}}]
      filters: [{type: DirectResponse, directResponse: {statusCode: 204}}]
    - backends: [{}]",
    );
    let mut wire = Wire::open(stage.outbound()).unwrap();
    let ask = |wire: &mut Wire, method: &str, target: &str| {
        wire.call(format!("{method} {target} HTTP/1.1\r\nHost: shop\r\n\r\n")).unwrap()
    };
    let moved = ask(&mut wire, "GET", "/moved/a?b=c");
    assert_eq!((moved.status(), moved.field("location")), (308, "https://example.org/moved/a?b=c"));
    assert_eq!((moved.field("cache-control"), moved.text().as_str()), ("no-store", ""));
    assert!(moved.field("proxy-status").contains("rule moved of Route shop"), "{moved:?}");
    let closed = ask(&mut wire, "GET", "/closed");
    assert_eq!((closed.status(), closed.field("content-type")), (503, "application/json"));
    assert_eq!((closed.field("retry-after"), closed.field("proxy-status")), ("60", ""));
    assert_eq!(closed.json(), serde_json::json!({"closed": true}));
    let head = ask(&mut wire, "HEAD", "/closed");
    assert_eq!((head.status(), head.field("content-length"), head.text().as_str()), (503, "15", ""));
    let empty = ask(&mut wire, "DELETE", "/empty");
    assert_eq!((empty.status(), empty.field("content-length")), (204, ""));
    // The same connection, all the while.
    assert_eq!(ask(&mut wire, "GET", "/").status(), 200);
    // A body that nobody reads ends the connection behind the answer.
    let with_body = "POST /closed HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello";
    let answer = wire.call(with_body).unwrap();
    assert_eq!((answer.status(), answer.field("connection")), (503, "close"));
    assert_eq!(wire.remainder().unwrap(), b"");

    let told = Process::run(&mut mesher(
        &stage.control,
        &["explain", "--from", "webapp", "--to", "shop", "GET /moved"],
    ));
    assert!(told.output.contains("the proxy itself would answer 308, as its rule says"), "{told:?}");
    for instance in &stage.instances {
        assert_eq!(instance.count("/moved") + instance.count("/closed") + instance.count("/empty"), 0);
    }
    drop(wire);
    let metrics = || stage.caller.addresses.admin("/metrics").text();
    let count = |code: &str| {
        let (metrics, row) = (metrics(), format!("code=\"{code}\""));
        let is_it = |line: &&str| line.starts_with("mesher_requests_total") && line.contains(&row);
        let counts =
            metrics.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    until("the last answer is counted", || (count("503") == 3).then_some(()));
    assert_eq!((count("308"), count("204")), (1, 1), "{}", metrics());
    let failed = metrics().lines().filter(|line| line.starts_with("mesher_failures_total")).count();
    assert_eq!(failed, 0, "{}", metrics());
}

/// A flow has no request: what a rule does with requests passes it by, and a rule that answers itself is not about it.
#[test]
fn a_flow_passes_as_it_came() {
    let control = Control::start();
    let application = Application::start(|mut wire: Wire| wire.send("hello"));
    let _provider =
        Proxy::start(&control.url(), "shop", &["--ports", &format!("tcp:{}", application.port())]);
    control.wait_instances("shop", 1);
    let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=shop"]);
    let said = || Wire::open(caller.addresses.tcp_outbound[0]).unwrap().remainder().unwrap();
    until("the shop is reached", || (said() == b"hello").then_some(()));
    let rules = "    - filters: [{type: DirectResponse, directResponse: {statusCode: 403}}]
    - filters: [{type: URLRewrite, urlRewrite: {hostname: a}}]
      backends: [{subset: {version: 0.0.1}}]";
    assert_done(&apply(&control, &route(rules), &["--wait"]));
    assert_eq!(said(), b"hello");
    let other = "    - filters: [{type: DirectResponse, directResponse: {statusCode: 403}}]
    - backends: [{subset: {version: '9'}}]";
    assert_done(&apply(&control, &route(other), &["--wait"]));
    assert_eq!(said(), b"");
}

/// A limit of a rule holds for its calls in place of that of the service, and says whose it is.
#[test]
fn a_call_ends_with_the_limit_of_its_rule() {
    let stage = Stage::start();
    let timeout = "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: shop}\nspec: {service: shop, request: 300ms}\n";
    assert_done(&apply(&stage.control, timeout, &["--wait"]));
    stage.route(
        "    - name: short
      matches: [{path: {value: /short}}]
      timeouts: {request: 200ms}
      backends: [{}]
    - matches: [{path: {value: /patient}}]
      timeouts: {request: 0s}
      backends: [{}]
    - backends: [{}]",
    );
    let outbound = stage.outbound();
    let patient = std::thread::spawn(move || {
        let request =
            format!("GET /patient HTTP/1.1\r\nHost: shop\r\n{WAITS}: 1\r\nConnection: close\r\n\r\n");
        Wire::open(outbound).unwrap().call(request).unwrap().status()
    });
    until("the patient call is on its way", || {
        (stage.instances.iter().map(|instance| instance.count("/patient")).sum::<usize>() == 1).then_some(())
    });
    for (target, words) in [
        ("/short", "no answer within 200ms, the limit that rule short of Route shop sets"),
        ("/", "no answer within 300ms, the limit that Timeout shop sets"),
    ] {
        let answer = stage.get(target, &[(WAITS, "1")]);
        assert_eq!(answer.status(), 504, "{target}");
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(answer.field("proxy-status").contains("http_response_timeout"), "{answer:?}");
    }
    assert!(!patient.is_finished());
    stage.instances.iter().for_each(|instance| instance.gate.open());
    assert_eq!(patient.join().unwrap(), 200);
}

/// A try that takes too long is one that may have been acted on: what may happen twice is tried elsewhere.
#[test]
fn a_try_ends_with_its_limit_and_the_call_goes_on_where_it_may() {
    let stage = Stage::start();
    let [first, second] = &stage.instances;
    second.gate.open();
    stage.route(
        "    - name: impatient
      filters: [{type: URLRewrite, urlRewrite: {hostname: patient.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
      timeouts: {request: 20s, backendRequest: 300ms}
      backends: [{}]",
    );
    // Enough of them for every worker to have both instances in turn.
    let calls = 8;
    for _ in 0..calls {
        let answer = stage.get("/get", &[(WAITS, "1")]);
        assert_eq!((answer.status(), answer.json()["version"].as_str()), (200, Some("2.0")), "{answer:?}");
        // Each try is changed alike.
        assert_eq!(sent_values(&answer, "host"), ["patient.example"]);
    }
    assert!(first.count("/get") > 0, "the first instance was never tried");
    assert_eq!(second.count("/get"), calls);
    let mut failed = 0;
    for _ in 0..calls {
        let answer = stage.call("POST", "/post", &[(WAITS, "1")]);
        match answer.status() {
            200 => assert_eq!(answer.json()["version"], "2.0"),
            504 => {
                failed += 1;
                let words =
                    "no answer to a try within 300ms, the limit that rule impatient of Route shop sets";
                assert!(answer.text().contains(words), "{}", answer.text());
            }
            status => panic!("{status}"),
        }
    }
    assert!(failed > 0, "the first instance was never tried");
    assert_eq!((first.count("/post"), second.count("/post")), (failed, calls - failed));
}

#[test]
fn a_user_stays_on_one_side_through_every_proxy_and_while_its_weight_rises() {
    let stage = Stage::start();
    let other = Proxy::start(&stage.control.url(), "batch", &[]);
    let route = |first: u32, second: u32| {
        stage.route(&format!(
            "    - sticky: {{cookie: session}}
      backends:
        - {{subset: {{version: '1.0'}}, weight: {first}}}
        - {{subset: {{version: '2.0'}}, weight: {second}}}"
        ));
    };
    let side = |outbound, user: usize| {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: shop\r\nCookie: a=b; session=user-{user}\r\nConnection: close\r\n\r\n"
        );
        let answer = Wire::open(outbound).unwrap().call(request).unwrap();
        answer.json()["version"].as_str().unwrap_or_default().to_owned()
    };
    let sides = || (0..40).map(|user| side(stage.outbound(), user)).collect::<Vec<_>>();
    route(70, 30);
    let before = sides();
    assert!(before.iter().any(|side| side == "1.0") && before.iter().any(|side| side == "2.0"), "{before:?}");
    assert_eq!(sides(), before);
    until("the other proxy knows both", || {
        let here: Vec<_> = (0..40).map(|user| side(other.addresses.outbound, user)).collect();
        (here == before).then_some(())
    });
    route(40, 60);
    let after = sides();
    let has_left = |(before, after): (&String, &String)| before == "2.0" && after == "1.0";
    assert!(!before.iter().zip(&after).any(has_left), "{before:?} {after:?}");
    let count = |sides: &[String]| sides.iter().filter(|side| *side == "2.0").count();
    assert!(count(&after) > count(&before), "{before:?} {after:?}");
}

#[test]
fn the_documented_filters_hold() {
    let stage = Stage::start();
    assert_done(&apply(&stage.control, documented("shop-site"), &["--wait"]));
    let news = stage.get("/news/today", &[]);
    assert_eq!((news.status(), news.field("location")), (301, "https://news.example.org/news/today"));
    let closed = stage.get("/checkout", &[]);
    assert_eq!((closed.status(), closed.field("retry-after")), (503, "3600"));
    assert_eq!(
        (closed.field("content-type"), closed.text().as_str()),
        ("text/plain; charset=utf-8", "back at noon\n")
    );
    let page = stage.get("/shop/page?x=1", &[]);
    assert_eq!((page.status(), page.json()["target"].as_str()), (200, Some("/page?x=1")));
    assert_eq!(sent_values(&page, "x-forwarded-prefix"), ["/shop"]);
    assert_done(&Process::run(&mut mesher(&stage.control, &["delete", "Route", "shop-site"])));
    assert_done(&apply(&stage.control, documented("shop-sticky"), &["--wait"]));
    let sides: Vec<_> =
        (0..6).map(|_| stage.get("/", &[("x-user", "jason")]).json()["version"].clone()).collect();
    assert!(sides.iter().all(|side| *side == sides[0]), "{sides:?}");
    let slow = stage.get("/reports/1", &[(WAITS, "1")]);
    assert_eq!(slow.status(), 504, "{slow:?}");
    assert_done(&Process::run(&mut mesher(&stage.control, &["delete", "Route", "shop-sticky"])));
    assert_done(&apply(&stage.control, documented("shop-mirror"), &["--wait"]));
    for _ in 0..CALLS {
        assert_eq!(stage.get("/copied", &[]).json()["version"], "1.0");
    }
    until("a part of the calls is copied", || (stage.instances[1].count("/copied") > 0).then_some(()));
    assert!(stage.instances[1].count("/copied") < CALLS);
    let told =
        Process::run(&mut mesher(&stage.control, &["explain", "--from", "webapp", "--to", "shop", "GET /"]));
    assert!(told.output.contains("its rule sends copies to others: 1"), "{told:?}");
}
