//! Routing rules in the words of ServiceComb, as its users have them: written as keys, obeyed by proxies.
//! It must write keys through the APIs of the configuration servers and look at answers alone, as applications do.

use std::net::SocketAddr;

use mesher_verify::application::{Application, ok};
use mesher_verify::http::{get, send_json};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::Process;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::routing::{Stage, ask, assert_both, assert_version, second_where};
use crate::rules::{assert_done, mesher, write_key};

const ROUTE: &str = "servicecomb.routeRule.shop";
/// Calls over which shares are counted.
const MANY: usize = 100;

/// The labels of the calling service.
fn labels() -> Value {
    json!({"app": "default", "service": "webapp"})
}

/// Writes a key through config-center.
#[track_caller]
fn write_item(control: &Control, key: &str, value: &str) {
    let body = json!({"dimensionsInfo": "webapp@default", "items": {key: value}}).to_string();
    let answer = send_json(control.address, "POST", "/v3/default/configuration/items", &body).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// Writes another value of a key through kie.
#[track_caller]
fn rewrite(control: &Control, id: &str, value: &str) {
    let body = json!({"value": value}).to_string();
    let answer = send_json(control.address, "PUT", &format!("/v1/default/kie/kv/{id}"), &body).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// Waits until a call with this field is answered by this version, again and again.
#[track_caller]
fn wait_version(outbound: SocketAddr, fields: &[(&str, &str)], version: &str) {
    until(&format!("calls with {fields:?} are answered by {version}"), || {
        (0..4).all(|_| ask(outbound, "GET", "/", fields).text() == version).then_some(())
    });
    assert_version(outbound, ("GET", "/", fields), version);
}

/// How many of many calls the second version answers.
fn count_second(outbound: SocketAddr) -> usize {
    (0..MANY).filter(|_| ask(outbound, "GET", "/", &[]).text() == "2.0").count()
}

/// Waits until the proxy holds a route of this name for the shop.
fn wait_route(stage: &Stage, name: &str) {
    until(&format!("the route of {name} holds"), || {
        let clusters = stage.caller.addresses.admin("/clusters").json();
        let shop = clusters["clusters"].as_array()?.iter().find(|cluster| cluster["name"] == "shop")?.clone();
        (shop["rules"]["route"]["name"] == name).then_some(())
    });
}

/// What the proxy says of keys that cannot be used.
fn key_problems(stage: &Stage, path: &str) -> Vec<String> {
    let told = stage.caller.addresses.admin(path).json();
    serde_json::from_value(told["rules"]["key_problems"].clone()).unwrap()
}

/// control-plane-api §11.7: a rule as Java Chassis reads it, through kie.
#[test]
fn a_rule_of_java_chassis_by_header_and_who_calls() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    assert_both(outbound);
    let value = "- precedence: 2
  match: {headers: {userType: {exact: vip}}}
  route: [{weight: 100, tags: {version: '2.0'}}]
- precedence: 1
  route: [{weight: 100, tags: {version: '1.0'}}]
";
    let id = write_key(&stage.control, ROUTE, value, &labels());
    wait_version(outbound, &[("usertype", "vip")], "2.0");
    assert_version(outbound, ("GET", "/", &[("UserType", "guest")]), "1.0");
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/&header=UserType:vip").text();
    for words in [ROUTE, "precedence-2: decides", "kie"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // What is asked of a caller.
    let by_caller = |service: &str| {
        format!(
            "- {{match: {{source: {service}, sourceTags: {{app: default}}}}, route: [{{weight: 100, tags: {{version: '2.0'}}}}]}}\n- {{precedence: -1, route: [{{weight: 100, tags: {{version: '1.0'}}}}]}}"
        )
    };
    rewrite(&stage.control, &id, &by_caller("webapp"));
    wait_version(outbound, &[], "2.0");
    rewrite(&stage.control, &id, &by_caller("batch"));
    wait_version(outbound, &[], "1.0");
    // Nobody has the tags: any instance takes the call, unless that is refused.
    rewrite(&stage.control, &id, "- route: [{weight: 100, tags: {version: '3.0'}}]");
    until("both answer", || {
        let answers: Vec<_> = (0..8).map(|_| ask(outbound, "GET", "/", &[]).text()).collect();
        (answers.contains(&"1.0".to_owned()) && answers.contains(&"2.0".to_owned())).then_some(())
    });
    rewrite(
        &stage.control,
        &id,
        "- {precedence: 7, route: [{weight: 100, tags: {version: '3.0'}}], emptyProtection: false}",
    );
    until("nobody answers", || (ask(outbound, "GET", "/", &[]).status() == 503).then_some(()));
    let words = ask(outbound, "GET", "/", &[]).text();
    assert!(
        words.contains(&format!("version 3.0, which rule precedence-7 of Route {ROUTE} chose")),
        "{words}"
    );
}

/// mesher-behaviour §3.2: a rule as Go Chassis reads it, through config-center.
#[test]
fn a_rule_of_go_chassis_by_weight_and_by_traffic_marker() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    let split = "- precedence: 1
  route:
    - {weight: 80, tags: {version: '1.0', app: default}}
    - {weight: 20, tags: {version: '2.0', app: default}}
";
    write_item(&stage.control, ROUTE, split);
    wait_route(&stage, ROUTE);
    let second = count_second(outbound);
    // A worker keeps each share but for a call or two.
    assert!((14..=26).contains(&second), "{second} of {MANY}");
    write_item(
        &stage.control,
        "servicecomb.match.write-calls",
        "matches: [{apiPath: {contains: /orders}, method: [POST, PUT], trafficMarkPolicy: once}]",
    );
    let marked = "- {precedence: 5, match: {refer: write-calls}, route: [{weight: 100, tags: {version: '2.0'}}]}\n- route: [{weight: 100, tags: {version: '1.0'}}]";
    write_item(&stage.control, ROUTE, marked);
    until("orders are written to the second", || {
        (0..4).all(|_| ask(outbound, "POST", "/v1/orders", &[]).text() == "2.0").then_some(())
    });
    assert_version(outbound, ("PUT", "/orders/7?a=b", &[]), "2.0");
    assert_version(outbound, ("GET", "/orders/7", &[]), "1.0");
    assert_version(outbound, ("POST", "/carts", &[]), "1.0");
    // Go's word for the highest version.
    write_item(&stage.control, ROUTE, "- route: [{weight: 100, tags: {version: latest}}]");
    wait_version(outbound, &[], "2.0");
}

/// mesher-behaviour §3.7, control-plane-api §4.6: what the consoles write.
#[test]
fn a_dark_launch_by_rate_and_by_rule() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    let key = "cse.darklaunch.policy.shop";
    let rate = r#"{"policyType":"RATE","ruleItems":[{"groupName":"new","groupCondition":"version=2.0,2.1","policyCondition":"20"}]}"#;
    write_item(&stage.control, key, rate);
    wait_route(&stage, key);
    let second = count_second(outbound);
    assert!((14..=26).contains(&second), "{second} of {MANY}");
    let rule = r#"{"policyType":"RULE","ruleItems":[{"groupName":"new","groupCondition":"version=2.0","policyCondition":"user_id~10*"}]}"#;
    write_item(&stage.control, key, rule);
    wait_version(outbound, &[("UserId", "1042")], "2.0");
    assert_version(outbound, ("GET", "/", &[("UserId", "42")]), "1.0");
    // A list of rules replaces it.
    write_item(&stage.control, ROUTE, "- route: [{weight: 100, tags: {version: '2.0'}}]");
    wait_version(outbound, &[], "2.0");
}

#[test]
fn a_bad_value_is_told_and_the_last_good_one_holds() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    let id = write_key(&stage.control, ROUTE, "- route: [{weight: 100, tags: {version: '2.0'}}]", &labels());
    wait_version(outbound, &[], "2.0");
    assert_eq!(key_problems(&stage, "/readyz"), Vec::<String>::new());
    rewrite(&stage.control, &id, "- route:\n  - {weight: lots, tags: {version: '1.0'}}");
    let problems =
        until("it is told", || Some(key_problems(&stage, "/readyz")).filter(|problems| !problems.is_empty()));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems, key_problems(&stage, "/config"));
    let expected = format!("{ROUTE}: line 2, column 14: \"lots\" is no weight");
    assert!(problems[0].starts_with(&expected), "{problems:?}");
    assert!(problems[0].ends_with("its last good value holds"), "{problems:?}");
    assert_version(outbound, ("GET", "/", &[]), "2.0");
    // Another key holds beside it.
    write_key(&stage.control, "servicecomb.globalRouteRule", "- route: []", &labels());
    until("both are told", || (key_problems(&stage, "/readyz").len() == 2).then_some(()));
    assert_version(outbound, ("GET", "/", &[]), "2.0");
    rewrite(&stage.control, &id, "- route: [{weight: 100, tags: {version: '1.0'}}]");
    wait_version(outbound, &[], "1.0");
    assert_eq!(key_problems(&stage, "/readyz").len(), 1);
    // A key that is gone says nothing.
    let path = format!("/v1/default/kie/kv/{id}");
    assert_eq!(send_json(stage.control.address, "DELETE", &path, "").unwrap().status(), 204);
    until("any instance answers", || {
        let answers: Vec<_> = (0..8).map(|_| ask(outbound, "GET", "/", &[]).text()).collect();
        (answers.contains(&"1.0".to_owned()) && answers.contains(&"2.0".to_owned())).then_some(())
    });
}

#[test]
fn a_bad_match_group_takes_its_rule_alone_and_a_strange_word_is_a_warning() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    let value = "- {precedence: 2, match: {refer: g}, route: [{weight: 100, tags: {version: '2.0'}}]}\n- {precedence: 1, colour: blue, route: [{weight: 100, tags: {version: '1.0'}}]}";
    write_key(&stage.control, ROUTE, value, &labels());
    wait_version(outbound, &[], "1.0");
    let log = stage.caller.process.errors();
    let line = log.lines().find(|line| line.contains("colour")).unwrap();
    assert!(line.contains(" WARN ") && !line.contains("cannot be used"), "{line}");

    let id = write_key(&stage.control, "servicecomb.matchGroup.g", "matches: 7", &labels());
    let wait_problem = |words: &str| {
        until(words, || {
            let problems = key_problems(&stage, "/readyz");
            problems.iter().any(|problem| problem.contains(words)).then_some(problems)
        })
    };
    let problems = wait_problem("it cannot be used, so that the rule holds for no call");
    assert_eq!(problems.len(), 2, "one sentence for the group, one for the word: {problems:?}");
    wait_version(outbound, &[("x", "y")], "1.0");
    rewrite(&stage.control, &id, "matches: [{headers: {x: {exact: y}}}]");
    wait_version(outbound, &[("x", "y")], "2.0");
    rewrite(&stage.control, &id, "matches: 7");
    let problems = wait_problem("servicecomb.matchGroup.g: line 1, column 10");
    assert!(problems.iter().any(|problem| problem.ends_with("its last good value holds")), "{problems:?}");
    assert_version(outbound, ("GET", "/", &[("x", "y")]), "2.0");
    assert_version(outbound, ("GET", "/", &[]), "1.0");
}

#[test]
fn a_document_holds_before_a_key() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    write_key(&stage.control, ROUTE, "- route: [{weight: 100, tags: {version: '2.0'}}]", &labels());
    wait_version(outbound, &[], "2.0");
    stage.route(&second_where("{headers: [{name: x-beta, type: Present}]}"));
    assert_version(outbound, ("GET", "/", &[]), "1.0");
    assert_version(outbound, ("GET", "/", &[("x-beta", "1")]), "2.0");
    assert_done(&Process::run(&mut mesher(&stage.control, &["delete", "Route", "shop"])));
    wait_version(outbound, &[], "2.0");
    // What was written is read back as it was written.
    let path = format!("/v1/default/kie/kv?key={ROUTE}");
    let keys = get(stage.control.address, &stage.control.address.to_string(), &path).unwrap().json();
    assert_eq!(keys["data"][0]["value"], "- route: [{weight: 100, tags: {version: '2.0'}}]", "{keys}");
}

/// A proxy that starts again while nobody can be asked goes on with the keys that held.
#[test]
fn keys_hold_on_through_a_restart_without_the_control_plane() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::start();
    write_key(&stage.control, ROUTE, "- route: [{weight: 100, tags: {version: '2.0'}}]", &labels());
    write_key(&stage.control, "shop.password", "open sesame", &labels());
    let start = || {
        let mut command = Proxy::command(&stage.control.url(), "webapp", &[]);
        Proxy::of(command.env("MESHER_STATE_DIR", folder.path()))
    };
    let mut caller = start();
    wait_version(caller.addresses.outbound, &[], "2.0");
    let stored = until("the key is on disk", || {
        let stored = std::fs::read(folder.path().join("snapshot")).ok()?;
        Some(String::from_utf8_lossy(&stored).into_owned()).filter(|stored| stored.contains(ROUTE))
    });
    assert!(!stored.contains("sesame"), "what is not about calls may be a secret");
    caller.process.crash();
    let Stage { mut control, _instances, .. } = stage;
    control.process.crash();
    let mut command = Proxy::command(&control.url(), "webapp", &[]);
    let again = Proxy::of(command.env("MESHER_STATE_DIR", folder.path()));
    let outbound = again.addresses.outbound;
    until("it serves with what it knew", || (ask(outbound, "GET", "/", &[]).status() == 200).then_some(()));
    assert_version(outbound, ("GET", "/", &[]), "2.0");
}

/// The examples of the documentation do what stands beside them.
#[test]
fn the_documented_keys_hold() {
    let manual = include_str!("../../../docs/rules.md");
    let block = |begin: &str| {
        let (_, rest) = manual.split_once(begin).unwrap();
        rest.split("```").next().unwrap()
    };
    let stage = Stage::start();
    let outbound = stage.outbound();
    let launch = block("```json\n");
    write_item(&stage.control, "servicecomb.darklaunch.policy.shop", launch);
    wait_route(&stage, "servicecomb.darklaunch.policy.shop");
    let second = count_second(outbound);
    assert!((14..=26).contains(&second), "{second} of {MANY}");
    write_item(&stage.control, ROUTE, block("```yaml\n# servicecomb.routeRule.shop\n"));
    wait_route(&stage, ROUTE);
    assert_version(outbound, ("POST", "/orders", &[("userType", "vip")]), "2.0");
    let second = count_second(outbound);
    assert!((5..=15).contains(&second), "{second} of {MANY}");
}

/// mesher-behaviour §3.5: tags are properties of instances, from the first call on.
#[test]
fn tags_of_a_rule_are_properties_of_instances() {
    let stage = Stage::of([&[("MESHER_PROPERTIES", "lane=blue")], &[("MESHER_PROPERTIES", "lane=green")]]);
    let outbound = stage.outbound();
    let id = write_key(&stage.control, ROUTE, "- route: [{weight: 100, tags: {lane: green}}]", &labels());
    wait_version(outbound, &[], "2.0");
    rewrite(
        &stage.control,
        &id,
        "- route: [{weight: 100, tags: {lane: red}}]\n  fallback: [{weight: 100, tags: {lane: blue}}]",
    );
    wait_version(outbound, &[], "1.0");
}

/// control-plane-api §4.2: `mapper`, through both servers.
#[test]
fn a_mapper_puts_parts_of_a_call_into_its_context() {
    let control = Control::start();
    let application = Application::http(|request| ok(request.field("x-cse-context")));
    let _shop = Proxy::beside(&control.url(), "shop", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://shop/");
    let outbound = caller.addresses.outbound;
    let context = |path: &str, fields: &[(&str, &str)]| ask(outbound, "GET", path, fields).json();
    let bare = json!({"x-cse-src-microservice": "webapp"});
    assert_eq!(context("/orders/7?colour=vermilion", &[]), bare);
    let group = "matches: [{apiPath: {prefix: /orders}}]";
    write_key(&control, "servicecomb.matchGroup.orders", group, &labels());
    let target = "target: {path: $U, method: $M, user: '$H{x-user}', colour: '$Q{colour}', from: shop}";
    write_key(&control, "servicecomb.mapper.orders", target, &labels());
    let mapped =
        || context("/orders/7?colour=vermilion", &[("x-user", "ann"), ("x-cse-context", r#"{"a":"b"}"#)]);
    until("the key of kie holds", || mapped().get("path").map(drop));
    let expected = json!({"a": "b", "path": "/orders/7", "method": "GET", "user": "ann", "colour": "vermilion",
        "from": "shop", "x-cse-src-microservice": "webapp"});
    assert_eq!(mapped(), expected);
    assert_eq!(context("/", &[("x-user", "ann")]), bare, "it is about the calls of its group");
    let told = caller.addresses.admin("/explain?to=shop&path=/orders/7&header=x-user:ann").text();
    let words = "servicecomb.mapper.orders puts into its context: colour, from, method, path, user";
    assert!(told.contains(words) && !told.contains("vermilion"), "{told}");
    write_item(&control, "servicecomb.mapper.orders", "target: {only: yes}");
    until("the key of config-center holds", || mapped().get("only").map(drop));
    // Nobody says by a key who calls; what held before holds.
    write_item(&control, "servicecomb.mapper.orders", "target: {x-cse-src-microservice: other}");
    until("it is told", || {
        caller
            .addresses
            .admin("/readyz")
            .text()
            .contains("says who calls, which no key may say")
            .then_some(())
    });
    let expected = json!({"a": "b", "only": "yes", "x-cse-src-microservice": "webapp"});
    assert_eq!(mapped(), expected);
}
