//! What documents of kind Fallback compile to: which calls they are about, and which part of the service stands in.
//! They must be read from documents as people write them.

use mesher_model::rule::{Document, Subset};
use serde_json::{Value, json};

use crate::portion::Portion;
use crate::{FallbackWay, Policy};

fn document(kind: &str, name: &str, spec: Value) -> Document {
    let value = json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(value).unwrap()
}

fn of_version(version: &str) -> Portion {
    Portion::Of(Subset { version: Some(version.to_owned()), ..Subset::default() })
}

#[test]
fn parts_of_fallbacks_are_numbered_behind_those_of_the_route() {
    let get = json!([{"method": "GET"}]);
    let documents = [
        document(
            "Route",
            "r",
            json!({"service": "shop", "rules": [{"backends": [{"subset": {"version": "1"}}, {"subset": {"version": "2"}}]}]}),
        ),
        document("Fallback", "c", json!({"service": "shop", "subset": {"version": "3"}})),
        document("Fallback", "a", json!({"service": "shop", "matches": get, "answer": {"statusCode": 200}})),
        document("Fallback", "b", json!({"service": "shop", "matches": get, "subset": {"version": "1"}})),
    ];
    let policy = Policy::compile(&documents).unwrap();
    let rules = policy.fallbacks.as_ref().unwrap();
    assert_eq!(
        rules.names(),
        ["Fallback a", "Fallback b", "Fallback c"],
        "the one about all calls is the last"
    );
    let portions: Vec<_> = policy.portions().cloned().collect();
    assert_eq!(portions, ["1", "2", "1", "3"].map(of_version));
    assert_eq!([0, 1, 2, 3].map(|place| policy.fallback_portion(place)), [None, Some(2), Some(3), None]);

    let without_route = Policy::compile(&documents[1..]).unwrap();
    assert_eq!([1, 2].map(|place| without_route.fallback_portion(place)), [Some(0), Some(1)]);
}

#[test]
fn a_rule_says_which_answers_are_failures_and_what_follows() {
    let answer = json!({"statusCode": 203, "body": "{}", "headers": [{"name": "x-a", "value": "b"}]});
    let document = document("Fallback", "a", json!({"service": "*", "statuses": [503], "answer": answer}));
    let policy = Policy::compile([&document]).unwrap();
    let rule = &policy.fallbacks.as_ref().unwrap().entries()[0].item;
    assert_eq!([500, 503].map(|status| rule.failures.contains(status)), [false, true]);
    let FallbackWay::Answer(answer) = &rule.way else { panic!("{rule:?}") };
    assert_eq!((answer.status(), rule.portion()), (203, None));
    assert_eq!(rule.words(), "answers 203 after 503, no connection, no answer or a refusal");
}
