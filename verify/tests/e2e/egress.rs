//! Hosts outside the mesh: allowed, refused and led elsewhere, by rules that change while they are called.
//! It must ask no name server: what is refused or led elsewhere is so before a name is looked up.

use std::net::SocketAddr;

use mesher_verify::application::{Application, ok};
use mesher_verify::http::{Message, get_with};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::process::Process;

use crate::rules::{BAD_CONFIGURATION, apply, assert_done, documented, mesher};

/// A caller, a gateway in the mesh, and a server that is in no registry.
struct Stage {
    control: Control,
    caller: Proxy,
    outside: Application,
    _gateway: (Proxy, Application),
}

impl Stage {
    fn start() -> Self {
        let control = Control::start();
        let application =
            Application::http(|request| ok(&format!("gateway for {}", request.head.field("host"))));
        let gateway = Proxy::beside(&control.url(), "gateway", application.port());
        let caller = Proxy::start(&control.url(), "caller", &[]);
        for proxy in [&gateway, &caller] {
            proxy.addresses.wait_ready();
        }
        Self { control, caller, outside: Application::greeting("outside"), _gateway: (gateway, application) }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.outside.port())
    }

    fn get(&self, host: &str) -> Message {
        get(self.caller.addresses.outbound, host)
    }

    #[track_caller]
    fn assert_refused(&self, host: &str, words: &str) {
        let answer = self.get(host);
        let json = answer.json();
        assert_eq!((answer.status(), &json["error"]), (502, &"destination_not_found".into()), "{json}");
        let detail = json["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{words:?} in {detail:?}");
    }

    #[track_caller]
    fn rule(&self, service: &str, rules: &str) {
        assert_done(&apply(&self.control, &document(service, rules), &["--wait"]));
    }
}

fn get(outbound: SocketAddr, host: &str) -> Message {
    get_with(outbound, host, "/", &[]).unwrap()
}

fn document(service: &str, rules: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Egress\nmetadata: {{name: out}}\nspec:\n  service: \"{service}\"\n{rules}\n"
    )
}

#[test]
fn hosts_are_allowed_refused_and_led_elsewhere_as_rules_say_at_that_moment() {
    let stage = Stage::start();
    let address = stage.address();
    assert_eq!(stage.get(&address).text(), "outside", "without a rule everything may be called");
    let port = stage.outside.port();
    stage.rule(
        "caller",
        &format!(
            r#"
  otherwise: Refuse
  rules:
    - {{name: cache, hosts: [127.0.0.1], ports: [{port}], action: Allow}}
    - {{hosts: ["*.partner.example"], action: Route, to: gateway}}
    - {{name: evil, hosts: ["*.evil.example"], action: Refuse}}"#
        ),
    );
    assert_eq!(stage.get(&address).text(), "outside");
    stage.assert_refused("127.0.0.1:1", "Egress out, of which no rule is about it, refuses it");
    stage.assert_refused(
        "api.evil.example",
        "api.evil.example is outside the mesh, and rule evil of Egress out refuses it",
    );
    stage.assert_refused("partner.example", "refuses it");
    assert_eq!(stage.get("Api.Partner.Example").text(), "gateway for Api.Partner.Example");
    assert_eq!(stage.get("gateway").text(), "gateway for gateway", "services are no hosts outside");
    // What is known of the host from before does not count any more.
    stage.rule("caller", "  otherwise: Refuse");
    stage.assert_refused(&address, "refuses it");
    stage.assert_refused("api.partner.example", "refuses it");
    // Nor does what was refused a moment ago.
    let gone = Process::run(&mut mesher(&stage.control, &["delete", "Egress", "out"]));
    assert_done(&gone);
    mesher_verify::patience::until("the host is reached again", || {
        (stage.get(&address).status() == 200).then_some(())
    });
}

#[test]
fn a_rule_holds_for_the_service_that_calls_and_is_told_by_explain() {
    let stage = Stage::start();
    let other = Proxy::start(&stage.control.url(), "other", &[]);
    other.addresses.wait_ready();
    let address = stage.address();
    stage.rule("caller", "  otherwise: Refuse");
    stage.assert_refused(&address, "refuses it");
    assert_eq!(get(other.addresses.outbound, &address).text(), "outside");
    let arguments = ["explain", "--from", "caller", "--to", &address, "/"];
    let told = Process::run(&mut mesher(&stage.control, &arguments));
    assert_done(&told);
    assert!(told.output.contains("Egress out, of which no rule is about it, refuses it"), "{}", told.output);
    assert!(told.output.contains("said by     Egress out, r1: holds"), "{}", told.output);
    // A caller that begins under a rule knows it before its first call leaves.
    stage.rule("*", "  otherwise: Refuse");
    let late = Proxy::start(&stage.control.url(), "late", &[]);
    late.addresses.wait_ready();
    assert_eq!(get(late.addresses.outbound, &address).status(), 502);
}

#[test]
fn what_is_no_rule_is_refused_where_it_stands() {
    let stage = Stage::start();
    for (rules, words) in [
        ("  rules: []", "missing field `otherwise`"),
        ("  otherwise: Refuse\n  rules: [{hosts: [a.b], action: Route}]", "rule 1: `to` names the service"),
        (
            "  otherwise: Refuse\n  rules: [{hosts: [a.b], action: Allow, to: x}]",
            "rule 1: `to` names the service",
        ),
        ("  otherwise: Refuse\n  rules: [{hosts: [], action: Allow}]", "0 hosts"),
        ("  otherwise: Refuse\n  rules: [{hosts: [\"a.*.b\"], action: Allow}]", "is no host"),
        ("  otherwise: Refuse\n  rules: [{hosts: [\"http://a.b\"], action: Allow}]", "is no host"),
        ("  otherwise: Refuse\n  rules: [{hosts: [a.b], ports: [0], action: Allow}]", "0 is no port"),
        ("  otherwise: Maybe", "unknown variant `Maybe`"),
    ] {
        let ended = apply(&stage.control, &document("caller", rules), &[]);
        assert_eq!(ended.code, BAD_CONFIGURATION, "{rules}: {ended:?}");
        assert!(
            ended.errors.contains(words) && ended.errors.contains("rules.yaml:"),
            "{rules}: {}",
            ended.errors
        );
    }
}

/// The example of the documentation does what stands beside it.
#[test]
fn the_documented_egress_holds() {
    let stage = Stage::start();
    let example = documented("webapp-outside");
    let own =
        example.replace("service: webapp", "service: caller").replace("to: egress-gateway", "to: gateway");
    assert_done(&apply(&stage.control, &own, &["--wait"]));
    assert_eq!(stage.get("api.partner.example").text(), "gateway for api.partner.example");
    stage.assert_refused(
        "api.payments.example:9",
        "Egress webapp-outside, of which no rule is about it, refuses it",
    );
}
