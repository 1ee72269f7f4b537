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
    let whole = json!({"filters": filters, "backends": [{"weight": 1, "filters": filters}]});
    let read = rule(&whole).unwrap();
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(written["spec"]["rules"][0], whole);
    assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
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
