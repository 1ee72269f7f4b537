//! Rules as Go Chassis and the Go Mesher read them (mesher-behaviour §3.1 to §3.6, control-plane-api §4.4).
//! It must hold their meaning, and where it differs on purpose, the one that `docs/deviations.md` lists.

use super::{assert_shares, assert_takes, call, good, read, rules_of, takers, told, with};

const ORDERS: &[&str] = &["2.0.0", "2.1.0", "2.1.0/blue"];

/// §3.2, the first example: canary by header, a split, everything else.
const CANARY: &str = r#"
- precedence: 30
  match:
    headers:
      X-User-Tier: {exact: gold, caseInsensitive: "true"}
      X-Age: {noLess: "18", less: "65"}
  route:
    - weight: 100
      tags: {version: 2.1.0}
- precedence: 20
  match:
    source: web-shop
    sourceTags: {app: default}
  route:
    - weight: 80
      tags: {version: 2.0.0}
    - weight: 20
      tags: {version: 2.1.0, zone: blue}
- precedence: 10
  route:
    - weight: 100
      tags: {version: 2.0.0}
"#;

#[test]
fn a_canary_by_header_then_a_split_then_all_others() {
    let rules = rules_of(CANARY);
    let other = |call: super::Call| call.from("batch", "default", "1.0.0");
    let new: &[&str] = &["2.1.0", "2.1.0/blue"];
    for tier in ["gold", "GOLD", "Gold"] {
        assert_takes(&rules, ORDERS, &with("x-user-tier", tier).and("X-AGE", "18"), new);
    }
    for (tier, age) in
        [("gold", "17"), ("gold", "65"), ("gold", "young"), ("silver", "30"), ("goldfish", "30")]
    {
        assert_takes(&rules, ORDERS, &other(with("X-User-Tier", tier).and("X-Age", age)), &["2.0.0"]);
    }
    assert_takes(&rules, ORDERS, &other(with("X-User-Tier", "gold")), &["2.0.0"]);
    assert_shares(&rules, ORDERS, &call("/"), &[(&["2.0.0"], 80), (&["2.1.0/blue"], 20)]);
    assert_takes(&rules, ORDERS, &call("/").from("web-shop", "other", "1.0.0"), &["2.0.0"]);
}

/// §3.2, the second example: D1, whose templates stand beside the rules.
#[test]
fn a_rule_refers_to_a_source_template() {
    let template =
        "{source: web-shop, sourceTags: {version: 1.0.0}, httpHeaders: {X-User-Tier: {exact: gold}}}";
    let route = r#"
- precedence: 2
  match: {refer: gold-shop}
  route:
    - tags: {version: "2.1.0"}
      weight: 100
- precedence: 1
  route:
    - tags: {version: "2.0.0"}
      weight: 100
"#;
    let gold = with("X-User-Tier", "gold");
    for [template_key, route_key] in [
        ["sourceTemplate.gold-shop", "routeRule.order-service"],
        ["servicecomb.sourceTemplate.gold-shop", "servicecomb.routeRule.order-service"],
        ["cse.sourceTemplate.gold-shop", "cse.routeRule.order-service"],
    ] {
        let rules = good(&[(template_key, template), (route_key, route)]);
        assert_takes(&rules, ORDERS, &gold, &["2.1.0", "2.1.0/blue"]);
        for other in [
            call("/"),
            gold.clone().from("web-shop", "default", "1.0.1"),
            gold.clone().from("batch", "default", "1.0.0"),
        ] {
            assert_takes(&rules, ORDERS, &other, &["2.0.0"]);
        }
    }
}

/// §3.2, the third example: path and method by a traffic marker.
#[test]
fn a_rule_refers_to_a_traffic_marker() {
    let marker =
        "matches:\n  - apiPath: {contains: /orders}\n    method: [POST, PUT]\n    trafficMarkPolicy: once\n";
    let route =
        "- precedence: 5\n  match: {refer: write-calls}\n  route: [{weight: 100, tags: {version: 2.0.0}}]\n";
    for key in ["servicecomb.match.write-calls", "servicecomb.matchGroup.write-calls"] {
        let rules = good(&[(key, marker), ("servicecomb.routeRule.order-service", route)]);
        for call in [call("/v1/orders/7?x=y").by("POST"), call("/orders").by("PUT")] {
            assert_takes(&rules, ORDERS, &call, &["2.0.0"]);
        }
        for call in [call("/orders"), call("/order").by("POST"), call("/x?y=/orders").by("POST")] {
            assert_takes(&rules, ORDERS, &call, ORDERS);
        }
    }
    // Go's other word has exactly three parts.
    let rules =
        read(&[("servicecomb.match.a.write-calls", marker), ("servicecomb.routeRule.order-service", route)]);
    assert!(told(&rules).contains("no key servicecomb.matchGroup.write-calls is there"), "{}", told(&rules));
}

fn by(matching: &str) -> String {
    format!("- {{precedence: 1, match: {matching}, route: [{{weight: 100, tags: {{version: 2.0.0}}}}]}}")
}

/// §3.3: each operator, and what becomes of a field that is not there.
#[test]
fn operators_compare_as_go_does() {
    for (test, fits, others) in [
        ("{exact: a}", &["a"][..], &["A", "ab", ""][..]),
        ("{exact: 'A', caseInsensitive: 'true'}", &["a", "A"], &["b"]),
        ("{exact: a, caseInsensitive: 'false'}", &["a"], &["A"]),
        ("{contains: b.d}", &["ab.de", "b.d"], &["bd", "abxde"]),
        ("{contains: B, caseInsensitive: true}", &["abc", "B"], &["ac"]),
        ("{regex: 'a.*d'}", &["ad", "abcd"], &["xad", "adx"]),
        ("{regex: '[a-c]+', caseInsensitive: 'true'}", &["abc", "ABC"], &["d"]),
        ("{noEqu: a}", &["b", "A", ""], &["a"]),
        ("{noEqu: a, caseInsensitive: 'true'}", &["b"], &["a", "A"]),
        ("{greater: 5}", &["6", "10"], &["5", "4", "x", ""]),
        ("{less: 5}", &["4", "-6"], &["5", "x"]),
        ("{noLess: 5}", &["5", "6"], &["4", "x"]),
        ("{noGreater: 5}", &["5", "4"], &["6", "x"]),
        ("{noLess: 18, less: 65}", &["18", "64"], &["17", "65"]),
    ] {
        for place in ["headers", "httpHeaders"] {
            let rules = rules_of(&by(&format!("{{{place}: {{x-value: {test}}}}}")));
            for value in fits {
                assert_takes(&rules, ORDERS, &with("X-Value", value), &["2.0.0"]);
            }
            for value in others {
                assert_takes(&rules, ORDERS, &with("X-Value", value), ORDERS);
            }
        }
    }
    let missing =
        |test: &str| takers(&rules_of(&by(&format!("{{headers: {{x: {test}}}}}"))), ORDERS, &call("/"), 0);
    assert_eq!(missing("{noEqu: foo}"), ["2.0.0"], "what is not there is not foo");
    assert_eq!(missing("{exact: ''}"), ORDERS, "Java's meaning: what is not there is not empty");
    assert_eq!(missing("{regex: '.*'}"), ORDERS);
    // Both maps are looked at, and all fields in them.
    let rules =
        rules_of(&by("{headers: {a: {exact: '1'}, b: {exact: '2'}}, httpHeaders: {c: {exact: '3'}}}"));
    assert_takes(&rules, ORDERS, &with("a", "1").and("b", "2").and("c", "3"), &["2.0.0"]);
    assert_takes(&rules, ORDERS, &with("a", "1").and("b", "2"), ORDERS);
}

#[test]
fn rules_are_tried_from_the_highest_precedence_and_equal_ones_as_they_stand() {
    let rule = |precedence: &str, version: &str| {
        format!("- {{{precedence}route: [{{weight: 100, tags: {{version: {version}}}}}]}}\n")
    };
    for (rules, version) in [
        (rule("precedence: 1, ", "2.0.0") + &rule("precedence: 2, ", "2.1.0"), "2.1.0"),
        (rule("precedence: 2, ", "2.0.0") + &rule("precedence: 1, ", "2.1.0"), "2.0.0"),
        (rule("precedence: 2, ", "2.0.0") + &rule("precedence: 2, ", "2.1.0"), "2.0.0"),
        (rule("", "2.0.0") + &rule("precedence: -1, ", "2.1.0"), "2.0.0"),
    ] {
        assert_takes(&rules_of(&rules), &["2.0.0", "2.1.0"], &call("/"), &[version]);
    }
}

/// §3.3: `sourceTags` alone match every call there; here they match the callers that they name.
#[test]
fn source_tags_name_callers() {
    for (matching, service, application, version, fits) in [
        ("{sourceTags: {version: 1.0.0}}", "a", "default", "1.0.0", true),
        ("{sourceTags: {version: 1.0.0}}", "a", "default", "1.0.1", false),
        ("{sourceTags: {app: shop}}", "a", "shop", "1", true),
        ("{sourceTags: {app: shop}}", "a", "default", "1", false),
        ("{sourceTags: {team: blue}}", "a", "default", "1", true),
        ("{sourceTags: {team: red}}", "a", "default", "1", false),
        ("{source: a, sourceTags: {team: blue}}", "a", "default", "1", true),
        ("{source: b, sourceTags: {team: blue}}", "a", "default", "1", false),
        ("{source: ''}", "a", "default", "1", true),
        ("{}", "a", "default", "1", true),
    ] {
        let expected = if fits { &["2.0.0"][..] } else { ORDERS };
        let call = call("/").from(service, application, version);
        assert_takes(&rules_of(&by(matching)), ORDERS, &call, expected);
    }
}

/// §3.4: weights, with Java's meaning where the two differ.
#[test]
fn weights_share_calls_out() {
    const THREE: &[&str] = &["1", "2", "3"];
    let rules = |route: &str| read(&[("servicecomb.routeRule.order-service", &format!("- route: {route}"))]);
    let of = |weights: &[u32]| {
        let shares = weights
            .iter()
            .enumerate()
            .map(|(place, weight)| format!("{{weight: {weight}, tags: {{version: '{}'}}}}", place + 1));
        rules(&format!("[{}]", shares.collect::<Vec<_>>().join(", ")))
    };
    assert_shares(&of(&[80, 20]), THREE, &call("/"), &[(&["1"], 80), (&["2"], 20)]);
    // Less than a hundred: the instances that no tags name take what is left.
    assert_shares(&of(&[30]), THREE, &call("/"), &[(&["1"], 30), (&["2", "3"], 70)]);
    assert_shares(&of(&[0, 100]), THREE, &call("/"), &[(&["2"], 100)]);
    assert_takes(&of(&[0]), THREE, &call("/"), &["2", "3"]);
    // More than a hundred: in proportion, and told.
    let more = of(&[100, 100]);
    assert_shares(&more, THREE, &call("/"), &[(&["1"], 50), (&["2"], 50)]);
    assert!(told(&more).contains("the weights make 200 and not 100"), "{}", told(&more));
    // A share without a weight has none in Go and ends the call in Java.
    let none = rules("[{tags: {version: '1'}}]");
    assert!(none.is_empty() && told(&none).contains("a share without a weight"), "{}", told(&none));
    let text = rules("[{weight: '60', tags: {version: '1'}}, {weight: 40, tags: {version: '2'}}]");
    assert_shares(&text, THREE, &call("/"), &[(&["1"], 60), (&["2"], 40)]);
}

/// §3.5: tags and what instances have.
#[test]
fn tags_name_instances() {
    const ALL: &[&str] = &["0.9", "1.10.0", "1.9.0", "1.10/blue", "snapshot", "0.0.0"];
    let rules = |tags: &str| {
        read(&[("servicecomb.routeRule.order-service", &format!("- route: [{{weight: 100, tags: {tags}}}]"))])
    };
    for (tags, expected) in [
        ("{version: 1.9.0}", &["1.9.0"][..]),
        ("{version: 0.9, app: default}", &["0.9"]),
        ("{zone: blue}", &["1.10/blue"]),
        ("{version: latest}", &["1.10.0", "1.10/blue"]),
        ("{version: latest, zone: blue}", &["1.10/blue"]),
        ("{version: snapshot}", &["snapshot"]),
        ("{}", ALL),
    ] {
        let rules = rules(tags);
        assert_eq!(rules.problems, Vec::<String>::new());
        assert_takes(&rules, ALL, &call("/"), expected);
    }
    let other = rules("{version: 0.9, app: bank}");
    assert!(other.is_empty() && told(&other).contains("call SERVICE.bank.app"), "{}", told(&other));
}

/// §3.6, with Java's meaning: who is there takes the call where nobody has the tags.
#[test]
fn where_nothing_matches_or_nobody_is_there_any_instance_takes_the_call() {
    assert_takes(&good(&[]), ORDERS, &call("/"), ORDERS);
    assert_takes(&rules_of(&by("{headers: {x: {exact: y}}}")), ORDERS, &call("/"), ORDERS);
    assert_takes(&rules_of(&by("{}")), &["3.0.0", "4.0.0"], &call("/"), &["3.0.0", "4.0.0"]);
}
