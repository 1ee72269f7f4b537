//! What no client should send.
//! They must not end in anything but a clear refusal and a server that goes on.

use serde_json::json;

use crate::support::{Plane, SERVICES};

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let plane = Plane::start().await;
    let deep = "[".repeat(100_000);
    for body in
        ["{not json", "", "[]", "null", r#"{"service":null}"#, "{}", r#"{"service":[]}"#, "{} {}", &deep]
    {
        plane.post(SERVICES, body).await.assert_refused("400001");
    }
    let answer = plane.send("POST", SERVICES, &[], vec![0xff, 0xfe]).await;
    answer.assert_refused("400001");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let filler = "x".repeat(6_000);
    let instances = format!("{SERVICES}/{service}/instances");
    let body = json!({"instance": {"hostName": "n1", "properties": {"x": filler}}}).to_string();
    let refused = plane.post(&instances, &body).await;
    refused.assert_refused("400001");
    assert_eq!(refused.json()["detail"], "http: request body too large");
    let body = json!({"properties": {"x": filler}}).to_string();
    plane.put(&format!("{SERVICES}/{service}/properties"), &body).await.assert_refused("400001");
    let contracts: Vec<_> = (0..100).map(|number| format!("{}{number}", "s".repeat(150))).collect();
    let body = json!({"service": {"serviceName": "long", "schemas": contracts}}).to_string();
    assert_eq!(plane.post(SERVICES, &body).await.status, 200, "long lists of contracts pass");
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let plane = Plane::start().await;
    for path in
        ["/nosuch", "/v4/default/nosuch", "/v4/token", "/v4/accounts", "/mesher/v1/nosuch", "/ui/../x"]
    {
        let answer = plane.get(path).await;
        assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("not_found")), "{path}");
    }
    let answer = plane.send("PATCH", SERVICES, &[], "").await;
    assert_eq!((answer.status, &answer.json()["error"]), (405, &json!("method_not_allowed")));
    assert!(answer.header("allow").contains("POST"), "{answer:?}");
}

#[tokio::test]
async fn a_target_is_bounded() {
    let plane = Plane::start().await;
    let long = "x".repeat(2_048);
    let answer = plane.get(&format!("{SERVICES}?x={long}")).await;
    assert_eq!((answer.status, answer.text.as_str()), (400, "Invalid Request URI"));
    assert_eq!(plane.get(&format!("/mesher/v1/services?q={long}")).await.status, 414);
    for end in [";", "&", "?", "+", "@"] {
        assert_eq!(plane.get(&format!("{SERVICES}?x=1{end}")).await.status, 400, "{end}");
    }
    plane.get(&format!("{SERVICES}/%ff%fe")).await.assert_refused("400001");
    plane.get(&format!("{SERVICES}/a%00b")).await.assert_refused("400012");
}

#[tokio::test]
async fn ad_19_metrics_have_no_label_of_a_callers_choosing() {
    let plane = Plane::start().await;
    for path in ["/nosuch-a", "/nosuch-b", "/v4/a/registry/microservices/c"] {
        plane.get(path).await;
    }
    let metrics = plane.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(metrics.text.contains(r#"mesher_control_requests_total{api="unmatched",code="404"} 2"#));
    let template = r#"{api="/v4/{project}/registry/microservices/{service}",code="400"} 1"#;
    assert!(metrics.text.contains(template), "{}", metrics.text);
    assert!(metrics.text.ends_with("# EOF\n"));
}
