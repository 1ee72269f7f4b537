//! Rules from the command to the calls: applied, enforced, looked at, refused, taken back, held through outages.
//! It must see a rule's effect in answers alone.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::http::{get, send_json};
use mesher_verify::mesh::{ANY_PORT, Control, NEWS, Pair, Proxy, QUESTION, ask_calculator};
use mesher_verify::patience::until;
use mesher_verify::process::{Ended, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a change may take until it is enforced.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(1);
/// Calls that are looked at.
const CALLS: usize = 40;
/// Calls that may be off.
const OFF_MAX: usize = 3;
/// Bad configuration, as `sysexits.h` numbers it.
pub(crate) const BAD_CONFIGURATION: Option<i32> = Some(78);

fn route(first: u32, second: u32) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: canary}}\nspec:\n  service: calculator\n  rules:\n    - backends:\n        - {{subset: {{version: 0.0.1}}, weight: {first}}}\n        - {{subset: {{version: 0.0.2}}, weight: {second}}}\n"
    )
}

fn timeout(service: &str, request: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {{name: limit}}\nspec: {{service: \"{service}\", request: {request}}}\n"
    )
}

pub(crate) fn mesher(control: &Control, arguments: &[&str]) -> Command {
    let mut command = binary::command(arguments);
    command.args(["--control", &control.url()]);
    command
}

/// Applies a text that stands in a file.
pub(crate) fn apply(control: &Control, text: &str, more: &[&str]) -> Ended {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = mesher(control, &["apply"]);
    Process::run(command.arg("-f").arg(&file).args(more))
}

#[track_caller]
pub(crate) fn assert_done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The example of the documentation with this name.
pub(crate) fn documented(name: &str) -> &'static str {
    let manual = include_str!("../../../docs/rules.md");
    // What stands before the first example is none.
    let mut examples = manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let is_it = |example: &&str| example.contains(&format!("metadata: {{name: {name}}}"));
    examples.find(is_it).unwrap_or_else(|| panic!("no example is called {name}"))
}

/// How many of the calls version 0.0.2 answers.
fn count_second(proxy: SocketAddr) -> usize {
    let versions: Vec<_> = (0..CALLS).map(|_| ask_calculator(proxy).unwrap()).collect();
    versions.iter().filter(|version| *version == "0.0.2").count()
}

/// Version 0.0.2 answers so many of the calls. Workers share out for themselves, so that a few more or less are right;
/// but not where one version gets all.
#[track_caller]
fn assert_second(proxy: SocketAddr, expected: usize, when: &str) {
    let count = count_second(proxy);
    let most = if expected == 0 || expected == CALLS { 0 } else { OFF_MAX };
    assert!(count.abs_diff(expected) <= most, "{when}: {count} instead of {expected}");
}

fn rules_of(control: &Control, service: &str) -> Value {
    let rows = control.rows("proxies");
    let row = rows.iter().find(|row| row["service"] == service);
    row.map(|row| row["rules"].clone()).unwrap_or_default()
}

#[test]
fn shares_follow_the_weights_within_a_second_of_each_change() {
    let control = Control::start();
    let _pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = Proxy::start(&control.url(), "caller", &[]);
    let outbound = caller.addresses.outbound;
    until("both versions answer", || {
        (caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}")).status() == 200
            && caller.addresses.endpoints("calculator").len() == 2)
            .then_some(())
    });
    assert_second(outbound, CALLS / 2, "without a rule they take turns");

    let done = apply(&control, &route(90, 10), &["--wait"]);
    assert_done(&done);
    assert!(done.output.contains("Route canary created at r1; it concerns 1 proxy"), "{done:?}");
    assert_second(outbound, CALLS / 10, "90 to 10");
    for (weights, expected) in [((0, 1), CALLS), ((1, 0), 0), ((1, 1), CALLS / 2)] {
        let began = Instant::now();
        assert_done(&apply(&control, &route(weights.0, weights.1), &["--wait"]));
        assert!(began.elapsed() < CHANGE_TIME_MAX, "{:?}", began.elapsed());
        assert_second(outbound, expected, &format!("{weights:?}"));
    }
    let rules = rules_of(&control, "caller");
    assert_eq!((&rules["link"], &rules["serving"]), (&"connected".into(), &4.into()), "{rules}");

    let shown = Process::run(&mut mesher(&control, &["get", "rules"]));
    assert!(shown.output.contains("canary") && shown.output.contains("r4"), "{}", shown.output);
    let history = Process::run(&mut mesher(&control, &["history", "Route", "canary"]));
    assert_eq!(history.output.lines().count(), 5, "{}", history.output);
    assert_done(&Process::run(&mut mesher(&control, &["rollback", "1", "--wait"])));
    assert_second(outbound, CALLS / 10, "as at revision 1");
    assert_done(&Process::run(&mut mesher(&control, &["delete", "Route", "canary"])));
    until("no rule holds", || (count_second(outbound).abs_diff(CALLS / 2) <= OFF_MAX).then_some(()));
}

#[test]
fn cf_04_a_part_without_instances_gets_no_substitute() {
    let control = Control::start();
    let _pair = Pair::calculator(&control, "0.0.1");
    let caller = Proxy::start(&control.url(), "caller", &[]);
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    assert_done(&apply(&control, &route(0, 1), &["--wait"]));
    let answer = caller.addresses.get(&format!("http://calculator{QUESTION}")).unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.text().contains("version 0.0.2, which rule 1 of Route canary chose"), "{}", answer.text());
}

#[test]
fn a_call_ends_with_its_limit() {
    let control = Control::start();
    let slow = Application::start(|mut wire| wire.remainder().map(drop));
    let _provider = Proxy::beside(&control.url(), "slow", slow.port());
    let caller = Proxy::start(&control.url(), "caller", &[]);
    assert_done(&apply(&control, &timeout("*", "300ms"), &[]));
    let began = Instant::now();
    // The first call of a service waits for its rules: none goes by them.
    let answer = until("the service is found", || {
        caller.addresses.get("http://slow/").ok().filter(|answer| answer.status() != 502)
    });
    assert_eq!(answer.status(), 504, "{}", answer.text());
    assert!(answer.text().contains("300ms"), "{}", answer.text());
    assert!(began.elapsed() < NEWS);
}

#[test]
fn cf_01_a_bad_document_is_refused_with_file_line_and_column() {
    let control = Control::start();
    let refused = apply(&control, &timeout("calculator", "soon"), &[]);
    assert_eq!(refused.code, BAD_CONFIGURATION, "{refused:?}");
    assert!(refused.errors.contains("rules.yaml:4:"), "{}", refused.errors);
    assert!(refused.errors.contains("request: soon") && refused.errors.contains('^'), "{}", refused.errors);
    assert!(control.rows("rules").is_empty());
    let planned = apply(&control, &timeout("calculator", "5s"), &["--dry-run"]);
    assert_done(&planned);
    assert!(
        planned.output.contains("would be created") && planned.output.contains("+  request: 5s"),
        "{planned:?}"
    );
    assert!(control.rows("rules").is_empty(), "a dry run changes nothing");
    let unknown = Process::run(&mut mesher(&control, &["delete", "Timeout", "nothing"]));
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}

#[test]
fn a_change_that_a_proxy_does_not_serve_with_is_told_and_fails_the_wait() {
    let control = Control::start();
    let _pair = Pair::calculator(&control, "0.0.1");
    let caller = Proxy::start(&control.url(), "caller", &[]);
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    until("it is linked", || (rules_of(&control, "caller")["link"] == "connected").then_some(()));
    caller.process.signal(mesher_verify::process::Signal::STOP);
    let behind = apply(&control, &route(1, 0), &["--wait=1s"]);
    assert_eq!(behind.code, Some(1), "{behind:?}");
    assert!(
        behind.errors.contains("default/caller") && behind.errors.contains("serves with r0"),
        "{behind:?}"
    );
    caller.process.signal(mesher_verify::process::Signal::CONT);
    until("it has caught up", || (rules_of(&control, "caller")["serving"] == 1).then_some(()));
}

/// RG-04, RG-13: rules hold while the control plane is away, and changes that were made meanwhile arrive.
#[test]
fn rg_04_rules_hold_while_the_control_plane_is_away() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let mut control = Control::keeping(&directory, ANY_PORT);
    let address = control.address.to_string();
    let _pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = Proxy::start(&control.url(), "caller", &[]);
    let outbound = caller.addresses.outbound;
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    assert_done(&apply(&control, &route(0, 1), &["--wait"]));
    control.process.crash();
    assert_eq!(count_second(outbound), CALLS);
    let control = Control::keeping(&directory, &address);
    assert_done(&apply(&control, &route(1, 0), &[]));
    until("the change has arrived", || (count_second(outbound) == 0).then_some(()));
}

/// RG-06: a control plane that lost everything empties no rule.
#[test]
fn rg_06_a_control_plane_that_forgot_everything_empties_no_rule() {
    let mut control = Control::start();
    let address = control.address.to_string();
    let _pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = Proxy::start(&control.url(), "caller", &[]);
    let outbound = caller.addresses.outbound;
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    assert_done(&apply(&control, &route(0, 1), &["--wait"]));
    control.process.crash();
    let control = Control::listen(&address);
    until("it is linked again", || (rules_of(&control, "caller")["link"] == "connected").then_some(()));
    assert_eq!(count_second(outbound), CALLS);
}

/// A service that never answers, and a proxy that calls it.
pub(crate) struct Slow {
    caller: Proxy,
    _provider: Proxy,
    _application: Application,
}

impl Slow {
    pub(crate) fn start(registry: &str, more: &[(&str, &str)]) -> Self {
        let application = Application::start(|mut wire| wire.remainder().map(drop));
        let provider = Proxy::beside(registry, "slow", application.port());
        let mut command = Proxy::command(registry, "caller", &[]);
        // Calls that no rule bounds yet end, too.
        command.env("MESHER_RESPONSE_TIME_MAX", "1s").envs(more.iter().copied());
        let caller = Proxy::of(&mut command);
        Self { caller, _provider: provider, _application: application }
    }

    /// Waits until a call ends with this limit.
    #[track_caller]
    pub(crate) fn wait_limit(&self, limit: &str) {
        self.wait_words(&format!("within {limit},"));
    }

    /// Waits until a call ends with a limit that is told of with these words.
    #[track_caller]
    fn wait_words(&self, words: &str) {
        until(&format!("a call ends {words}"), || {
            let answer = self.caller.addresses.get("http://slow/").ok()?;
            (answer.status() == 504 && answer.text().contains(words)).then_some(())
        });
    }
}

/// Writes a key under kie's labels. Answers its id.
#[track_caller]
pub(crate) fn write_key(control: &Control, key: &str, value: &str, labels: &Value) -> String {
    let body = json!({"key": key, "value": value, "status": "enabled", "labels": labels});
    let answer = send_json(control.address, "POST", "/v1/default/kie/kv", &body.to_string()).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

pub(crate) const ITEMS: &str = "/v3/default/configuration/items";
pub(crate) const TIMEOUT_OF_SLOW: &str = "servicecomb.request.slow.timeout";

/// A key that is written through one face of the configuration changes what a proxy does, and is read through the other.
#[test]
fn a_key_of_either_configuration_api_is_enforced_and_read_through_the_other() {
    let control = Control::start();
    let slow = Slow::start(&control.url(), &[]);
    let id = write_key(&control, TIMEOUT_OF_SLOW, "150", &json!({"app": "default", "service": "caller"}));
    slow.wait_words("within 150ms, the limit that the kie key servicecomb.request.slow.timeout sets");
    let items = || {
        let path = format!("{ITEMS}?dimensionsInfo=caller%40default");
        get(control.address, &control.address.to_string(), &path).unwrap().json()
    };
    assert_eq!(items()["caller@default"][TIMEOUT_OF_SLOW], "150", "{}", items());

    let began = Instant::now();
    let change = json!({"value": "250", "status": "enabled"}).to_string();
    send_json(control.address, "PUT", &format!("/v1/default/kie/kv/{id}"), &change).unwrap();
    slow.wait_limit("250ms");
    assert!(began.elapsed() < CHANGE_TIME_MAX + Duration::from_millis(500), "{:?}", began.elapsed());

    let body = json!({"dimensionsInfo": "caller@default", "items": {TIMEOUT_OF_SLOW: "350"}}).to_string();
    assert_eq!(send_json(control.address, "POST", ITEMS, &body).unwrap().status(), 200);
    slow.wait_limit("350ms");
    let path = "/v1/default/kie/kv?label=app:default&label=service:caller";
    let keys = get(control.address, &control.address.to_string(), path).unwrap().json();
    assert_eq!(keys["data"][0]["value"], "350", "{keys}");

    // A document wins over keys; without it they hold again.
    assert_done(&apply(&control, &timeout("slow", "450ms"), &["--wait"]));
    slow.wait_words("within 450ms, the limit that Timeout limit sets");
    assert_done(&Process::run(&mut mesher(&control, &["delete", "Timeout", "limit"])));
    slow.wait_limit("350ms");
}

/// A proxy beside servers of others: the registry is one, the configuration server another, which speaks only one API.
#[test]
fn keys_come_from_a_configuration_server_that_is_named() {
    let (control, servers) = (Control::start(), [Control::start(), Control::start()]);
    write_key(
        &servers[0],
        "servicecomb.request.timeout",
        "150",
        &json!({"appId": "default", "environment": ""}),
    );
    let body = json!({"dimensionsInfo": "caller@default#0.0.1", "items": {"cse.request.timeout": "250"}})
        .to_string();
    assert_eq!(send_json(servers[1].address, "POST", ITEMS, &body).unwrap().status(), 200);
    for (server, speaks, limit) in [
        (&servers[0], "kie", "150ms"),
        (&servers[0], "auto", "150ms"),
        (&servers[1], "config-center", "250ms"),
    ] {
        let settings = [("MESHER_CONFIG_CENTER", server.url()), ("MESHER_CONFIG_TYPE", speaks.to_owned())];
        let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
        Slow::start(&control.url(), &settings).wait_limit(limit);
    }
}

/// CF-02: a value that is none is told, and is as if it were not there.
#[test]
fn cf_02_a_key_that_cannot_be_used_holds_up_no_other() {
    let control = Control::start();
    let labels = json!({"app": "default", "service": "caller"});
    write_key(&control, TIMEOUT_OF_SLOW, "soon", &labels);
    write_key(&control, "servicecomb.request.timeout", "150", &labels);
    let slow = Slow::start(&control.url(), &[]);
    slow.wait_limit("150ms");
    let told = "servicecomb.request.slow.timeout: \\\"soon\\\" is no timeout";
    until("it is told", || slow.caller.process.errors().contains(told).then_some(()));
}

/// RG-06: a configuration server that lost all keys empties nothing.
#[test]
fn rg_06_a_configuration_server_that_forgot_everything_empties_no_key() {
    let (control, mut server) = (Control::start(), Control::start());
    let address = server.address.to_string();
    for number in 0..5 {
        write_key(&server, &format!("other.{number}"), "x", &json!({"app": "default"}));
    }
    write_key(&server, "servicecomb.request.timeout", "150", &json!({"app": "default", "service": "caller"}));
    let url = server.url();
    let slow = Slow::start(&control.url(), &[("MESHER_CONFIG_CENTER", &url)]);
    slow.wait_limit("150ms");
    server.process.crash();
    let _server = Control::listen(&address);
    until("the new server was asked", || {
        slow.caller.process.errors().contains("keeping those that hold").then_some(())
    });
    slow.wait_limit("150ms");
}
