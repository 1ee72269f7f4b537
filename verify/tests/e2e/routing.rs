//! Routes that look at calls, from the command to the answers: who calls what, how, and which instances take it.
//! It must tell instances apart by their answers alone.

use std::net::SocketAddr;

use mesher_verify::application::Application;
use mesher_verify::http::{Message, Wire, get_with};
use mesher_verify::mesh::{Control, NEWS, Proxy};
use mesher_verify::patience::{until, until_within};
use mesher_verify::process::Process;
use tempfile::TempDir;

use crate::rules::{BAD_CONFIGURATION, apply, assert_done, documented, mesher};

/// Calls that are looked at where one would not show it.
const CALLS: usize = 12;

/// An instance that answers with its own name.
pub(crate) struct Instance {
    _proxy: Proxy,
    _application: Application,
}

impl Instance {
    fn start(control: &Control, service: &str, version: &str, settings: &[(&str, &str)]) -> Self {
        let application = Application::greeting(version);
        let port = format!("rest:{}", application.port());
        let mut command = Proxy::command(&control.url(), service, &["--ports", &port]);
        command.env("MESHER_VERSION", version);
        let proxy = Proxy::of(command.envs(settings.iter().copied()));
        proxy.addresses.wait_ready();
        Self { _proxy: proxy, _application: application }
    }
}

/// Two versions of a shop, and a caller that knows both.
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) caller: Proxy,
    pub(crate) _instances: [Instance; 2],
}

impl Stage {
    pub(crate) fn start() -> Self {
        Self::of([&[], &[]])
    }

    /// The instances have settings of their own.
    pub(crate) fn of(settings: [&[(&str, &str)]; 2]) -> Self {
        let control = Control::start();
        let [first, second] = settings;
        let instances = [("1.0", first), ("2.0", second)]
            .map(|(version, own)| Instance::start(&control, "shop", version, own));
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        wait_known(&caller, 2);
        Self { control, caller, _instances: instances }
    }

    pub(crate) fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    /// Puts the shop under a route, whose rules are YAML below `rules:`.
    #[track_caller]
    pub(crate) fn route(&self, rules: &str) {
        assert_done(&apply(&self.control, &route(rules), &["--wait"]));
    }
}

fn wait_known(caller: &Proxy, count: usize) {
    until("the shop's instances are known", || {
        let is_answered = ask(caller.addresses.outbound, "GET", "/", &[]).status() == 200;
        (is_answered && caller.addresses.endpoints("shop").len() == count).then_some(())
    });
}

fn route(rules: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: shop}}\nspec:\n  service: shop\n  rules:\n{rules}\n"
    )
}

/// Rules that lead calls to the second version where one of these matches holds, and others to the first.
pub(crate) fn second_where(matches: &str) -> String {
    format!(
        "    - matches: [{matches}]\n      backends: [{{subset: {{version: '2.0'}}}}]\n    - backends: [{{subset: {{version: '1.0'}}}}]"
    )
}

/// Whether there are answers of both versions.
fn are_of_both(answers: &[String]) -> bool {
    ["1.0", "2.0"].iter().all(|version| answers.iter().any(|answer| answer == version))
}

/// A call to the shop.
#[track_caller]
pub(crate) fn ask(outbound: SocketAddr, method: &str, target: &str, fields: &[(&str, &str)]) -> Message {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: shop\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    Wire::open(outbound).unwrap().call(request).unwrap()
}

/// Calls of this kind are all answered by this version.
#[track_caller]
pub(crate) fn assert_version(outbound: SocketAddr, call: (&str, &str, &[(&str, &str)]), version: &str) {
    let (method, target, fields) = call;
    for _ in 0..CALLS {
        let answer = ask(outbound, method, target, fields);
        assert_eq!((answer.status(), answer.text().as_str()), (200, version), "{method} {target} {fields:?}");
    }
}

/// Calls are answered by both versions.
#[track_caller]
pub(crate) fn assert_both(outbound: SocketAddr) {
    let answers: Vec<_> = (0..CALLS).map(|_| ask(outbound, "GET", "/", &[]).text()).collect();
    assert!(are_of_both(&answers), "{answers:?}");
}

#[test]
fn a_header_leads_to_the_version_that_its_rule_names() {
    let stage = Stage::start();
    stage.route(
        "    - name: jason\n      matches: [{headers: [{name: X-User, value: jason}]}]\n      backends: [{subset: {version: '2.0'}}]\n    - backends: [{subset: {version: '1.0'}}]",
    );
    let outbound = stage.outbound();
    assert_version(outbound, ("GET", "/", &[("x-user", "jason")]), "2.0");
    assert_version(outbound, ("GET", "/", &[("X-USER", "ann"), ("x-UsEr", "jason")]), "2.0");
    assert_version(outbound, ("GET", "/", &[("x-user", "Jason")]), "1.0");
    assert_version(outbound, ("GET", "/", &[]), "1.0");
    // The same through a URL as the target, as applications with a proxy setting send it.
    let answer = Wire::open(outbound)
        .unwrap()
        .call("GET http://shop/ HTTP/1.1\r\nHost: other\r\nx-user: jason\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.unwrap().text(), "2.0");
}

#[test]
fn a_rule_is_about_the_callers_that_it_names() {
    let stage = Stage::start();
    let mut command = Proxy::command(&stage.control.url(), "batch", &[]);
    let batch = Proxy::of(command.envs([("MESHER_VERSION", "7.1"), ("MESHER_PROPERTIES", "team=blue")]));
    wait_known(&batch, 2);
    let (webapp, batch) = (stage.outbound(), batch.addresses.outbound);
    let get = ("GET", "/", [].as_slice());
    for (source, of_webapp, of_batch) in [
        ("{service: webapp}", "2.0", "1.0"),
        ("{service: batch, version: '7.1', application: default}", "1.0", "2.0"),
        ("{version: '7.2'}", "1.0", "1.0"),
        ("{properties: {team: blue}}", "1.0", "2.0"),
        ("{address: 127.0.0.0/8}", "2.0", "2.0"),
        ("{address: 10.0.0.0/8}", "1.0", "1.0"),
    ] {
        stage.route(&second_where(&format!("{{source: {source}}}")));
        assert_version(webapp, get, of_webapp);
        assert_version(batch, get, of_batch);
    }
}

#[test]
fn a_rule_is_about_paths_methods_cookies_and_parameters() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    type Call<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    let cases: [(&str, &[Call<'_>], &[Call<'_>]); 6] = [
        (
            "{path: {value: /api}, method: POST}",
            &[("POST", "/api", &[]), ("POST", "/api/v1?x=1", &[])],
            &[("GET", "/api", &[]), ("POST", "/apis", &[]), ("POST", "/", &[])],
        ),
        (
            "{path: {type: Template, value: '/users/{id}/orders'}}",
            &[("GET", "/users/7/orders", &[])],
            &[("GET", "/users/7", &[]), ("GET", "/users//orders", &[])],
        ),
        (
            "{cookies: [{name: group, type: RegularExpression, value: 'beta-[0-9]+'}]}",
            &[("GET", "/", &[("Cookie", "a=b; group=beta-7")])],
            &[("GET", "/", &[("Cookie", "group=beta-7x")]), ("GET", "/", &[("group", "beta-7")])],
        ),
        (
            "{queryParams: [{name: user, value: 'ann lee'}]}, {queryParams: [{name: age, type: GreaterOrEqual, value: '18'}]}",
            &[("GET", "/?user=ann+lee", &[]), ("GET", "/?user=ann%20lee", &[]), ("GET", "/?age=18.5", &[])],
            &[("GET", "/?user=ann", &[]), ("GET", "/?age=17", &[]), ("GET", "/?age=old", &[])],
        ),
        (
            "{headers: [{name: x-session, type: Absent}]}",
            &[("GET", "/", &[])],
            &[("GET", "/", &[("X-Session", "")])],
        ),
        (
            "{headers: [{name: user-agent, type: Prefix, value: bot, not: true}, {name: x-beta, type: Present}]}",
            &[("GET", "/", &[("x-beta", "1")]), ("GET", "/", &[("x-beta", ""), ("User-Agent", "curl")])],
            &[("GET", "/", &[("x-beta", "1"), ("User-Agent", "bot/2")]), ("GET", "/", &[])],
        ),
    ];
    for (matches, holding, failing) in cases {
        stage.route(&second_where(matches));
        holding.iter().for_each(|call| assert_version(outbound, *call, "2.0"));
        failing.iter().for_each(|call| assert_version(outbound, *call, "1.0"));
    }
    stage.route("    - matches: [{path: {value: /api}}]\n      backends: [{subset: {version: '2.0'}}]");
    assert_version(outbound, ("GET", "/api", &[]), "2.0");
    assert_both(outbound);
}

#[test]
fn cf_04_a_part_without_an_instance_has_the_substitute_that_its_rule_allows() {
    let stage = Stage::start();
    let outbound = stage.outbound();
    let rule = |fallback: &str| {
        format!(
            "    - name: dark\n      matches: [{{method: GET}}]\n      backends: [{{subset: {{version: '3.0'}}}}]{fallback}"
        )
    };
    for fallback in ["", "\n      fallback: None"] {
        stage.route(&rule(fallback));
        let answer = ask(outbound, "GET", "/", &[]);
        assert_eq!(answer.status(), 503);
        assert!(
            answer.text().contains("version 3.0, which rule dark of Route shop chose"),
            "{}",
            answer.text()
        );
    }
    stage.route(&rule("\n      fallback: Any"));
    assert_both(outbound);
    let _third = Instance::start(&stage.control, "shop", "3.0", &[]);
    until_within(NEWS, "the part has an instance", || {
        (ask(outbound, "GET", "/", &[]).text() == "3.0").then_some(())
    });
    assert_version(outbound, ("GET", "/", &[]), "3.0");
}

/// Properties and zones are known to a proxy only where a rule asks for them: the first such rule holds all the same as
/// soon as it is served with.
#[test]
fn a_part_is_told_by_properties_and_zone_from_the_first_call_on() {
    let folder = TempDir::new().unwrap();
    let settings: [&[(&str, &str)]; 2] = [
        &[
            ("MESHER_PROPERTIES", "canary=false|team=blue"),
            ("MESHER_REGION", "north"),
            ("MESHER_ZONE", "az-1"),
        ],
        &[
            ("MESHER_PROPERTIES", "canary=true|team=blue"),
            ("MESHER_REGION", "north"),
            ("MESHER_ZONE", "az-2"),
        ],
    ];
    let stage = Stage::of(settings);
    let outbound = stage.outbound();
    assert_both(outbound);
    let get = ("GET", "/", [].as_slice());
    for (subset, version) in [
        ("properties: {canary: 'true', team: blue}", "2.0"),
        ("zone: az-1", "1.0"),
        ("properties: {team: blue}, zone: az-2", "2.0"),
        ("properties: {canary: 'false'}, version: '1.0'", "1.0"),
    ] {
        stage.route(&format!("    - backends: [{{subset: {{{subset}}}}}]"));
        assert_version(outbound, get, version);
    }
    stage.route("    - backends: [{subset: {properties: {canary: 'true'}, version: '1.0'}}]");
    let answer = ask(outbound, "GET", "/", &[]);
    assert_eq!(answer.status(), 503);
    assert!(answer.text().contains("version 1.0, property canary=true"), "{}", answer.text());

    // A caller that comes later, and one that starts again while nobody can be asked.
    stage.route("    - backends: [{subset: {properties: {canary: 'true'}}}]");
    let start = || {
        let mut command = Proxy::command(&stage.control.url(), "late", &[]);
        Proxy::of(command.env("MESHER_STATE_DIR", folder.path()))
    };
    let mut late = start();
    let first = ask(late.addresses.outbound, "GET", "/", &[]);
    assert_eq!((first.status(), first.text().as_str()), (200, "2.0"));
    until("what is known is on disk", || {
        let bytes = std::fs::read(folder.path().join("snapshot")).ok()?;
        bytes.windows(4).any(|part| part == b"blue").then_some(())
    });
    late.process.crash();
    let Stage { mut control, caller, _instances } = stage;
    control.process.crash();
    drop(caller);
    let mut command = Proxy::command(&control.url(), "late", &[]);
    let again = Proxy::of(command.env("MESHER_STATE_DIR", folder.path()));
    until("it serves with what it knew", || {
        (ask(again.addresses.outbound, "GET", "/", &[]).status() == 200).then_some(())
    });
    assert_version(again.addresses.outbound, get, "2.0");
}

/// A flow has no request: a rule that asks for a part of one passes it over, also where it asks that the part is absent.
#[test]
fn a_flow_is_routed_by_its_caller() {
    let control = Control::start();
    let _providers = ["1.0", "2.0"].map(|version| {
        let application = Application::start(move |mut wire: Wire| wire.send(version));
        let port = format!("tcp:{}", application.port());
        let mut command = Proxy::command(&control.url(), "shop", &["--ports", &port]);
        let proxy = Proxy::of(command.env("MESHER_VERSION", version));
        proxy.addresses.wait_ready();
        Instance { _proxy: proxy, _application: application }
    });
    let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=shop"]);
    let entrance = caller.addresses.tcp_outbound[0];
    let said = || String::from_utf8(Wire::open(entrance).unwrap().remainder().unwrap()).unwrap();
    let saying = |rules: &str| {
        assert_done(&apply(&control, &route(rules), &["--wait"]));
        (0..CALLS).map(|_| said()).collect::<Vec<_>>()
    };
    until("both versions are met", || {
        let said: Vec<_> = (0..4).map(|_| said()).collect();
        are_of_both(&said).then_some(())
    });
    let of_request = "    - matches: [{headers: [{name: x-session, type: Absent}]}]\n      backends: [{subset: {version: '1.0'}}]\n";
    let of_caller = |service: &str| {
        format!(
            "    - matches: [{{source: {{service: {service}}}}}]\n      backends: [{{subset: {{version: '2.0'}}}}]"
        )
    };
    assert_eq!(saying(&(of_request.to_owned() + &of_caller("webapp"))), ["2.0"; CALLS]);
    let others = saying(&(of_request.to_owned() + &of_caller("batch")));
    assert!(are_of_both(&others), "{others:?}");
}

/// CF-08: what no proxy could load is refused, and changes nothing.
#[test]
fn cf_08_an_expression_that_cannot_be_kept_is_refused_by_rule_and_place() {
    let stage = Stage::start();
    stage.route("    - backends: [{subset: {version: '2.0'}}]");
    for (expression, words) in
        [("(a", "unclosed group"), ("(a{1000}){1000}", "automaton of more than 256 KiB")]
    {
        let rule = format!(
            "    - name: odd\n      matches: [{{headers: [{{name: x-user, type: RegularExpression, value: '{expression}'}}]}}]\n      backends: [{{}}]"
        );
        let refused = apply(&stage.control, &route(&rule), &[]);
        assert!(refused.code.is_some_and(|code| code != 0), "{refused:?}");
        assert!(refused.errors.contains("rule odd, match 1, headers \"x-user\""), "{}", refused.errors);
        assert!(refused.errors.contains(words), "{}", refused.errors);
    }
    let unknown = apply(&stage.control, &route("    - matches: [{header: []}]\n      backends: [{}]"), &[]);
    assert_eq!(unknown.code, BAD_CONFIGURATION, "{unknown:?}");
    assert!(
        unknown.errors.contains("rules.yaml:7:") && unknown.errors.contains("unknown field"),
        "{unknown:?}"
    );
    assert_version(stage.outbound(), ("GET", "/", &[]), "2.0");
}

/// The examples of the documentation do what stands beside them.
#[test]
fn the_documented_routes_hold() {
    let (canary, dark) = (documented("shop-canary"), documented("shop-dark"));
    let stage = Stage::start();
    let outbound = stage.outbound();
    assert_done(&apply(&stage.control, canary, &["--wait"]));
    assert_version(outbound, ("GET", "/", &[("x-user", "jason")]), "2.0");
    let answers: Vec<_> = (0..40).map(|_| ask(outbound, "GET", "/", &[]).text()).collect();
    let second = answers.iter().filter(|answer| *answer == "2.0").count();
    assert!((1..=7).contains(&second), "90 to 10: {second} of 40");

    assert_done(&Process::run(&mut mesher(&stage.control, &["delete", "Route", "shop-canary"])));
    assert_done(&apply(&stage.control, dark, &["--wait"]));
    assert_version(outbound, ("GET", "/checkout", &[]), "1.0");
    assert_version(outbound, ("GET", "/checkout", &[("Cookie", "tester=yes")]), "2.0");
    assert_version(outbound, ("GET", "/", &[("Cookie", "tester=yes")]), "1.0");
    let from_outside = get_with(outbound, "shop", "/checkout/pay", &[("Cookie", "tester=yes")]).unwrap();
    assert_eq!(from_outside.text(), "2.0");
}
