//! Filters as people write them: what is read, and what is refused with which words.
//! It must hold no filter that only a test would write.

use serde_json::{Value, json};

use super::Document;

fn rule(rule: &Value) -> Result<Document, String> {
    let spec = json!({"service": "a", "rules": [rule]});
    let value =
        json!({"apiVersion": "mesher/v1", "kind": "Route", "metadata": {"name": "canary"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn filtered(filters: &Value) -> Result<Document, String> {
    rule(&json!({"filters": filters, "backends": [{}]}))
}

#[test]
fn filters_are_written_as_they_were_read() {
    let filters = json!([
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {
            "set": [{"name": "X-A", "value": "1"}], "add": [{"name": "x-b", "value": "2,\t3"}], "remove": ["x-c"]}},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["Server"]}},
    ]);
    let rewrite = |path: Value| json!([{"type": "URLRewrite", "urlRewrite": path}]);
    let redirect = |redirect: Value| json!([{"type": "RequestRedirect", "requestRedirect": redirect}]);
    let mirror = |mirror: Value| json!({"type": "RequestMirror", "requestMirror": mirror});
    for whole in [
        json!({"filters": [mirror(json!({"subset": {"version": "2"}})), mirror(json!({"service": "b", "percent": 20}))],
               "backends": [{"weight": 1}]}),
        json!({"filters": filters, "backends": [{"weight": 1, "filters": filters}]}),
        json!({"filters": rewrite(json!({"hostname": "a.example", "path": {"type": "ReplaceFullPath", "replaceFullPath": "/a"}})),
               "backends": [{"weight": 1}]}),
        json!({"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}],
               "filters": rewrite(json!({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": ""}})),
               "backends": [{"weight": 1}]}),
        json!({"filters": redirect(json!({"scheme": "https", "hostname": "a", "port": 8443, "statusCode": 301,
               "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}}))}),
        json!({"filters": redirect(json!({"port": 1, "statusCode": 302}))}),
        json!({"filters": [filters[1], {"type": "DirectResponse", "directResponse":
               {"statusCode": 503, "contentType": "application/json", "body": "{}"}}]}),
    ] {
        let read = rule(&whole).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["spec"]["rules"][0], whole);
        assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
    }
}

#[test]
fn targets_that_cannot_be_are_refused_by_name() {
    let path = |kind: &str, member: &str, path: &str| json!({"path": {"type": kind, member: path}});
    let full = |text: &str| path("ReplaceFullPath", "replaceFullPath", text);
    for (rewrite, words) in [
        (json!({}), "a rewrite says nothing"),
        (json!({"path": null}), "invalid type: null"),
        (json!({"hostname": "a b"}), "\"a b\" is no name"),
        (json!({"hostname": "a:80"}), "\"a:80\" is no name"),
        (full("a"), "\"a\" is no path"),
        (full(""), "is no path"),
        (full("/a?b"), "is no path"),
        (full("/a b"), "is no path"),
        (full(&"/a".repeat(600)), "at most 1024 bytes"),
        (path("ReplaceFullPath", "replacePrefixMatch", "/"), "has the member replaceFullPath and no other"),
        (
            path("ReplacePrefixMatch", "replaceFullPath", "/"),
            "has the member replacePrefixMatch and no other",
        ),
        (path("Replace", "replaceFullPath", "/"), "unknown variant `Replace`"),
    ] {
        let refusal = filtered(&json!([{"type": "URLRewrite", "urlRewrite": rewrite}])).unwrap_err();
        assert!(refusal.contains(words), "{rewrite}: {refusal}");
    }
    for (redirect, words) in [
        (json!({}), "a redirect leads back"),
        (json!({"statusCode": 301}), "a redirect leads back"),
        (json!({"port": 0}), "0 is no port"),
        (json!({"port": 65536}), "is no port"),
        (
            json!({"port": 1, "statusCode": 300}),
            "300 is no status of a redirect; there are 301, 302, 303, 307, 308",
        ),
        (json!({"scheme": "HTTPS"}), "unknown variant `HTTPS`"),
    ] {
        let filters = json!([{"type": "RequestRedirect", "requestRedirect": redirect}]);
        let refusal = rule(&json!({"filters": filters})).unwrap_err();
        assert!(refusal.contains(words), "{redirect}: {refusal}");
    }
    for (response, words) in [
        (json!({}), "missing field `statusCode`"),
        (json!({"statusCode": 199}), "199 is no status of an answer"),
        (json!({"statusCode": 600}), "is no status of an answer"),
        (json!({"statusCode": 204, "body": ""}), "an answer with status 204 has no body"),
        (json!({"statusCode": 200, "body": "x".repeat(4097)}), "4097 bytes"),
        (json!({"statusCode": 200, "contentType": "a/b"}), "a contentType without a body"),
        (json!({"statusCode": 200, "body": "", "contentType": "text"}), "is no media type"),
        (json!({"statusCode": 200, "body": "", "contentType": "a/b\r\nx: y"}), "is no media type"),
    ] {
        let filters = json!([{"type": "DirectResponse", "directResponse": response}]);
        let refusal = rule(&json!({"filters": filters})).unwrap_err();
        assert!(refusal.contains(words), "{response}: {refusal}");
    }
}

#[test]
fn mirrors_that_get_nothing_are_refused_by_name() {
    for (mirror, words) in [
        (json!({}), "a mirror names nobody"),
        (json!({"subset": {}}), "a mirror names nobody"),
        (json!({"service": null}), "invalid type: null"),
        (json!({"service": "*"}), "is no name"),
        (json!({"service": "b", "subset": {"zone": "a"}}), "can name a version only"),
        (json!({"service": "b", "percent": 101}), "101 is no percentage"),
        (json!({"service": "b", "percent": -1}), "-1 is no percentage"),
    ] {
        let filters = json!([{"type": "RequestMirror", "requestMirror": mirror}]);
        let refusal = filtered(&filters).unwrap_err();
        assert!(refusal.contains(words), "{mirror}: {refusal}");
    }
}

/// What would be passed over is refused: somebody believes in it.
#[test]
fn parts_of_a_rule_that_have_no_effect_beside_each_other_are_refused() {
    let direct = json!({"type": "DirectResponse", "directResponse": {"statusCode": 200}});
    let redirect = json!({"type": "RequestRedirect", "requestRedirect": {"port": 1}});
    let rewrite = json!({"type": "URLRewrite", "urlRewrite": {"hostname": "a"}});
    let request = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}});
    let mirror = json!({"type": "RequestMirror", "requestMirror": {"service": "b"}});
    let prefix = json!({"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}});
    for (part, words) in [
        (json!({}), "missing field `backends`"),
        (json!({"filters": [rewrite]}), "missing field `backends`"),
        (
            json!({"filters": [direct], "backends": [{}]}),
            "backends, fallback, sticky and timeouts would have no effect",
        ),
        (json!({"filters": [direct], "timeouts": {"request": "1s"}}), "timeouts would have no effect"),
        (json!({"filters": [redirect], "sticky": {"cookie": "a"}}), "timeouts would have no effect"),
        (
            json!({"filters": [redirect], "fallback": "Any"}),
            "backends, fallback, sticky and timeouts would have no effect",
        ),
        (json!({"filters": [redirect, rewrite]}), "URLRewrite has no effect beside RequestRedirect"),
        (json!({"filters": [direct, redirect]}), "RequestRedirect has no effect beside DirectResponse"),
        (json!({"filters": [direct, request]}), "RequestHeaderModifier has no effect beside DirectResponse"),
        (json!({"filters": [direct, mirror]}), "RequestMirror has no effect beside DirectResponse"),
        (json!({"backends": [{"filters": [mirror]}]}), "RequestMirror stands in a rule"),
        (json!({"backends": [{"filters": [rewrite]}]}), "URLRewrite stands in a rule"),
        (
            json!({"matches": [{"path": {"value": "/a"}}, {"method": "GET"}], "filters": [prefix], "backends": [{}]}),
            "every match of its rule has such a path",
        ),
        (
            json!({"matches": [{"path": {"type": "Exact", "value": "/a"}}], "filters": [prefix], "backends": [{}]}),
            "every match of its rule has such a path",
        ),
    ] {
        let refusal = rule(&part).unwrap_err();
        assert!(refusal.contains(words), "{part}: {refusal}");
    }
}

#[test]
fn changes_of_fields_that_cannot_be_made_are_refused_by_name() {
    let line = |name: &str, value: &str| json!({"name": name, "value": value});
    let request =
        |modifier: Value| json!({"type": "RequestHeaderModifier", "requestHeaderModifier": modifier});
    for (filters, words) in [
        (json!([]), "0 filters"),
        (json!([{"type": "Mirror"}]), "unknown variant `Mirror`"),
        (json!([{"type": "RequestHeaderModifier"}]), "has the member requestHeaderModifier and no other"),
        (json!([{"requestHeaderModifier": {"remove": ["x"]}}]), "missing field `type`"),
        (
            json!([request(json!({"remove": ["x"]})), request(json!({"remove": ["y"]}))]),
            "type RequestHeaderModifier stands there twice",
        ),
        (json!([request(json!({"replace": []}))]), "unknown field `replace`"),
        (json!([request(json!({}))]), "says nothing"),
        (json!([request(json!({"set": []}))]), "0 fields to set"),
        (json!([request(json!({"add": vec![line("x", "y"); 17]}))]), "17 fields to add"),
        (json!([request(json!({"add": [line("x", "1"), line("X", "2")]}))]), "\"X\" is named twice"),
        (json!([request(json!({"set": [line("x", "1")], "remove": ["X"]}))]), "\"X\" is named twice"),
        (json!([request(json!({"remove": ["x y"]}))]), "is no name of a header field"),
        (json!([request(json!({"remove": [""]}))]), "is no name of a header field"),
        (json!([request(json!({"remove": ["Transfer-Encoding"]}))]), "it frames the body"),
        (json!([request(json!({"remove": ["Connection"]}))]), "it ends at each connection"),
        (json!([request(json!({"remove": ["x.cse_context"]}))]), "the mesh writes it"),
        (json!([request(json!({"set": [line("via", "x")]}))]), "the mesh writes it"),
        (json!([request(json!({"set": [line("Host", "x")]}))]), "use URLRewrite with hostname"),
        (json!([request(json!({"set": [line("x", "")]}))]), "visible ASCII"),
        (json!([request(json!({"set": [line("x", " y")]}))]), "visible ASCII"),
        (json!([request(json!({"set": [line("x", "y\r\nz: 1")]}))]), "\"x\": a value has"),
        (json!([request(json!({"set": [line("x", "ä")]}))]), "visible ASCII"),
        (json!([request(json!({"set": [line("x", &"y".repeat(4097))]}))]), "1 to 4096 bytes"),
    ] {
        let refusal = filtered(&filters).unwrap_err();
        assert!(refusal.contains(words), "{filters}: {refusal}");
    }
}

#[test]
fn timeouts_and_what_is_sticky_are_written_as_they_were_read() {
    for whole in [
        json!({"backends": [{"weight": 1}], "timeouts": {"request": "5s", "backendRequest": "500ms"}}),
        json!({"backends": [{"weight": 1}], "timeouts": {"request": "0s", "backendRequest": "1m30s"}}),
        json!({"backends": [{"weight": 1}], "timeouts": {"backendRequest": "0s"}}),
        json!({"backends": [{"weight": 1}], "sticky": {"header": "X-User"}}),
        json!({"backends": [{"weight": 1}], "sticky": {"queryParam": "ä b"}}),
    ] {
        let written = serde_json::to_value(rule(&whole).unwrap()).unwrap();
        assert_eq!(written["spec"]["rules"][0], whole);
    }
    for (part, words) in [
        (json!({"timeouts": {}}), "timeouts say nothing"),
        (json!({"timeouts": {"request": "5"}}), "\"5\" is no span of time"),
        (json!({"timeouts": {"request": null}}), "invalid type: null"),
        (json!({"timeouts": {"requests": "5s"}}), "unknown field `requests`"),
        (
            json!({"timeouts": {"request": "1s", "backendRequest": "1s1ms"}}),
            "backendRequest of 1s1ms is longer than request, 1s",
        ),
        (json!({"sticky": {}}), "one of header, cookie and queryParam"),
        (json!({"sticky": {"header": "a", "cookie": "b"}}), "one of header, cookie and queryParam"),
        (json!({"sticky": {"header": "a b"}}), "\"a b\" is no name of a header"),
        (json!({"sticky": {"cookie": ""}}), "\"\" is no name of a cookie"),
        (json!({"sticky": null}), "invalid type: null"),
    ] {
        let mut whole = part.clone();
        whole["backends"] = json!([{}]);
        let refusal = rule(&whole).unwrap_err();
        assert!(refusal.contains(words), "{part}: {refusal}");
    }
}
