//! What filters of documents become.
//! They must compare with what the documentation says, line by line.

use mesher_model::rule::{Filter, RouteRule};
use serde_json::{Value, json};

use super::{Actions, Asked, FieldEdits, OwnAnswer};

fn rule(rule: Value) -> RouteRule {
    serde_json::from_value(rule).unwrap()
}

fn of(rule: &RouteRule) -> Actions {
    Actions::of_rule(rule, "default", 0)
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
    let of_rule = of(&rule);
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
    assert!(of(&rule(json!({"backends": [{}]}))).is_nothing());
}

fn asked(path_and_query: &str, matched: u16) -> Asked<'_> {
    Asked { host: "shop", port: None, path_and_query, matched }
}

/// The table of the Gateway API, `HTTPPathModifier.replacePrefixMatch`, and what stands at its edges.
#[test]
fn a_prefix_is_replaced_as_the_gateway_api_has_it() {
    for (path, prefix, replacement, expected) in [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/bar", "/", "/xyz", "/xyz/bar"),
        ("/", "/", "/xyz", "/xyz/"),
        ("/foo?a=/foo", "/foo", "/xyz", "/xyz?a=/foo"),
        ("/foo/?a", "/foo", "", "/?a"),
        ("/foo//bar", "/foo", "/", "//bar"),
    ] {
        let rule = rule(json!({
            "matches": [{"path": {"type": "PathPrefix", "value": "/else/where"}}, {"path": {"type": "PathPrefix", "value": prefix}}],
            "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": replacement}}}],
            "backends": [{}],
        }));
        let rewrite = of(&rule).rewrite.unwrap();
        let found = rewrite.path_and_query(asked(path, 1));
        assert_eq!(found.as_deref(), Some(expected), "{path} {prefix} {replacement:?}");
    }
}

#[test]
fn a_whole_path_is_replaced_and_the_query_stays() {
    let rewrite = |path: Value| {
        let filters = json!([{"type": "URLRewrite", "urlRewrite": {"path": path}}]);
        of(&rule(json!({"filters": filters, "backends": [{}]}))).rewrite.unwrap()
    };
    let full = rewrite(json!({"type": "ReplaceFullPath", "replaceFullPath": "/x/"}));
    for (path, expected) in
        [("/a/b", Some("/x/")), ("/a?b=c?d", Some("/x/?b=c?d")), ("?b", Some("/x/?b")), ("*", None)]
    {
        assert_eq!(full.path_and_query(asked(path, 0)).as_deref(), expected, "{path}");
    }
    // A rule without matches is about every path, as one whose prefix is the slash alone.
    let prefix = rewrite(json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}));
    assert_eq!(prefix.path_and_query(asked("/a", 0)).as_deref(), Some("/v2/a"));
}

#[test]
fn a_redirect_keeps_what_it_does_not_name() {
    let location = |redirect: Value, host: &str, port: Option<u16>, path_and_query: &str| {
        let filters = json!([{"type": "RequestRedirect", "requestRedirect": redirect}]);
        let matches = json!([{"path": {"type": "PathPrefix", "value": "/old"}}]);
        let actions = of(&rule(json!({"matches": matches, "filters": filters})));
        let Some(OwnAnswer::Redirect(redirect)) = actions.answer else { panic!("no redirect") };
        redirect.location(Asked { host, port, path_and_query, matched: 0 })
    };
    for (redirect, port, expected) in [
        (json!({"hostname": "example.org"}), None, "http://example.org/old/a?b"),
        (json!({"hostname": "example.org"}), Some(8080), "http://example.org:8080/old/a?b"),
        (json!({"hostname": "example.org"}), Some(80), "http://example.org/old/a?b"),
        (json!({"scheme": "https"}), None, "https://shop/old/a?b"),
        (json!({"scheme": "https"}), Some(8080), "https://shop/old/a?b"),
        (json!({"scheme": "http"}), Some(8080), "http://shop/old/a?b"),
        (json!({"scheme": "https", "port": 443}), Some(8080), "https://shop/old/a?b"),
        (json!({"scheme": "https", "port": 80}), None, "https://shop:80/old/a?b"),
        (json!({"port": 8083}), Some(8080), "http://shop:8083/old/a?b"),
        (json!({"port": 80}), Some(8080), "http://shop/old/a?b"),
        (
            json!({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}}),
            None,
            "http://shop/new/a?b",
        ),
        (json!({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/new"}}), None, "http://shop/new?b"),
    ] {
        assert_eq!(location(redirect.clone(), "shop", port, "/old/a?b"), expected, "{redirect} {port:?}");
    }
    let to_https = json!({"scheme": "https"});
    assert_eq!(location(to_https.clone(), "::1", Some(8080), "/old"), "https://[::1]/old");
    assert_eq!(location(to_https.clone(), "shop", None, "?a"), "https://shop/?a");
    assert_eq!(location(to_https, "shop", None, "*"), "https://shop");
}

#[test]
fn a_mirror_takes_its_part_of_the_calls_and_counts_them_for_itself() {
    let mirror = |percent: u8| json!({"type": "RequestMirror", "requestMirror": {"service": "audit", "percent": percent}});
    let rule = rule(json!({"filters": [mirror(20), mirror(0), mirror(100)], "backends": [{}]}));
    let actions = Actions::of_rule(&rule, "shops", 7);
    let numbers: Vec<_> = actions.mirrors.iter().map(|mirror| mirror.number).collect();
    assert_eq!(numbers, [7, 8, 9]);
    assert_eq!(actions.mirrors[0].service, Some(("audit".into(), "shops".into())));
    for (mirror, expected) in actions.mirrors.iter().zip([180..=220, 0..=0, 1000..=1000]) {
        let taken = (0..1000).filter(|count| {
            mirror.takes(|number| {
                assert_eq!(number, mirror.number);
                *count
            })
        });
        let taken = taken.count();
        assert!(expected.contains(&taken), "{taken}");
    }
}
