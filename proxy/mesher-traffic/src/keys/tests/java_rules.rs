//! Rules as Java Chassis reads them (control-plane-api §4.1, §4.3, §11.7; mesher-behaviour §3.8).
//! It must hold their meaning; `docs/deviations.md` lists what differs.

use super::{assert_shares, assert_takes, call, good, read, rules_of, told, with};

const PAY: &[&str] = &["1.0.0", "2.0.0"];

/// §11.7: grey release.
#[test]
fn a_grey_release() {
    let rules = rules_of(
        "- precedence: 2
  match: {headers: {userType: {exact: vip}}}
  route: [{weight: 100, tags: {version: 2.0.0}}]
- precedence: 1
  route: [{weight: 90, tags: {version: 1.0.0}}, {weight: 10, tags: {version: 2.0.0}}]
",
    );
    assert_takes(&rules, PAY, &with("usertype", "vip"), &["2.0.0"]);
    assert_shares(&rules, PAY, &call("/"), &[(&["1.0.0"], 90), (&["2.0.0"], 10)]);
    assert_shares(&rules, PAY, &with("userType", "VIP"), &[(&["1.0.0"], 90), (&["2.0.0"], 10)]);
}

/// §4.3: the flat matcher of Java Chassis 3.
#[test]
fn a_rule_asks_for_path_method_header_and_query() {
    let rules = rules_of(
        r#"- precedence: 2
  match:
    headers: {userId: {exact: "123"}}
    apiPath: {prefix: "/order"}
    method: [GET]
    queries: {debug: {exact: "1"}}
  route:
    - weight: 80
      tags: {version: 1.0.0}
    - weight: 20
      tags: {version: 2.0.0}
  fallback: [{weight: 100, tags: {version: 1.0.0}}]
  emptyProtection: true
"#,
    );
    let all = call("/orders?debug=1").and("userid", "123");
    assert_shares(&rules, PAY, &all, &[(&["1.0.0"], 80), (&["2.0.0"], 20)]);
    for other in [
        call("/orders?debug=1"),
        all.clone().by("POST"),
        call("/v1/order?debug=1").and("userId", "123"),
        call("/order").and("userId", "123"),
        call("/order?debug=2").and("userId", "123"),
    ] {
        assert_takes(&rules, PAY, &other, PAY);
    }
    // What the second version is not there for goes to the reserve.
    assert_takes(&rules, &["1.0.0", "3.0.0"], &all, &["1.0.0"]);
    assert_takes(&rules, &["3.0.0"], &all, &["3.0.0"]);
}

/// §4.3, as Java Chassis 2 writes a match.
#[test]
fn a_rule_of_the_second_generation_names_its_caller() {
    let rules = rules_of(
        "- match: {source: caller, sourceTags: {team: blue}, headers: {h: {exact: v, caseInsensitive: \"false\"}}}
  route: [{weight: 100, tags: {version: 2.0.0}}]
",
    );
    let from_caller = with("h", "v").from("caller", "default", "1");
    assert_takes(&rules, PAY, &from_caller, &["2.0.0"]);
    for other in [with("h", "v"), with("h", "V").from("caller", "default", "1")] {
        assert_takes(&rules, PAY, &other, PAY);
    }
    let expression = rules_of(
        "- {match: {headers: {h: {regex: '1[0-9]*'}}}, route: [{weight: 100, tags: {version: 2.0.0}}]}",
    );
    assert_takes(&expression, PAY, &with("h", "10"), &["2.0.0"]);
    assert_takes(&expression, PAY, &with("h", "210"), PAY);
}

/// §4.1: operators of one field all have to hold.
#[test]
fn operators_compare_as_java_does() {
    for (test, fits, others) in [
        ("{prefix: 'cn-'}", &["cn-north"][..], &["de-cn-", "CN-north"][..]),
        ("{suffix: north}", &["cn-north"], &["north-1"]),
        ("{prefix: a, suffix: z}", &["az", "a-z"], &["a", "z"]),
        ("{compare: '>1'}", &["2", "1.5"], &["1", "0", "x", ""]),
        ("{compare: '<1'}", &["0.9", "-3"], &["1", "x"]),
        ("{compare: '=1'}", &["1", "1.0", "01"], &["1.1", "x"]),
        ("{compare: '>=1'}", &["1", "2"], &["0.99", "x"]),
        ("{compare: '<=1'}", &["1", "0"], &["1.01", "x"]),
        ("{compare: '!1'}", &["2", "0"], &["1", "1.0", "x", ""]),
        ("{compare: '!=1'}", &["2", "0"], &["1", "x"]),
        ("{compare: '>-1.5', prefix: '1'}", &["1", "10"], &["2", "-1"]),
    ] {
        let rules = rules_of(&format!(
            "- {{match: {{headers: {{v: {test}}}}}, route: [{{weight: 100, tags: {{version: 2.0.0}}}}]}}"
        ));
        for value in fits {
            assert_takes(&rules, PAY, &with("V", value), &["2.0.0"]);
        }
        for value in others {
            assert_takes(&rules, PAY, &with("V", value), PAY);
        }
        assert_takes(&rules, PAY, &call("/"), PAY);
    }
}

/// §4.1: a path is compared as text; all operators on it hold.
#[test]
fn paths_are_compared_as_text() {
    for (test, fits, others) in [
        ("{exact: /user/login}", &["/user/login", "/user/login?x=y"][..], &["/user/login/", "/user"][..]),
        ("{prefix: /a.b}", &["/a.b", "/a.bc/d"], &["/axb", "/x/a.b"]),
        ("{suffix: .json}", &["/x.json", "/.json?a"], &["/json", "/x.json5"]),
        ("{contains: /v2/}", &["/api/v2/x"], &["/api/v2"]),
        ("{prefix: /a, suffix: c, contains: b}", &["/abc", "/a/b/c"], &["/ac", "/ab", "/bc"]),
        ("{prefix: /a, noEqu: /abc}", &["/ab"], &["/abc", "/x"]),
        ("{regex: '/u/[0-9]+'}", &["/u/12"], &["/u/12/x", "/u/x"]),
    ] {
        let rules = rules_of(&format!(
            "- {{match: {{apiPath: {test}}}, route: [{{weight: 100, tags: {{version: 2.0.0}}}}]}}"
        ));
        for target in fits {
            assert_takes(&rules, PAY, &call(target), &["2.0.0"]);
        }
        for target in others {
            assert_takes(&rules, PAY, &call(target), PAY);
        }
    }
}

/// §4.1: the example of a match group, with what can stand beside it.
#[test]
fn a_rule_refers_to_a_match_group() {
    let group = r#"
matches:
  - name: m1
    apiPath: {exact: "/user/login"}
    method: [POST]
    headers: {region: {prefix: "cn-"}}
    queries: {debug: {exact: "1"}}
    serviceName: order-service
  - name: m2
    headers: {tier: {noEqu: gold}}
"#;
    let route = "- {match: {refer: userLogin}, route: [{weight: 100, tags: {version: 2.0.0}}]}";
    let with_group = |group: &str| {
        good(&[("servicecomb.matchGroup.userLogin", group), ("servicecomb.routeRule.order-service", route)])
    };
    let rules = with_group(group);
    let first = call("/user/login?debug=1").by("POST").and("region", "cn-north");
    assert_takes(&rules, PAY, &first, &["2.0.0"]);
    assert_takes(&rules, PAY, &with("tier", "silver"), &["2.0.0"]);
    for other in [first.clone().by("GET"), call("/"), with("tier", "gold")] {
        assert_takes(&rules, PAY, &other, PAY);
    }
    // Of another service: never. Only for some callers: for those.
    let rules = with_group(&group.replace("order-service", "pay"));
    assert_takes(&rules, PAY, &first, PAY);
    let rules = with_group(&format!("{group}services: \"batch, web-shop:1.0.0\"\n"));
    for (service, version, fits) in
        [("batch", "7", true), ("web-shop", "1.0.0", true), ("web-shop", "2", false), ("a", "1.0.0", false)]
    {
        let call = with("tier", "silver").from(service, "default", version);
        assert_takes(&rules, PAY, &call, if fits { &["2.0.0"] } else { PAY });
    }
}

/// §3.8: the primary set, the reserve, who is not named, all or none.
#[test]
fn who_takes_a_call_where_the_chosen_are_not_there() {
    let rule = |tail: &str, weight: u32| {
        rules_of(&format!("- route: [{{weight: {weight}, tags: {{version: '1'}}}}]\n{tail}"))
    };
    let reserve = "  fallback: [{weight: 50, tags: {version: '2'}}, {weight: 50, tags: {version: '3'}}]\n";
    let guarded = "  emptyProtection: false\n";
    let forced = "  forceEnabled: true\n";
    assert_takes(&rule("", 100), &["8", "9"], &call("/"), &["8", "9"]);
    for tail in [guarded, forced] {
        assert_takes(&rule(tail, 100), &["8", "9"], &call("/"), &[]);
        // Less than a hundred: those that no tags name are left.
        assert_takes(&rule(tail, 60), &["8", "9"], &call("/"), &["8", "9"]);
    }
    assert_shares(&rule(reserve, 100), &["2", "3", "4"], &call("/"), &[(&["2"], 50), (&["3"], 50)]);
    assert_takes(&rule(reserve, 100), &["1", "2", "3"], &call("/"), &["1"]);
    // The reserve takes also what is missing to a hundred; who of it is not there leaves his part to the others.
    assert_shares(
        &rule(reserve, 60),
        &["1", "2", "3", "4"],
        &call("/"),
        &[(&["1"], 60), (&["2"], 20), (&["3"], 20)],
    );
    assert_shares(
        &rule(&format!("{reserve}{guarded}"), 100),
        &["2", "4"],
        &call("/"),
        &[(&["2"], 50), (&[], 50)],
    );
    let split = rules_of(&format!(
        "- route: [{{weight: 20, tags: {{version: '1'}}}}, {{weight: 80, tags: {{version: '5'}}}}]\n{reserve}"
    ));
    assert_shares(&split, &["2", "3", "5"], &call("/"), &[(&["5"], 80), (&["2"], 10), (&["3"], 10)]);
}

/// §4.3: the rule for every service, and what stands before it.
#[test]
fn a_global_rule_is_for_services_without_one_of_their_own() {
    let global = ("servicecomb.globalRouteRule", "- route: [{weight: 100, tags: {version: 2.0.0}}]");
    assert_takes(&good(&[global]), PAY, &call("/"), &["2.0.0"]);
    let own = "- route: [{weight: 100, tags: {version: 1.0.0}}]";
    assert_takes(&good(&[global, ("servicecomb.routeRule.order-service", own)]), PAY, &call("/"), &["1.0.0"]);
    assert_takes(&good(&[global, ("servicecomb.routeRule.other", own)]), PAY, &call("/"), &["2.0.0"]);
    assert_takes(&good(&[global, ("servicecomb.routeRule.order-service", "[]")]), PAY, &call("/"), PAY);
    assert_takes(&good(&[global, ("servicecomb.routeRule.order-service", " ")]), PAY, &call("/"), &["2.0.0"]);
    let named = "- {match: {serviceName: a}, route: [{weight: 100, tags: {version: 1.0.0}}]}";
    let rules = read(&[("servicecomb.globalRouteRule", named)]);
    assert!(
        told(&rules).contains("line 1, column") && told(&rules).contains("servicecomb.routeRule.SERVICE"),
        "{}",
        told(&rules)
    );
}
