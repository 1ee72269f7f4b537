//! Rate limits as people write them: what is read, and what is refused with which words.
//! It must hold no limit that only a test would write.

use serde_json::{Value, json};

use super::{Document, Rule, Side};

fn limited(spec: &Value) -> Result<Document, String> {
    let value =
        json!({"apiVersion": "mesher/v1", "kind": "RateLimit", "metadata": {"name": "calm"}, "spec": spec});
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn limit(limit: &Value) -> Result<Document, String> {
    limited(&json!({"service": "a", "limits": [limit]}))
}

#[test]
fn limits_are_written_as_they_were_read() {
    for whole in [
        json!({"name": "all", "requests": 100, "interval": "1s"}),
        json!({"name": "each", "requests": 5, "interval": "1m", "burst": 2, "per": "Caller"}),
        json!({"name": "users", "matches": [{"method": "POST"}], "requests": 1, "interval": "500ms", "per": {"header": "X-User"}}),
        json!({"name": "mesh", "requests": 1000, "interval": "1s", "scope": "Mesh"}),
    ] {
        let read = limit(&whole).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["spec"]["limits"][0], whole);
        assert_eq!(serde_json::from_value::<Document>(written).unwrap(), read);
    }
}

#[test]
fn a_provider_counts_unless_another_side_is_named() {
    let side = |spec: Value| limited(&spec).unwrap().rule.side();
    let limits = json!([{"name": "all", "requests": 1}]);
    assert_eq!(side(json!({"service": "a", "limits": limits})), Side::Provider);
    assert_eq!(side(json!({"service": "a", "side": "Consumer", "limits": limits})), Side::Consumer);
    let Rule::RateLimit(read) = limit(&limits[0]).unwrap().rule else { panic!("another kind") };
    assert_eq!(read.limits[0].interval.to_string(), "1s");
}

#[test]
fn what_cannot_be_counted_is_refused_with_its_reason() {
    for (wrong, words) in [
        (json!({"requests": 1}), "missing field `name`"),
        (json!({"name": "a"}), "missing field `requests`"),
        (json!({"name": "a", "requests": 0}), "0 requests; there are 1 to 1000000"),
        (json!({"name": "a", "requests": 2_000_000}), "2000000 requests"),
        (json!({"name": "a", "requests": 1, "burst": 0}), "0 requests"),
        (json!({"name": "a", "requests": 1, "interval": "0s"}), "an interval of 0s has no rate"),
        (
            json!({"name": "a", "requests": 1, "per": "caller"}),
            "unknown per \"caller\"; write Caller, or {header: NAME}",
        ),
        (json!({"name": "a", "requests": 1, "per": {"cookie": "b"}}), "per names one header"),
        (json!({"name": "a", "requests": 1, "per": {"header": "a b"}}), "\"a b\" is no name of a header"),
        (
            json!({"name": "a", "requests": 1, "per": "Caller", "scope": "Mesh"}),
            "scope: Mesh counts all calls together",
        ),
        (json!({"name": "a", "requests": 1, "rate": 1}), "unknown field `rate`"),
    ] {
        let error = limit(&wrong).unwrap_err();
        assert!(error.contains(words), "{wrong}: {error}");
    }
    let twice = json!([{"name": "a", "requests": 1}, {"name": "a", "requests": 2}]);
    let error = limited(&json!({"service": "a", "limits": twice})).unwrap_err();
    assert!(error.contains("two limits are called \"a\""), "{error}");
    let error = limited(&json!({"service": "a", "limits": []})).unwrap_err();
    assert!(error.contains("0 limits"), "{error}");
}
