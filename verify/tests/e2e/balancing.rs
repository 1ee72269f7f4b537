//! Rules of kind Balance, from the command to the answers: which instance takes a call.
//! It must tell instances apart by their answers alone, and leave statistics to the tests of the decisions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::http::{Message, get_with, send_json};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use serde_json::{Value, json};

use crate::rules::{apply, assert_done, documented, write_key};

/// Calls over which shares are counted.
const CALLS: usize = 200;

/// An instance without a proxy, registered by hand.
pub(crate) struct Instance {
    name: &'static str,
    service: String,
    id: String,
    _application: Application,
}

impl Instance {
    /// One that answers with its name, with what its record says beside the endpoint.
    pub(crate) fn start(control: &Control, name: &'static str, record: &Value) -> Self {
        Self::of(control, name, record, Application::greeting(name))
    }

    pub(crate) fn of(
        control: &Control,
        name: &'static str,
        record: &Value,
        application: Application,
    ) -> Self {
        let version = record["version"].as_str().unwrap_or("1.0.0");
        let service = control.register_service("shop", version);
        let mut instance = json!({"endpoints": [format!("rest://{}", application.address)], "hostName": name, "status": "UP"});
        for member in ["properties", "dataCenterInfo"] {
            if record.get(member).is_some() {
                instance[member] = record[member].clone();
            }
        }
        let path = format!("/v4/default/registry/microservices/{service}/instances");
        let body = json!({"instance": instance}).to_string();
        let registered = send_json(control.address, "POST", &path, &body).unwrap().json();
        let id = registered["instanceId"].as_str().unwrap_or_else(|| panic!("{registered}")).to_owned();
        Self { name, service, id, _application: application }
    }

    /// Takes it out of the registry.
    fn leave(&self, control: &Control) {
        let path = format!("/v4/default/registry/microservices/{}/instances/{}", self.service, self.id);
        assert_eq!(send_json(control.address, "DELETE", &path, "").unwrap().status(), 200);
    }
}

/// A proxy of a caller that knows so many instances.
pub(crate) fn caller(control: &Control, count: usize, settings: &[(&str, &str)]) -> Proxy {
    let mut command = Proxy::command(&control.url(), "webapp", &[]);
    let proxy = Proxy::of(command.envs(settings.iter().copied()));
    proxy.addresses.wait_reachable("http://shop/");
    wait_known(&proxy, count);
    proxy
}

fn wait_known(proxy: &Proxy, count: usize) {
    until(&format!("{count} instances are known"), || {
        (proxy.addresses.endpoints("shop").len() == count).then_some(())
    });
}

/// Puts the shop under a rule, whose members stand beside the service.
#[track_caller]
pub(crate) fn balance(control: &Control, members: &str) {
    let text = format!(
        "apiVersion: mesher/v1\nkind: Balance\nmetadata: {{name: shop}}\nspec: {{service: shop, {members}}}\n"
    );
    assert_done(&apply(control, &text, &["--wait"]));
}

fn ask(outbound: SocketAddr, fields: &[(&str, &str)]) -> Message {
    get_with(outbound, "shop", "http://shop/", fields).unwrap()
}

/// How many of so many calls each of these instances answers.
pub(crate) fn counts<const N: usize>(outbound: SocketAddr, names: [&str; N]) -> [usize; N] {
    let answers: Vec<_> = (0..CALLS).map(|_| ask(outbound, &[]).text()).collect();
    names.map(|name| answers.iter().filter(|answer| *answer == name).count())
}

#[test]
fn weights_come_from_properties_of_instances() {
    let control = Control::start();
    let weight = |weight: &str| json!({"properties": {"weight": weight}});
    let _instances = [("a", weight("7")), ("b", weight("2")), ("c", json!({}))]
        .map(|(name, record)| Instance::start(&control, name, &record));
    let caller = caller(&control, 3, &[]);
    let outbound = caller.addresses.outbound;
    balance(&control, "strategy: Weighted");
    for (count, expected) in counts(outbound, ["a", "b", "c"]).into_iter().zip([140_usize, 40, 20]) {
        assert!(count.abs_diff(expected) <= 6, "{count} of {expected}");
    }
    // What happened can be asked for, and what would happen.
    let told = caller.addresses.admin("/explain?to=shop&path=/").text();
    for words in ["Balance shop", "RoundRobin, weights of property weight", "calls on their way"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let metrics = caller.addresses.admin("/metrics").text();
    let picks = r#"mesher_balance_picks_total{service="webapp",peer="shop",rule="Balance shop"} 200"#;
    assert!(metrics.contains(picks), "{metrics}");
    let heaviest =
        caller.addresses.endpoints("shop").iter().filter_map(|row| row["load"]["requests"].as_u64()).max();
    assert!(heaviest.is_some_and(|count| count > 100), "{heaviest:?}");
}

/// Every proxy of the fleet sends a user to one instance.
#[test]
fn a_user_has_one_instance_whichever_proxy_is_asked() {
    let control = Control::start();
    let _instances = ["a", "b", "c", "d"].map(|name| Instance::start(&control, name, &json!({})));
    let callers = [0, 1].map(|_| caller(&control, 4, &[]));
    for strategy in ["Maglev", "RingHash"] {
        balance(&control, &format!("strategy: {strategy}, hashOn: {{header: X-User}}"));
        let mut seen = Vec::new();
        for user in 0..20 {
            let user = format!("user-{user}");
            let of = |caller: &Proxy| ask(caller.addresses.outbound, &[("x-user", &user)]).text();
            let answers = [of(&callers[0]), of(&callers[1]), of(&callers[0])];
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{strategy}, {user}: {answers:?}");
            seen.push(answers[0].clone());
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 1, "{strategy}: {seen:?}");
    }
}

#[test]
fn a_session_stays_with_its_instance_until_that_is_gone() {
    let control = Control::start();
    let instances = ["a", "b", "c"].map(|name| Instance::start(&control, name, &json!({})));
    let caller = caller(&control, 3, &[]);
    let outbound = caller.addresses.outbound;
    balance(&control, "sessionPersistence: {type: Cookie, sessionName: id}");
    let begin = |fields: &[(&str, &str)]| {
        let answer = ask(outbound, fields);
        let cookie = answer.head.field("set-cookie").to_owned();
        assert!(
            cookie.starts_with("id=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
            "{cookie:?}"
        );
        (answer.text(), cookie.split(';').next().unwrap().to_owned())
    };
    let (first, cookie) = begin(&[]);
    for _ in 0..12 {
        let answer = ask(outbound, &[("cookie", &cookie)]);
        assert_eq!(
            (answer.text(), answer.head.field("set-cookie")),
            (first.clone(), ""),
            "one cookie a session"
        );
    }
    let gone = instances.iter().find(|instance| instance.name == first).unwrap();
    gone.leave(&control);
    wait_known(&caller, 2);
    let (second, cookie) = begin(&[("cookie", &cookie)]);
    assert_ne!(second, first);
    assert!((0..12).all(|_| ask(outbound, &[("cookie", &cookie)]).text() == second));

    balance(&control, "sessionPersistence: {type: Header, sessionName: X-Session}");
    let answer = ask(outbound, &[]);
    let session = answer.head.field("x-session").to_owned();
    assert_eq!(session.len(), 16, "{session:?}");
    assert!((0..12).all(|_| ask(outbound, &[("x-session", &session)]).text() == answer.text()));
}

/// What a rule remembers stays where another rule changes.
#[test]
fn all_calls_of_a_caller_stay_together() {
    let control = Control::start();
    let instances = ["a", "b", "c"].map(|name| Instance::start(&control, name, &json!({})));
    let caller = caller(&control, 3, &[]);
    let outbound = caller.addresses.outbound;
    balance(&control, "sessionPersistence: {type: Caller}");
    let first = ask(outbound, &[]).text();
    assert!((0..20).all(|_| ask(outbound, &[]).text() == first));
    let other =
        "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: t}\nspec: {service: shop, request: 9s}\n";
    assert_done(&apply(&control, other, &["--wait"]));
    assert!((0..20).all(|_| ask(outbound, &[]).text() == first), "another rule is no reason to leave");
    instances.iter().find(|instance| instance.name == first).unwrap().leave(&control);
    wait_known(&caller, 2);
    let second = ask(outbound, &[]).text();
    assert!(second != first && (0..20).all(|_| ask(outbound, &[]).text() == second));
}

#[test]
fn the_own_zone_takes_the_calls_as_long_as_it_is_there() {
    let control = Control::start();
    let at = |region: &str, zone: &str| json!({"dataCenterInfo": {"name": "dc", "region": region, "availableZone": zone}});
    let instances = [("a", at("r1", "z1")), ("b", at("r1", "z2")), ("c", at("r2", "z3"))]
        .map(|(name, record)| Instance::start(&control, name, &record));
    let caller = caller(&control, 3, &[("MESHER_REGION", "r1"), ("MESHER_ZONE", "z1")]);
    let outbound = caller.addresses.outbound;
    balance(&control, "zone: {prefer: SameZone}");
    assert_eq!(counts(outbound, ["a", "b", "c"]), [CALLS, 0, 0]);
    instances[0].leave(&control);
    wait_known(&caller, 2);
    assert_eq!(counts(outbound, ["a", "b", "c"]), [0, CALLS, 0], "the own region comes next");
    instances[1].leave(&control);
    wait_known(&caller, 1);
    assert_eq!(counts(outbound, ["a", "b", "c"]), [0, 0, CALLS]);
}

#[test]
fn an_instance_that_asks_for_it_is_left_alone() {
    let control = Control::start();
    let _well = ["a", "b"].map(|name| Instance::start(&control, name, &json!({})));
    let caller = caller(&control, 2, &[]);
    let outbound = caller.addresses.outbound;
    let busy = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n";
    let _busy = Instance::of(&control, "c", &json!({}), Application::http(|_| busy.to_vec()));
    wait_known(&caller, 3);
    balance(&control, "strategy: RoundRobin");
    let refused = (0..60).filter(|_| ask(outbound, &[]).status() == 429).count();
    assert_eq!(refused, 1, "it said so once");
    let metrics = caller.addresses.admin("/metrics").text();
    assert!(
        metrics.contains(r#"mesher_balance_avoided_endpoints{service="webapp",peer="shop"} 1"#),
        "{metrics}"
    );
    let told = caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("left alone for"), "{told}");
    balance(&control, "strategy: RoundRobin, retryAfter: Ignore");
    let refused = (0..60).filter(|_| ask(outbound, &[]).status() == 429).count();
    assert!((15..=25).contains(&refused), "{refused}");
}

/// How many calls wait at the slow instance: more than the others ever have, whatever is counted a moment too long.
const WAITING: usize = 4;

#[test]
fn a_call_goes_where_fewer_are_on_their_way() {
    let control = Control::start();
    let (gate, arrived) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let _fast = ["a", "b"].map(|name| Instance::start(&control, name, &json!({})));
    let caller = caller(&control, 2, &[]);
    let outbound = caller.addresses.outbound;
    let (waits, arrives) = (gate.clone(), Arc::clone(&arrived));
    let slow = Application::http(move |_| {
        arrives.fetch_add(1, Ordering::Relaxed);
        waits.wait();
        ok("slow")
    });
    let _slow = Instance::of(&control, "slow", &json!({}), slow);
    wait_known(&caller, 3);
    // What is known of instances stays where the rule becomes another one.
    balance(&control, "strategy: RoundRobin");
    let has_enough = || arrived.load(Ordering::Relaxed) >= WAITING;
    std::thread::scope(|scope| {
        for _ in 0..WAITING {
            scope.spawn(|| while !has_enough() && ask(outbound, &[]).text() != "slow" {});
        }
        until("calls wait at the slow instance", || has_enough().then_some(()));
        let applied = std::panic::catch_unwind(|| {
            balance(&control, "strategy: LeastRequest");
            counts(outbound, ["a", "b"])
        });
        gate.open();
        let [first, second] = applied.unwrap();
        assert_eq!(first + second, CALLS);
        assert!(first.abs_diff(second) < CALLS / 3, "{first} {second}");
    });
}

/// A rule about a subset, one about some calls, and what neither is about.
#[test]
fn the_most_particular_rule_is_about_a_call() {
    let control = Control::start();
    let of = |version: &str| json!({"version": version});
    let _instances = [("a", of("1.0.0")), ("b", of("1.0.0")), ("c", of("2.0.0")), ("d", of("2.0.0"))]
        .map(|(name, record)| Instance::start(&control, name, &record));
    let caller = caller(&control, 4, &[]);
    let outbound = caller.addresses.outbound;
    let rules = "apiVersion: mesher/v1\nkind: Route\nmetadata: {name: shop}\nspec:\n  service: shop\n  rules:\n    - matches: [{headers: [{name: x-new, type: Present}]}]\n      backends: [{subset: {version: 2.0.0}}]\n    - backends: [{subset: {version: 1.0.0}}]\n---\napiVersion: mesher/v1\nkind: Balance\nmetadata: {name: a-all}\nspec: {service: shop, strategy: Random}\n---\napiVersion: mesher/v1\nkind: Balance\nmetadata: {name: b-new}\nspec: {service: shop, subset: {version: 2.0.0}, sessionPersistence: {type: Caller}}\n---\napiVersion: mesher/v1\nkind: Balance\nmetadata: {name: c-users}\nspec: {service: shop, matches: [{headers: [{name: x-user, type: Present}]}], strategy: Maglev, hashOn: {header: x-user}}\n";
    assert_done(&apply(&control, rules, &["--wait"]));
    let distinct = |fields: &[(&str, &str)]| {
        let mut answers: Vec<_> = (0..24).map(|_| ask(outbound, fields).text()).collect();
        answers.sort();
        answers.dedup();
        answers.join("")
    };
    assert_eq!(distinct(&[]), "ab");
    assert!(["c", "d"].contains(&distinct(&[("x-new", "1")]).as_str()));
    assert!(["a", "b"].contains(&distinct(&[("x-user", "jason")]).as_str()));
    let told = caller.addresses.admin("/explain?to=shop&path=/&header=x-new:1").text();
    assert!(told.contains("Balance b-new"), "{told}");
}

/// Two parts that are chosen nearly alternately: each takes turns of its own among its instances.
#[test]
fn each_part_of_a_route_has_turns_of_its_own() {
    let control = Control::start();
    let of = |version: &str| json!({"version": version});
    let _instances = [("a", of("1.0.0")), ("b", of("1.0.0")), ("c", of("2.0.0")), ("d", of("2.0.0"))]
        .map(|(name, record)| Instance::start(&control, name, &record));
    let caller = caller(&control, 4, &[]);
    let halves = "apiVersion: mesher/v1\nkind: Route\nmetadata: {name: shop}\nspec:\n  service: shop\n  rules:\n    - backends: [{subset: {version: 1.0.0}}, {subset: {version: 2.0.0}}]\n";
    assert_done(&apply(&control, halves, &["--wait"]));
    let counts = counts(caller.addresses.outbound, ["a", "b", "c", "d"]);
    assert!(counts.iter().all(|count| count.abs_diff(CALLS / 4) <= 6), "{counts:?}");
}

#[test]
fn the_manuals_example_is_accepted() {
    let control = Control::start();
    let applied = apply(&control, documented("calculator-balance"), &[]);
    assert_done(&applied);
    assert!(applied.output.contains("Balance calculator-users created"), "{applied:?}");
}

#[test]
fn what_cannot_be_kept_is_refused_with_its_place() {
    let control = Control::start();
    for (spec, words) in [
        ("{service: shop, strategy: Fastest}", "unknown variant `Fastest`"),
        ("{service: shop, strategy: Maglev}", "hashOn stands with RingHash and Maglev"),
    ] {
        let text = format!("apiVersion: mesher/v1\nkind: Balance\nmetadata: {{name: b}}\nspec: {spec}\n");
        let ended = apply(&control, &text, &[]);
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.errors.contains(words) && ended.errors.contains("rules.yaml:4:"), "{ended:?}");
    }
    let one = |name: &str| {
        format!("apiVersion: mesher/v1\nkind: Balance\nmetadata: {{name: {name}}}\nspec: {{service: shop}}\n")
    };
    assert_done(&apply(&control, &one("first"), &[]));
    let ended = apply(&control, &one("second"), &[]);
    assert!(ended.errors.contains("are about the same service"), "{ended:?}");
}

/// control-plane-api §4.8: a strategy by kie, and one by config-center, each of which its key names in explanations.
#[test]
fn keys_of_either_configuration_server_say_how_calls_are_balanced() {
    let control = Control::start();
    let _instances = ["a", "b", "c"].map(|name| Instance::start(&control, name, &json!({})));
    let caller = caller(&control, 3, &[]);
    let outbound = caller.addresses.outbound;
    let is_one = || {
        let mut answers: Vec<_> = (0..12).map(|_| ask(outbound, &[]).text()).collect();
        answers.dedup();
        answers.len() == 1
    };
    let labels = json!({"app": "default", "service": "webapp"});
    write_key(&control, "servicecomb.loadbalance.shop.strategy.name", "SessionStickiness", &labels);
    until("all calls stay with one instance", || is_one().then_some(()));
    let told = caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(
        told.contains("servicecomb.loadbalance.shop.strategy.name") && told.contains("stay together"),
        "{told}"
    );
    // A document of this kind stands before keys.
    balance(&control, "strategy: RoundRobin");
    assert!(!is_one());
}

#[test]
fn a_key_of_config_center_says_how_calls_are_balanced() {
    let control = Control::start();
    let _instances = ["a", "b", "c"].map(|name| Instance::start(&control, name, &json!({})));
    let caller = caller(&control, 3, &[]);
    let key = "cse.loadbalance.strategy.name";
    let body = json!({"dimensionsInfo": "webapp@default", "items": {key: "Random"}}).to_string();
    let answer = send_json(control.address, "POST", "/v3/default/configuration/items", &body).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    until("the key holds", || {
        let told = caller.addresses.admin("/explain?to=shop&path=/").text();
        (told.contains(key) && told.contains("Random")).then_some(())
    });
    let counts = counts(caller.addresses.outbound, ["a", "b", "c"]);
    assert!(counts.iter().all(|count| (30..110).contains(count)), "{counts:?}");
}
