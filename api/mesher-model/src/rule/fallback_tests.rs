//! Fallbacks as people write them: one of two things, and an answer that every caller can read.
//! It must hold no fallback that only a test would write.

use serde_json::{Value, json};

use super::{Document, Side};

fn fallback(spec: &Value) -> Result<Document, String> {
    let mut spec = spec.clone();
    spec["service"] = "shop".into();
    let value =
        json!({"apiVersion": "mesher/v1", "kind": "Fallback", "metadata": {"name": "shop"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn fallbacks_are_written_as_they_were_read() {
    for whole in [
        json!({"statuses": ["5xx"], "answer": {"statusCode": 200, "body": "none", "contentType": "text/plain"}}),
        json!({"statuses": [503], "answer": {"statusCode": 503, "headers": [{"name": "x-from", "value": "mesh"}]}}),
        json!({"statuses": ["50x"], "subset": {"version": "0.0.1"}, "matches": [{"method": "GET"}]}),
        json!({"statuses": ["5xx"], "subset": {}}),
    ] {
        let read = fallback(&whole).unwrap();
        assert_eq!(
            (read.rule.side(), read.rule.is_about_all()),
            (Side::Consumer, whole.get("matches").is_none())
        );
        let mut written = serde_json::to_value(&read).unwrap();
        assert_eq!(serde_json::from_value::<Document>(written.clone()).unwrap(), read);
        written["spec"].as_object_mut().unwrap().remove("service");
        assert_eq!(written["spec"], whole);
    }
    let written = serde_json::to_value(fallback(&json!({"subset": {"version": "a"}})).unwrap()).unwrap();
    assert_eq!(written["spec"]["statuses"], json!(["5xx"]), "what is a failure without a word");
}

#[test]
fn what_is_no_answer_is_refused_with_its_reason() {
    let answer = |answer: Value| json!({"answer": answer});
    let field = |name: &str| answer(json!({"statusCode": 200, "headers": [{"name": name, "value": "a"}]}));
    for (wrong, words) in [
        (json!({}), "either an answer, or a subset"),
        (json!({"answer": {"statusCode": 200}, "subset": {"version": "a"}}), "either an answer, or a subset"),
        (json!({"subset": {"version": "a"}, "statuses": []}), "0 statuses"),
        (json!({"subset": {"version": "a"}, "statuses": ["6xx"]}), "is no status"),
        (answer(json!({"statusCode": 99})), "99 is no status of an answer"),
        (answer(json!({"statusCode": 204, "body": "a"})), "has no body"),
        (answer(json!({"statusCode": 200, "headers": []})), "0 headers"),
        (field("content-length"), "it frames the body"),
        (field("Content-Type"), "say it as contentType"),
        (field("proxy_status"), "the mesh writes it"),
        (field("via"), "the mesh writes it"),
        (field("a b"), "is no name of a header field"),
    ] {
        let error = fallback(&wrong).unwrap_err();
        assert!(error.contains(words), "{wrong}: {error}");
    }
}
