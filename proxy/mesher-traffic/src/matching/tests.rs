//! Every kind of match against calls, the order of rules, and the worst documents that a person can write.
//! It must hold for what is sent: bytes that are no text, names several times, values that are encoded.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mesher_model::rule::Document;
use serde_json::{Value, json};

use super::call::{CallView, Caller, HeadView, Message};
use super::pattern::Pattern;
use crate::{Choice, Policy, PolicyError};

/// What compiling the worst expression may take: it is done while others wait for the control plane. An unoptimised
/// build on a busy machine takes many times what a release takes.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(5);

/// A call of a test.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) fields: Vec<(&'static str, &'static [u8])>,
    pub(super) address: &'static str,
    pub(super) is_flow: bool,
}

impl Call {
    pub(super) fn to(target: &str) -> Self {
        Self {
            method: "GET",
            target: target.to_owned(),
            fields: Vec::new(),
            address: "127.0.0.1",
            is_flow: false,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.fields.push((name, value.as_bytes()));
        self
    }
}

impl HeadView for Call {
    fn message(&self) -> Option<Message<'_>> {
        let message = Message { method: self.method.as_bytes(), path_and_query: self.target.as_bytes() };
        (!self.is_flow).then_some(message)
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.iter().any(|(given, value)| given.eq_ignore_ascii_case(name) && holds(value))
    }

    fn each_name(&self, see: &mut dyn FnMut(&[u8])) {
        self.fields.iter().for_each(|(name, _)| see(name.as_bytes()));
    }

    fn address(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }
}

pub(super) fn route(rules: Value) -> Result<Policy, PolicyError> {
    let document = json!({"apiVersion": "mesher/v1", "kind": "Route", "metadata": {"name": "canary"},
        "spec": {"service": "a", "rules": rules}});
    Policy::compile([&serde_json::from_value::<Document>(document).unwrap()])
}

fn choose(policy: &Policy, call: &Call) -> Option<Choice> {
    seen(call, |view| policy.route.as_ref().unwrap().choose(view, |_| 0))
}

/// A call of version 1.0.0 of `webapp` of the application `shop`.
pub(super) fn seen<R>(call: &Call, look: impl FnOnce(&CallView<'_>) -> R) -> R {
    let properties = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    let caller = Caller { service: "webapp", application: "shop", version: "1.0.0", properties: &properties };
    look(&CallView { head: call, caller })
}

#[track_caller]
fn assert_holds(part: Value, calls: &[(Call, bool)]) {
    let policy = route(json!([{"matches": [part], "backends": [{}]}])).unwrap();
    for (call, expected) in calls {
        let words = format!("{part}: {} {} {:?}", call.method, call.target, call.fields);
        assert_eq!(choose(&policy, call).is_some(), *expected, "{words}");
    }
}

#[test]
fn paths_are_compared_as_they_were_sent_and_by_segments() {
    let to = Call::to;
    let path = |kind: &str, value: &str| json!({"path": {"type": kind, "value": value}});
    let exact = [("/a/b", true), ("/a/b?c=d", true), ("/a/b/", false), ("/a/B", false), ("/a/%62", false)];
    assert_holds(path("Exact", "/a/b"), &exact.map(|(target, expected)| (to(target), expected)));
    let prefix = [
        ("/api", true),
        ("/api/", true),
        ("/api/v1?x", true),
        ("/api?x", true),
        ("/apiv1", false),
        ("/", false),
    ];
    for value in ["/api", "/api/"] {
        assert_holds(path("PathPrefix", value), &prefix.map(|(target, expected)| (to(target), expected)));
    }
    let every = [("/", true), ("/x", true), ("", true), ("?x=y", true), ("*", false)];
    assert_holds(path("PathPrefix", "/"), &every.map(|(target, expected)| (to(target), expected)));
    let template = [
        ("/users/7/orders", true),
        ("/users/a%2Fb/orders?x=/", true),
        ("/users//orders", false),
        ("/users/7/8/orders", false),
        ("/users/7/orders/", false),
        ("/users/7", false),
        ("/Users/7/orders", false),
    ];
    assert_holds(
        path("Template", "/users/{id}/orders"),
        &template.map(|(target, expected)| (to(target), expected)),
    );
    let pattern =
        [("/v1/x", true), ("/v12/x?y", true), ("/v1/x/y", false), ("/av1/x", false), ("/v/x", false)];
    assert_holds(
        path("RegularExpression", "/v[0-9]+/[^/]*"),
        &pattern.map(|(target, expected)| (to(target), expected)),
    );
}

#[test]
fn methods_tell_capitals_from_small_letters() {
    let with = |method| Call { method, ..Call::to("/") };
    assert_holds(
        json!({"method": "GET"}),
        &[(with("GET"), true), (with("get"), false), (with("HEAD"), false), (with("GETS"), false)],
    );
}

#[test]
fn values_are_compared_in_every_way() {
    let none = || Call::to("/");
    let with = |value| Call::to("/").with("X-Value", value);
    let header =
        |kind: &str, value: &str| json!({"headers": [{"name": "x-vALUE", "type": kind, "value": value}]});
    for (kind, value, holding, failing) in [
        ("Exact", "jason", vec!["jason"], vec!["Jason", "jason ", "jasonx", ""]),
        ("Exact", "", vec![""], vec!["x"]),
        ("Prefix", "ja", vec!["ja", "jason"], vec!["Ja", "j", "xja"]),
        ("Suffix", "on", vec!["on", "jason"], vec!["ON", "one"]),
        ("RegularExpression", "ja|son", vec!["ja", "son"], vec!["jason", "xja", "sonx", ""]),
        ("RegularExpression", "(?i)admin", vec!["admin", "ADMIN"], vec!["admins", "xadmin"]),
        ("RegularExpression", "a*", vec!["", "aaa"], vec!["aab"]),
        ("RegularExpression", "x?$", vec!["x", ""], vec!["x\n", "y"]),
        (
            "Greater",
            "18",
            vec!["19", "18.001", "1800"],
            vec!["18", "018.0", "-19", "", "x19", "19x", "1e9", "NaN"],
        ),
        ("GreaterOrEqual", "18", vec!["18", "18.0", "0018", "19"], vec!["17.999", "-18"]),
        ("Less", "-0.5", vec!["-0.51", "-1", "-99999999999999999999999"], vec!["-0.5", "-0.50", "0", "1"]),
        ("LessOrEqual", "0", vec!["0", "-0", "-0.0", "-1"], vec!["0.000000000000000000001", "+0"]),
    ] {
        assert_holds(header(kind, value), &[(none(), false)]);
        let calls = holding.into_iter().map(|value| (with(value), true));
        let calls: Vec<_> = calls.chain(failing.into_iter().map(|value| (with(value), false))).collect();
        assert_holds(header(kind, value), &calls);
        let negated = json!({"headers": [{"name": "x-value", "type": kind, "value": value, "not": true}]});
        let turned: Vec<_> = calls.iter().map(|(call, expected)| (call.clone(), !expected)).collect();
        assert_holds(negated.clone(), &turned);
        assert_holds(negated, &[(none(), true)]);
    }
    let presence = |kind: &str, not| json!({"headers": [{"name": "x-value", "type": kind, "not": not}]});
    for (kind, not, is_there) in
        [("Present", false, true), ("Present", true, false), ("Absent", false, false), ("Absent", true, true)]
    {
        assert_holds(presence(kind, not), &[(with(""), is_there), (none(), !is_there)]);
    }
}

#[test]
fn of_several_values_one_has_to_fit_whatever_their_order() {
    let roles = |one, other| Call::to("/").with("x-role", one).with("X-ROLE", other);
    let both = [roles("user", "admin"), roles("admin", "user")];
    let field = |not| json!({"headers": [{"name": "x-role", "value": "admin", "not": not}]});
    assert_holds(field(false), &both.clone().map(|call| (call, true)));
    assert_holds(field(true), &both.map(|call| (call, false)));
}

#[test]
fn bytes_that_are_no_text_are_compared_as_bytes() {
    let odd = Call { fields: vec![("x-value", b"a\xff\x80b".as_slice())], ..Call::to("/") };
    let header =
        |kind: &str, value: &str| json!({"headers": [{"name": "x-value", "type": kind, "value": value}]});
    assert_holds(header("Prefix", "a"), &[(odd.clone(), true)]);
    assert_holds(header("RegularExpression", "a..b"), &[(odd.clone(), true)]);
    assert_holds(header("RegularExpression", "[ -~]*"), &[(odd, false)]);
    let text = Call::to("/").with("x-value", "grün");
    assert_holds(header("RegularExpression", "gr(ün|une)"), &[(text, true)]);
}

#[test]
fn parameters_are_compared_decoded() {
    let field = |name: &str, value: &str| json!({"queryParams": [{"name": name, "value": value}]});
    let calls = |targets: &[(&str, bool)]| -> Vec<_> {
        targets.iter().map(|(target, expected)| (Call::to(target), *expected)).collect()
    };
    assert_holds(
        field("user", "a b"),
        &calls(&[
            ("/?user=a+b", true),
            ("/?x&user=a%20b&y=", true),
            ("/?%75ser=a%20b", true),
            ("/?user=other&user=a+b", true),
            ("/?user=a%2520b", false),
            ("/?User=a+b", false),
            ("/user=a+b", false),
            ("/?user", false),
            ("/", false),
        ]),
    );
    assert_holds(
        field("q", "100%"),
        &calls(&[("/?q=100%", true), ("/?q=100%25", true), ("/?q=100%2", false)]),
    );
    assert_holds(field("q", "ä=?"), &calls(&[("/?q=%C3%a4=?", true), ("/?q=%c3%A4%3D%3f", true)]));
    let present = json!({"queryParams": [{"name": "debug", "type": "Present"}]});
    assert_holds(
        present,
        &calls(&[("/?debug", true), ("/?debug=", true), ("/?debugger", false), ("/?&&", false)]),
    );
    let number = json!({"queryParams": [{"name": "n", "type": "Less", "value": "5"}]});
    assert_holds(number, &calls(&[("/?n=%34", true), ("/?n=6", false)]));
}

#[test]
fn cookies_are_found_in_every_field() {
    let field = json!({"cookies": [{"name": "group", "type": "Prefix", "value": "beta"}]});
    let call = Call::to("/");
    assert_holds(
        field,
        &[
            (call.clone().with("Cookie", "group=beta-2"), true),
            (call.clone().with("cookie", "a=b; group=beta;c"), true),
            (call.clone().with("Cookie", "a=b").with("Cookie", "group=beta"), true),
            (call.clone().with("Cookie", "Group=beta"), false),
            (call.clone().with("Cookie", "xgroup=beta"), false),
            (call.clone().with("Cookie", "x=group=beta"), false),
            (call.clone().with("Cookie", "group"), false),
            (call.clone().with("group", "beta"), false),
            (call, false),
        ],
    );
    let absent = json!({"cookies": [{"name": "s", "type": "Absent"}]});
    assert_holds(absent, &[(Call::to("/"), true), (Call::to("/").with("cookie", "s="), false)]);
}

#[test]
fn the_caller_is_what_the_proxy_knows_of_it() {
    let source = |part: Value| json!({"source": part});
    for (part, expected) in [
        (json!({"service": "webapp"}), true),
        (json!({"service": "web"}), false),
        (json!({"application": "shop", "version": "1.0.0"}), true),
        (json!({"application": "shop", "version": "1.0.1"}), false),
        (json!({"properties": {"team": "blue"}}), true),
        (json!({"properties": {"team": "red"}}), false),
        (json!({"properties": {"team": "blue", "zone": "x"}}), false),
        (json!({"address": "127.0.0.0/8"}), true),
        (json!({"address": "10.0.0.0/8"}), false),
    ] {
        assert_holds(source(part), &[(Call::to("/"), expected)]);
    }
}

#[test]
fn all_parts_of_a_match_hold_and_one_match_of_a_rule() {
    let matches = json!([
        {"method": "GET", "path": {"value": "/a"}, "headers": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}]},
        {"method": "PUT"}]);
    let policy = route(json!([{"matches": matches, "backends": [{}]}])).unwrap();
    let whole = Call::to("/a").with("x", "1").with("y", "2");
    assert!(choose(&policy, &whole).is_some());
    assert!(choose(&policy, &Call { target: "/b".to_owned(), ..whole.clone() }).is_none());
    assert!(choose(&policy, &Call { method: "POST", ..whole.clone() }).is_none());
    assert!(choose(&policy, &Call::to("/a").with("x", "1")).is_none());
    assert!(choose(&policy, &Call { method: "PUT", ..Call::to("/") }).is_some());
}

/// A flow of bytes has no head: what asks for a part of one is not about it, also where it asks that it is not there.
#[test]
fn a_flow_is_matched_by_its_caller_only() {
    let flow = || Call { is_flow: true, ..Call::to("") };
    assert_holds(json!({"source": {"service": "webapp"}}), &[(flow(), true)]);
    for part in [
        json!({"path": {"value": "/"}}),
        json!({"source": {"service": "webapp"}, "headers": [{"name": "x", "type": "Absent"}]}),
        json!({"queryParams": [{"name": "x", "value": "y", "not": true}]}),
    ] {
        assert_holds(part, &[(flow(), false)]);
    }
}

#[test]
fn the_first_rule_that_is_about_a_call_decides() {
    let number = |place: usize| format!("{place}.0");
    let rules: Vec<_> = (0..64)
        .map(|place| {
            json!({"matches": [{"headers": [{"name": "x-n", "type": "GreaterOrEqual", "value": (63 - place).to_string()}]}],
                "backends": [{"subset": {"version": number(place)}}]})
        })
        .collect();
    let policy = route(json!(rules)).unwrap();
    let decided = |value| choose(&policy, &Call::to("/").with("x-n", value)).map(|choice| choice.rule);
    assert_eq!(
        [decided("99"), decided("63"), decided("62.5"), decided("7"), decided("0")],
        [0, 0, 1, 56, 63].map(Some)
    );
    assert_eq!(decided("-1"), None, "no rule is about it: any instance takes it");
    let last = choose(&policy, &Call::to("/").with("x-n", "0")).unwrap();
    let route = policy.route.as_ref().unwrap();
    assert_eq!((route.subset_words(last).as_str(), route.rule_name(last.rule)), ("version 63.0", "64"));
}

#[test]
fn a_rule_without_matches_takes_what_is_left() {
    let policy = route(json!([
        {"name": "beta", "matches": [{"headers": [{"name": "x-beta", "type": "Present"}]}],
         "backends": [{"subset": {"version": "2"}}], "fallback": "Any"},
        {"backends": [{"subset": {"version": "1"}}, {"subset": {"version": "2"}}]},
        {"name": "never", "matches": [{"method": "GET"}], "backends": [{"subset": {"version": "3"}}]}]))
    .unwrap();
    let [beta, other] =
        [Call::to("/").with("X-Beta", ""), Call::to("/")].map(|call| choose(&policy, &call).unwrap());
    assert_eq!((beta.rule, other.rule), (0, 1));
    let route = policy.route.as_ref().unwrap();
    assert_eq!(route.portions().len(), 3, "each once");
    assert_eq!([0, 1].map(|rule| format!("{:?}", route.fallback(rule))), ["Any", "None"]);
    assert_eq!(route.rule_names().collect::<Vec<_>>(), ["beta", "2", "never"]);
}

fn refusal(rules: Value) -> String {
    route(rules).unwrap_err().to_string()
}

#[test]
fn a_bad_expression_is_refused_by_document_rule_and_place() {
    let header =
        |value: &str| json!({"headers": [{"name": "X-User", "type": "RegularExpression", "value": value}]});
    let rule = |value: &str| json!([{"backends": [{}]}, {"name": "beta", "matches": [{"method": "GET"}, header(value)], "backends": [{}]}]);
    for (value, words) in [
        ("(a", "unclosed group"),
        ("a)b", "unopened group"),
        ("[z-a]", "invalid character class range"),
        ("*", "repetition operator missing expression"),
        (r"(a)\1", "backreferences are not supported"),
        ("(?=a)", "look-around"),
        (r"\p{Greek}", "Unicode"),
        ("a{1000}{1000}", "more than 256 KiB"),
    ] {
        let refusal = refusal(rule(value));
        let place = "Route \"canary\", rule beta, match 2, headers \"X-User\": ";
        assert!(refusal.starts_with(place) && refusal.contains(words), "{refusal}");
        assert!(!refusal.contains('\n'), "one line: {refusal}");
    }
    let path =
        json!([{"matches": [{"path": {"type": "RegularExpression", "value": "("}}], "backends": [{}]}]);
    assert!(
        refusal(path).starts_with("Route \"canary\", rule 1, match 1, path: \"(\" is no regular expression")
    );
}

/// HD-14, CF-08: whatever a person writes is refused soon, or decides every value in time that grows with its length.
#[test]
fn hd_14_the_worst_expressions_are_refused_or_linear() {
    let nested = |open: &str, close: &str, depth| format!("{}a{}", open.repeat(depth), close.repeat(depth));
    let expressions = [
        "(a+)+$".to_owned(),
        "(a|a)*b".to_owned(),
        "(a|aa)+".to_owned(),
        "(.*)*(.*)*(.*)*x".to_owned(),
        "(a?){50}a{50}".to_owned(),
        "a{1,1024}".to_owned(),
        "((a{0,100}){0,100}){0,100}".to_owned(),
        "(a|b)*a(a|b){9}".to_owned(),
        "(a|b)*a(a|b){20}".to_owned(),
        "(.*a.{100}){10}".to_owned(),
        "(?:){4294967295}".to_owned(),
        "(?:){1000}{1000}{1000}".to_owned(),
        "((?:){1000}|a){1000}".to_owned(),
        nested("(", ")", 49),
        nested("(", ")", 500),
        nested("(", ")*", 40),
        "(x|".repeat(100) + "a" + &")".repeat(100),
        "[^ab]{1000}".to_owned(),
        "(.|a|b|c|d){300}x".to_owned(),
        "a?b?c?d?e?f?g?h?".repeat(60),
        "(a|b|c|d|e|f)?".repeat(70),
        "(ab?|c*d|.{2,5}e)*".repeat(50),
        r"(?i)(\w+\s?)*\b".repeat(60),
    ];
    let (short, long) = ("a".repeat(1 << 14) + "!", "a".repeat(1 << 18) + "!");
    for expression in expressions {
        assert!(expression.len() <= 1024, "a document can hold it: {expression}");
        let began = Instant::now();
        let compiled = Pattern::compile(&expression);
        let compiling = began.elapsed();
        assert!(compiling < COMPILE_TIME_MAX, "{expression}: {compiling:?}");
        let Ok(pattern) = compiled else { continue };
        assert!(
            pattern.bytes() <= super::pattern::PATTERN_BYTES_MAX * 2,
            "{expression}: {} bytes",
            pattern.bytes()
        );
        pattern.fits(short.as_bytes());
        let bound = Duration::from_secs(2);
        let mut quickest = Duration::MAX;
        // Others share the processor: one of a few has to be quick.
        for _ in 0..5 {
            let began = Instant::now();
            pattern.fits(long.as_bytes());
            quickest = quickest.min(began.elapsed());
            if quickest < bound {
                break;
            }
        }
        assert!(quickest < bound, "{expression}: {quickest:?}");
    }
}

#[test]
fn expressions_of_one_route_have_a_bound_together() {
    let part = |place: usize| json!({"path": {"type": "RegularExpression", "value": format!("(a|b)*a(a|b){{10}}{place}")}});
    let rules = |count: usize| -> Vec<_> {
        (0..count).map(|place| json!({"matches": [part(place)], "backends": [{}]})).collect()
    };
    assert!(route(json!(rules(2))).is_ok());
    let refusal = refusal(json!(rules(60)));
    assert!(refusal.contains("more than 1024 KiB together"), "{refusal}");
}
