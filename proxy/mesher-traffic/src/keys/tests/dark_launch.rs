//! Dark launches, as the consoles of ServiceComb write them (mesher-behaviour §3.7, control-plane-api §4.6).
//! It must hold Java's meaning where Java and Go differ; `docs/deviations.md` lists the rest.

use super::{assert_shares, assert_takes, call, good, read, told, with};

const ALL: &[&str] = &["1.0.0", "1.1.0", "1.2.0", "3.0.0"];

fn policy(kind: &str, items: &str) -> String {
    format!(r#"{{"policyType":"{kind}","ruleItems":[{items}]}}"#)
}

fn item(condition: &str, more: &str) -> String {
    format!(
        r#"{{"groupName":"b","groupCondition":"version=1.1.0,1.2.0","policyCondition":"{condition}"{more}}}"#
    )
}

/// §3.7, the example.
#[test]
fn rates_share_calls_out_between_groups() {
    let value = r#"{"policyType":"RATE","ruleItems":[
  {"groupName":"a","groupCondition":"version=1.0.0","policyCondition":"80"},
  {"groupName":"b","groupCondition":"version=1.1.0,1.2.0","policyCondition":"20"}]}"#;
    for key in ["servicecomb.darklaunch.policy.order-service", "cse.darklaunch.policy.order-service"] {
        let rules = good(&[(key, value)]);
        assert_shares(&rules, ALL, &call("/"), &[(&["1.0.0"], 80), (&["1.1.0", "1.2.0"], 20)]);
        // A group without an instance leaves its calls to those that are in none.
        assert_shares(&rules, &["1.0.0", "3.0.0"], &call("/"), &[(&["1.0.0"], 80), (&["3.0.0"], 20)]);
        assert_shares(&rules, &["1.0.0"], &call("/"), &[(&["1.0.0"], 80), (&[], 20)]);
    }
}

#[test]
fn what_no_group_takes_goes_to_those_that_are_in_none() {
    let of = |items: &str| read(&[("servicecomb.darklaunch.policy.order-service", &policy("RATE", items))]);
    assert_shares(
        &of(&item("30", "")),
        ALL,
        &call("/"),
        &[(&["1.1.0", "1.2.0"], 30), (&["1.0.0", "3.0.0"], 70)],
    );
    // More than all: those that come first have theirs.
    let first = r#"{"groupName":"a","groupCondition":"version=1.0.0","policyCondition":80}"#;
    let rules = of(&format!("{first},{}", item("50", "")));
    assert_shares(&rules, ALL, &call("/"), &[(&["1.0.0"], 80), (&["1.1.0", "1.2.0"], 20)]);
    assert!(told(&rules).contains("gets 20 instead of 50"), "{}", told(&rules));
}

/// §4.6, the example, whose `=~` is meant for a pattern.
#[test]
fn the_example_of_a_rule() {
    let value = r#"{"policyType":"RULE",
  "ruleItems":[{"groupName":"g1","groupCondition":"version=0.0.1,0.0.2","policyCondition":"userId=~10*","caseInsensitive":false}]}"#;
    let rules = good(&[("servicecomb.darklaunch.policy.order-service", value)]);
    const CALCULATORS: &[&str] = &["0.0.1", "0.0.2", "0.0.3"];
    assert_takes(&rules, CALCULATORS, &with("UserId", "1042"), &["0.0.1", "0.0.2"]);
    for other in [with("UserId", "2010"), call("/")] {
        assert_takes(&rules, CALCULATORS, &other, &["0.0.3"]);
    }
}

/// §3.7 and §4.6: operators, in the order in which they are looked for, lists of values, conditions together.
#[test]
fn conditions_of_rules() {
    let group: &[&str] = &["1.1.0", "1.2.0"];
    let default: &[&str] = &["1.0.0", "3.0.0"];
    for (condition, more, fits, others) in [
        ("user_id=10", "", &["10"][..], &["11", ""][..]),
        ("user_id = 10", "", &["10"], &["11"]),
        ("user_id=10,11", "", &["10", "11"], &["12"]),
        ("user_id!=10", "", &["11", ""], &["10"]),
        ("user_id>=10", "", &["10", "11"], &["9", "x"]),
        ("user_id<=10", "", &["10", "9"], &["11", "x"]),
        ("user_id>10", "", &["11"], &["10"]),
        ("user_id<10", "", &["9"], &["10"]),
        ("user_id~1?3*", "", &["123", "1x3yz"], &["13", "0123"]),
        ("user_id=Ann", "", &["Ann"], &["ann"]),
        ("user_id=Ann", r#","caseInsensitive":true"#, &["Ann", "aNN"], &["Anna"]),
        ("user_id~A*", r#","caseInsensitive":true"#, &["ann"], &["Bob"]),
        ("user_id>10&&user_id<20", "", &["15"], &["10", "20"]),
        ("user_id=1||user_id=2", "", &["1", "2"], &["3"]),
        ("user_id=a=b", "", &["a=b"], &["a"]),
    ] {
        let value = policy("RULE", &item(condition, more));
        let rules = good(&[("servicecomb.darklaunch.policy.order-service", &value)]);
        for value in fits {
            assert_takes(&rules, ALL, &with("userid", value), group);
        }
        for value in others {
            assert_takes(&rules, ALL, &with("USERID", value), default);
        }
        assert_takes(&rules, ALL, &call("/"), default);
    }
}

#[test]
fn the_first_group_whose_condition_holds_takes_the_call() {
    let one =
        r#"{"groupName":"a","groupCondition":"version=1.0.0","policyCondition":"age>=18","versions":[]}"#;
    let value = policy("RULE", &format!("{one},{}", item("age>=10", "")));
    let rules = good(&[("servicecomb.darklaunch.policy.order-service", &value)]);
    for (age, expected) in [("18", &["1.0.0"][..]), ("12", &["1.1.0", "1.2.0"]), ("9", &["3.0.0"])] {
        assert_takes(&rules, ALL, &with("Age", age), expected);
    }
    // A group that is not there leaves its calls to the default group.
    assert_takes(&rules, &["1.0.0", "3.0.0"], &with("Age", "12"), &["3.0.0"]);
}
