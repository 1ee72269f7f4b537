//! What filters of documents become.
//! They must compare with what the documentation says, line by line.

use mesher_model::rule::{Filter, RouteRule};
use serde_json::{Value, json};

use super::{Actions, FieldEdits};

fn rule(rule: Value) -> RouteRule {
    serde_json::from_value(rule).unwrap()
}

fn edits(left_out: &[&str], added: &[(&str, &str)]) -> FieldEdits {
    FieldEdits {
        left_out: left_out.iter().map(|name| (*name).into()).collect(),
        added: added.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    }
}

#[test]
fn fields_are_set_added_and_removed_in_the_order_of_rule_and_backend() {
    let modifier =
        |modifier: Value| json!({"type": "RequestHeaderModifier", "requestHeaderModifier": modifier});
    let rule = rule(json!({
        "filters": [modifier(json!({
            "set": [{"name": "X-Set", "value": "1"}],
            "add": [{"name": "X-Add", "value": "2"}, {"name": "x-stays", "value": "3"}],
            "remove": ["X-Gone"],
        }))],
        "backends": [{"filters": [modifier(json!({
            "set": [{"name": "x-add", "value": "4"}],
            "add": [{"name": "x-set", "value": "5"}],
            "remove": ["x-gone"],
        }))]}],
    }));
    let of_rule = Actions::of_rule(&rule);
    let expected = edits(&["x-set", "x-gone"], &[("X-Set", "1"), ("X-Add", "2"), ("x-stays", "3")]);
    assert_eq!(of_rule.request, expected);
    assert_eq!(of_rule.response, FieldEdits::default());
    let filters: &[Filter] = &rule.backends[0].filters;
    let of_backend = of_rule.followed_by(filters);
    // What the rule set is kept and added to, and what the backend sets stands alone.
    let expected = edits(
        &["x-set", "x-add", "x-gone"],
        &[("X-Set", "1"), ("x-stays", "3"), ("x-add", "4"), ("x-set", "5")],
    );
    assert_eq!(of_backend.request, expected);
}

#[test]
fn a_rule_without_filters_does_nothing() {
    assert!(Actions::of_rule(&rule(json!({"backends": [{}]}))).is_nothing());
}
