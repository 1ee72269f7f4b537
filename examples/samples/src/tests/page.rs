//! Shows that the template is filled whole and that no value becomes markup.
//! Must not compare whole pages: their wording may change.

use http::StatusCode;
use serde_json::json;

use crate::identity::Identity;
use crate::page::render;
use crate::reply::Reply;

const HOSTILE: &str = "\"><script>alert('{{answer}}')</script>&";
const HARMLESS: &str = "&quot;&gt;&lt;script&gt;alert(&#39;{{answer}}&#39;)&lt;/script&gt;&amp;";

fn identity(name: &str) -> Identity {
    Identity { service: name.to_owned(), version: name.to_owned(), instance: name.to_owned() }
}

fn reply(status: StatusCode, body: serde_json::Value) -> Reply {
    Reply { status, body: serde_json::from_value(body).unwrap() }
}

#[test]
fn every_place_of_the_template_has_a_value() {
    let page = render(&identity("webapp"), "1.8", "75", None);
    assert!(!page.contains("{{") && !page.contains("}}"));
    assert!(page.contains(r#"value="1.8""#) && page.contains(r#"min="0.5""#), "{page}");
}

#[test]
fn no_value_becomes_markup() {
    let hostile = json!({"result": HOSTILE, "service": HOSTILE, "version": HOSTILE, "instance": HOSTILE,
        "error": HOSTILE, "detail": HOSTILE, "invocation": HOSTILE});
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::SERVICE_UNAVAILABLE] {
        let page = render(&identity(HOSTILE), HOSTILE, HOSTILE, Some(&reply(status, hostile.clone())));
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.matches(HARMLESS).count() >= 6, "{page}");
    }
}

#[test]
fn a_failure_of_the_mesh_is_told_with_its_particulars() {
    let body = json!({"error": "destination_unavailable", "detail": "breaker open", "service": "calculator"});
    let page = render(&identity("webapp"), "1.8", "75", Some(&reply(StatusCode::SERVICE_UNAVAILABLE, body)));
    for part in ["503 Service Unavailable", "destination_unavailable", "breaker open", "calculator"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}
