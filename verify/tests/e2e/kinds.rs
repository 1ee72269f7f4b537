//! Every kind of rule in every dialect: said by `mesher apply`, by keys of kie and by keys of config-center, each alike.
//! It must believe nothing but what becomes of calls, before a rule is said, while it holds, and once it is gone.

use std::cell;
use std::net::SocketAddr;

use mesher_verify::application::{Application, Gate, answer, ok};
use mesher_verify::http::{Message, Wire, send_json};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::Process;
use serde_json::json;

use crate::routing::ask;
use crate::rules::{ITEMS, apply, assert_done, mesher, write_key};

/// Calls of which each of two instances takes some.
const CALLS: usize = 12;

/// A rule that shows in calls.
struct Cell {
    kind: &'static str,
    /// What a document says behind `service: shop`.
    spec: &'static str,
    /// The same in words of ServiceComb. Each set says it by itself.
    keys: &'static [Keys],
    /// Whether calls show it.
    shows: fn(&Stage) -> bool,
}

/// Keys of one service that say one thing together.
struct Keys(&'static str, &'static [(&'static str, &'static str)]);

const CALLER: &str = "webapp";
const CALLEE: &str = "shop";
/// The calls of a match group that all of these policies are about.
const GROUP: (&str, &str) = ("servicecomb.matchGroup.some", "matches:\n  - apiPath: {prefix: /some}\n");

const CELLS: &[Cell] = &[
    Cell {
        kind: "Route",
        spec: "rules: [{backends: [{subset: {version: '2.0'}}]}]",
        keys: &[
            Keys(
                CALLER,
                &[("servicecomb.routeRule.shop", "- route: [{weight: 100, tags: {version: '2.0'}}]")],
            ),
            Keys(
                CALLER,
                &[(
                    "cse.darklaunch.policy.shop",
                    r#"{"policyType":"RATE","ruleItems":[{"groupName":"new","groupCondition":"version=2.0","policyCondition":"100"}]}"#,
                )],
            ),
        ],
        shows: |stage| stage.answers("/some").iter().all(|answer| answer.text() == "2.0"),
    },
    Cell {
        kind: "Timeout",
        spec: "request: 100ms",
        keys: &[
            Keys(CALLER, &[("servicecomb.request.shop.timeout", "100")]),
            Keys(CALLER, &[GROUP, ("servicecomb.timeLimiter.some", "timeoutDuration: 100\n")]),
            Keys(
                CALLER,
                &[
                    ("cse.isolation.Consumer.shop.timeout.enabled", "true"),
                    ("cse.isolation.Consumer.shop.timeoutInMilliseconds", "100"),
                ],
            ),
        ],
        shows: |stage| {
            let answer = stage.get("/some/never");
            answer.status() == 504 && answer.text().contains("within 100ms, the limit that")
        },
    },
    Cell {
        kind: "Retry",
        spec: "attempts: 1, codes: [503], backoff: 1ms",
        keys: &[
            Keys(
                CALLER,
                &[GROUP, ("servicecomb.retry.some", "maxAttempts: 1\nretryOnResponseStatus: [503]\n")],
            ),
            Keys(
                CALLER,
                &[
                    ("cse.loadbalance.shop.retryEnabled", "true"),
                    ("cse.loadbalance.shop.retryOnNext", "1"),
                    ("cse.loadbalance.backoff.kind", "constant"),
                    ("cse.loadbalance.backoff.minMs", "1"),
                ],
            ),
        ],
        shows: |stage| stage.answers("/some/busy").iter().all(|answer| answer.status() == 200),
    },
    Cell {
        kind: "Breaker",
        spec: "windowRequests: 4, openTime: 60s",
        keys: &[
            Keys(CALLER, &[("servicecomb.circuitBreaker.Consumer.shop.requestVolumeThreshold", "4")]),
            Keys(
                CALLEE,
                &[
                    GROUP,
                    (
                        "servicecomb.circuitBreaker.some",
                        "minimumNumberOfCalls: 4\nslidingWindowType: COUNT_BASED\nslidingWindowSize: 4\n",
                    ),
                ],
            ),
            Keys(
                CALLER,
                &[
                    GROUP,
                    (
                        "servicecomb.instanceIsolation.some",
                        "minimumNumberOfCalls: 4\nslidingWindowType: COUNT_BASED\nslidingWindowSize: 4\n",
                    ),
                ],
            ),
        ],
        shows: |stage| stage.answers("/some/fails").iter().any(|answer| is_refused(answer, 503, "is open")),
    },
    Cell {
        kind: "Bulkhead",
        spec: "maxConcurrent: 1",
        keys: &[
            Keys(CALLER, &[("servicecomb.isolation.Consumer.shop.maxConcurrentRequests", "1")]),
            Keys(CALLEE, &[GROUP, ("servicecomb.bulkhead.some", "maxConcurrentCalls: 1\n")]),
            Keys(CALLER, &[GROUP, ("servicecomb.instanceBulkhead.some", "maxConcurrentCalls: 1\n")]),
        ],
        shows: |stage| stage.meanwhile(|| is_refused(&stage.get("/some"), 503, "is full")),
    },
    Cell {
        kind: "Balance",
        spec: "sessionPersistence: {type: Caller}",
        keys: &[
            Keys(CALLER, &[("servicecomb.loadbalance.shop.strategy.name", "SessionStickiness")]),
            Keys(CALLER, &[GROUP, ("servicecomb.loadbalance.some", "rule: SessionStickiness\n")]),
        ],
        shows: |stage| {
            let answers = stage.answers("/some");
            answers.iter().all(|answer| answer.text() == answers[0].text())
        },
    },
    Cell {
        kind: "Health",
        spec: "passive: {consecutiveFailures: 2, baseEjectionTime: 60s}",
        keys: &[Keys(
            CALLER,
            &[
                ("servicecomb.loadbalance.isolation.enabled", "true"),
                ("cse.loadbalance.shop.isolation.continuousFailureThreshold", "2"),
            ],
        )],
        shows: |stage| {
            let answers = stage.answers("/some/busy");
            answers.iter().skip(CALLS / 2).all(|answer| answer.status() == 200)
        },
    },
    Cell {
        kind: "RateLimit",
        spec: "side: Consumer, limits: [{name: few, requests: 2, interval: 1h}]",
        keys: &[
            Keys(CALLEE, &[GROUP, ("servicecomb.rateLimiting.some", "rate: 2\nlimitRefreshPeriod: 1H\n")]),
            Keys(CALLEE, &[GROUP, ("servicecomb.rateLimiting.few", "match: some\nrate: 1\nburst: 1\n")]),
            Keys(CALLEE, &[("servicecomb.flowcontrol.Provider.qps.limit.webapp", "2")]),
            Keys(CALLER, &[("cse.flowcontrol.Consumer.qps.limit.shop", "2")]),
        ],
        shows: |stage| stage.answers("/some").iter().any(|answer| is_refused(answer, 429, "")),
    },
    // The same for each value of a field.
    Cell {
        kind: "RateLimit",
        spec: "limits: [{name: few, requests: 2, interval: 1h, per: {header: x-user}}]",
        keys: &[Keys(
            CALLEE,
            &[
                GROUP,
                (
                    "servicecomb.identifierRateLimiting.some",
                    "rate: 2\nlimitRefreshPeriod: 1H\nidentifier: x-user\n",
                ),
            ],
        )],
        shows: |stage| {
            let is_over = |user: &str| {
                let call = || ask(stage.outbound(), "GET", "/some", &[("x-user", user)]);
                (0..CALLS).any(|_| call().status() == 429)
            };
            // Both users had so many calls before: who has none left says nothing of the other.
            let is_first_of_one_taken =
                ask(stage.outbound(), "GET", "/some", &[("x-user", &stage.newcomer())]);
            is_over("ann") && is_first_of_one_taken.status() == 200
        },
    },
    Cell {
        kind: "Fault",
        spec: "faults: [{name: some, abort: {status: 418}}]",
        keys: &[
            Keys(
                CALLER,
                &[
                    GROUP,
                    ("servicecomb.faultInjection.some", "type: abort\npercentage: 100\nerrorCode: 418\n"),
                ],
            ),
            Keys(
                CALLER,
                &[
                    ("cse.governance.Consumer.shop.policy.fault.protocols.rest.abort.httpStatus", "418"),
                    ("cse.governance.Consumer.shop.policy.fault.protocols.rest.abort.percent", "100"),
                ],
            ),
        ],
        shows: |stage| stage.answers("/some").iter().all(|answer| is_refused(answer, 418, "")),
    },
];

/// Whether a proxy answered, and not the application, which has no such words.
fn is_refused(answer: &Message, status: u16, words: &str) -> bool {
    answer.status() == status && answer.text().contains(words) && !answer.field("proxy-status").is_empty()
}

/// Two instances of a shop, and their caller.
struct Stage {
    control: Control,
    caller: Proxy,
    /// Opened with the end of the test: who waits there is let go.
    gate: Gate,
    users: cell::Cell<usize>,
    _shops: [(Application, Proxy); 2],
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.gate.open();
    }
}

impl Stage {
    fn start() -> Self {
        let (control, gate) = (Control::start(), Gate::default());
        let shops = ["1.0", "2.0"].map(|version| {
            let held = gate.clone();
            let application = Application::http(move |request| respond(version, request, &held));
            let port = format!("rest:{}", application.port());
            let mut command = Proxy::command(&control.url(), CALLEE, &["--ports", &port]);
            let proxy = Proxy::of(command.env("MESHER_VERSION", version));
            proxy.addresses.wait_ready();
            (application, proxy)
        });
        // One worker takes instances strictly in turn; a call that no rule bounds ends, too.
        let mut command = Proxy::command(&control.url(), CALLER, &["--workers", "1"]);
        let caller = Proxy::of(command.env("MESHER_RESPONSE_TIME_MAX", "500ms"));
        let stage = Self { control, caller, gate, users: cell::Cell::default(), _shops: shops };
        until("the shop's instances are known", || {
            let is_answered = stage.get("/").status() == 200;
            (is_answered && stage.caller.addresses.endpoints(CALLEE).len() == 2).then_some(())
        });
        stage
    }

    fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    fn get(&self, path: &str) -> Message {
        ask(self.outbound(), "GET", path, &[])
    }

    fn answers(&self, path: &str) -> Vec<Message> {
        (0..CALLS).map(|_| self.get(path)).collect()
    }

    /// Somebody who has not called yet.
    fn newcomer(&self) -> String {
        self.users.set(self.users.get() + 1);
        format!("user-{}", self.users.get())
    }

    /// While a call is under way to each instance, which are given up then.
    fn meanwhile<T>(&self, ask: impl FnOnce() -> T) -> T {
        let held: Vec<_> = (0..2)
            .map(|_| {
                let mut wire = Wire::open(self.outbound()).unwrap();
                wire.send("GET /some/held HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
                wire
            })
            .collect();
        let answered = ask();
        drop(held);
        answered
    }
}

fn respond(version: &str, request: &Message, held: &Gate) -> Vec<u8> {
    match request.head.target() {
        "/some/never" | "/some/held" => {
            held.wait();
            ok(version)
        }
        "/some/busy" if version == "1.0" => answer("503 Busy", "busy"),
        "/some/fails" => answer("503 Fails", "fails"),
        _ => ok(version),
    }
}

/// A rule is said: it shows; it is taken back: it shows no more.
#[track_caller]
fn check<T>(
    stage: &Stage,
    name: &str,
    shows: fn(&Stage) -> bool,
    say: impl FnOnce() -> T,
    take_back: impl FnOnce(T),
) {
    assert!(!shows(stage), "{name}: it shows before it is said");
    let said = say();
    until(&format!("{name}: it shows"), || shows(stage).then_some(()));
    take_back(said);
    until(&format!("{name}: it is gone"), || (!shows(stage)).then_some(()));
}

#[test]
fn every_kind_by_apply() {
    let stage = Stage::start();
    for Cell { kind, spec, shows, .. } in CELLS {
        let document = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {{service: shop, {spec}}}\n"
        );
        let say = || assert_done(&apply(&stage.control, &document, &["--wait"]));
        let take_back =
            |()| assert_done(&Process::run(&mut mesher(&stage.control, &["delete", kind, "shop"])));
        check(&stage, kind, *shows, say, take_back);
    }
}

#[test]
fn every_kind_by_keys_of_kie() {
    every_kind_by_keys("kie", |control, service, (key, value)| {
        let id = write_key(control, key, value, &json!({"app": "default", "service": service}));
        (format!("/v1/default/kie/kv/{id}"), String::new())
    });
}

#[test]
fn every_kind_by_keys_of_config_center() {
    every_kind_by_keys("config-center", |control, service, (key, value)| {
        let scope = format!("{service}@default");
        let body = json!({"dimensionsInfo": scope, "items": {key: value}}).to_string();
        let answer = send_json(control.address, "POST", ITEMS, &body).unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        (ITEMS.to_owned(), json!({"dimensionsInfo": scope, "keys": [key]}).to_string())
    });
}

/// Whoever asks the caller's proxy is told which key it is, where that proxy carries it out.
#[track_caller]
fn assert_explained(stage: &Stage, service: &str, keys: &[(&str, &str)]) {
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/some").text();
    // Older faults are told by what their keys have in common.
    let is_told = keys.iter().any(|(key, _)| told.contains(key.split(".abort").next().unwrap_or_default()));
    assert_eq!(is_told, service == CALLER, "{keys:?}: {told}");
}

/// `write` answers where a key is deleted, and what is sent there.
fn every_kind_by_keys(dialect: &str, write: impl Fn(&Control, &str, (&str, &str)) -> (String, String)) {
    let stage = Stage::start();
    for Cell { kind, keys, shows, .. } in CELLS {
        for Keys(service, keys) in *keys {
            let say = || keys.iter().map(|key| write(&stage.control, service, *key)).collect::<Vec<_>>();
            let take_back = |written: Vec<(String, String)>| {
                assert_explained(&stage, service, keys);
                for (path, body) in written {
                    let status = send_json(stage.control.address, "DELETE", &path, &body).unwrap().status();
                    assert!((200..300).contains(&status), "{path}: {status}");
                }
            };
            let name = format!("{kind} by {dialect}, {}", keys[keys.len() - 1].0);
            check(&stage, &name, *shows, say, take_back);
        }
    }
}
