//! What of calls is put into their context, in the words of Java Chassis 3.
//! It must read what a call gets, never how it is held.

use super::{Call, call, good, read};
use crate::{About, CallView, Caller, KeyRules, Own};

const GROUP: (&str, &str) = ("servicecomb.matchGroup.some", "matches:\n  - apiPath: {prefix: /some}\n");
const KEY: &str = "servicecomb.mapper.some";

/// The members that a call gets.
fn members(rules: &KeyRules, call: &Call) -> Vec<(String, String)> {
    let mut members = Vec::new();
    let policy = rules.policy(&About::called("default", "shop"), "kie");
    let view = CallView { head: call, caller: Caller::named("web-shop") };
    let mappings = policy.and_then(|policy| policy.mappings);
    if let Some((_, rule)) = mappings.as_ref().and_then(|rules| rules.pick(&view)) {
        rule.item.each(call, |name, value| members.push((name.to_owned(), value.to_owned())));
    }
    members
}

/// control-plane-api §4.2.
#[test]
fn members_come_from_path_method_fields_query_and_constants() {
    let value =
        "target:\n  a: $U\n  b: $M\n  c: $H{X-User}\n  d: $Q{colour}\n  e: blue\n  f: $H{absent}\n  g: $X\n";
    let rules = good(&[GROUP, (KEY, value)]);
    let called =
        call("/some/1?colour=dark%20red&colour=green").and("x-user", "ann").and("x-user", "bob").by("PUT");
    let expected =
        [("a", "/some/1"), ("b", "PUT"), ("c", "ann"), ("d", "dark red"), ("e", "blue"), ("g", "$X")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(members(&rules, &called), expected);
    assert_eq!(members(&rules, &call("/other")), []);
    assert_eq!(rules.policy(&About::Provider, "kie"), None, "callers say it");
    assert!(KeyRules::is_about_calls(KEY));
    let said = rules.policy(&About::called("default", "shop"), "kie").unwrap().said;
    assert_eq!((said[0].kind.as_str(), said[0].name.as_str()), ("Mapper", KEY));
}

#[test]
fn the_last_good_value_holds_where_one_cannot_be_used() {
    let before = good(&[GROUP, (KEY, "target: {a: $M}\n")]);
    for (value, told) in [
        ("name: some\n", "it has no target"),
        ("target: {}\n", "0 members; there are 1 to 16"),
        ("target: {X-Cse-Src-Microservice: other}\n", "says who calls, which no key may say"),
        ("target: {'a b': $U}\n", "\"a b\" is no name of a member"),
        ("target: [a]\n", "line 1, column 9"),
    ] {
        let rules = KeyRules::read([GROUP, (KEY, value)], &Own::default(), &before);
        assert_eq!(members(&rules, &call("/some")), [("a".to_owned(), "GET".to_owned())], "{value}");
        let [problem] = rules.problems.as_slice() else { panic!("{:?}", rules.problems) };
        assert!(problem.contains(told) && problem.ends_with("its last good value holds"), "{problem}");
    }
    let lonely = read(&[(KEY, "target: {a: $M}\n")]);
    assert!(
        lonely.problems[0].contains("no key servicecomb.matchGroup.some is there"),
        "{:?}",
        lonely.problems
    );
}

#[test]
fn what_is_no_text_or_too_long_is_left_out() {
    let rules = good(&[GROUP, (KEY, "target: {a: '$Q{q}', b: '$H{x-long}', c: yes}\n")]);
    let long: &'static str = "x".repeat(2_000).leak();
    let got = members(&rules, &call("/some?q=%ff").and("x-long", long));
    assert_eq!(got, [("c".to_owned(), "yes".to_owned())]);
}
