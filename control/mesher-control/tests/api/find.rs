//! Look-ups over HTTP: result sets, revisions, 304 and batches.
//! They must not repeat who may see what; the registry's tables do.

use serde_json::json;

use crate::support::{Plane, REGISTRY, SERVICES};

const FIND: &str = "/v4/default/registry/instances?appId=shop&serviceName=pay&version=0%2B&env&global=true";

#[tokio::test]
async fn a_consumer_polls() {
    let plane = Plane::start().await;
    plane.get(FIND).await.assert_refused("400012");
    let service = plane.service("pay", "1.0.0").await;
    assert_eq!(plane.get(FIND).await.text, r#"{"instances":[]}"#);
    let instance = plane.instance(&service, "n1").await;
    let consumer = plane.service("web", "1.0.0").await;
    let headers = [("x-consumerid", consumer.as_str())];
    let found = plane.send("GET", FIND, &headers, "").await;
    assert_eq!(found.json()["instances"][0]["instanceId"], json!(instance));
    let revision = found.header("x-resource-revision").to_owned();
    assert_eq!(plane.get(FIND).await.header("x-resource-revision"), revision, "the same for all");

    let again = format!("{FIND}&rev={revision}");
    let beat = format!("{SERVICES}/{service}/instances/{instance}/heartbeat");
    plane.put(&beat, "").await.assert_empty();
    let same = plane.send("GET", &again, &headers, "").await;
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    assert_eq!(same.header("x-resource-revision"), revision);
    plane.instance(&service, "n2").await;
    let other = plane.send("GET", &again, &headers, "").await;
    assert_eq!((other.status, other.json()["instances"].as_array().unwrap().len()), (200, 2));
    plane.send("GET", FIND, &[("x-consumerid", "nosuch")], "").await.assert_refused("400012");
}

#[tokio::test]
async fn a_revision_does_not_outlive_the_control_plane() {
    let mut revisions = Vec::new();
    for _ in 0..2 {
        let plane = Plane::start().await;
        plane.service("pay", "1.0.0").await;
        revisions.push(plane.get(FIND).await.header("x-resource-revision").to_owned());
    }
    assert_ne!(revisions[0], revisions[1]);
}

#[tokio::test]
async fn an_instance_and_a_list_answer_304_too() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let instance = plane.instance(&service, "n1").await;
    let list = format!("{SERVICES}/{service}/instances");
    for path in [list.clone(), format!("{list}/{instance}")] {
        let revision = plane.get(&path).await.header("x-resource-revision").to_owned();
        assert_eq!(plane.get(&format!("{path}?rev={revision}")).await.status, 304, "{path}");
    }
}

#[tokio::test]
async fn a_batch_answers_each_part() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let instance = plane.instance(&service, "n1").await;
    let action = format!("{REGISTRY}/instances/action?type=query&rev=0");
    let body = format!(
        r#"{{"services":[{{"service":{{"appId":"shop","serviceName":"pay","version":"0+"}}}},
            {{"service":{{"appId":"shop","serviceName":"none","version":"0+"}}}}],
            "instances":[{{"instance":{{"serviceId":"{service}","instanceId":"{instance}"}}}}]}}"#
    );
    let answer = plane.post(&action, &body).await.json();
    let updated = &answer["services"]["updated"][0];
    assert_eq!((&updated["index"], &updated["instances"][0]["instanceId"]), (&json!(0), &json!(instance)));
    let failed = &answer["services"]["failed"][0];
    assert_eq!((&failed["indexes"], &failed["error"]["errorCode"]), (&json!([1]), &json!("400012")));
    assert_eq!(answer["instances"]["updated"][0]["instances"][0]["instanceId"], json!(instance));

    let rev = updated["rev"].as_str().unwrap();
    let body =
        format!(r#"{{"services":[{{"service":{{"appId":"shop","serviceName":"pay"}},"rev":"{rev}"}}]}}"#);
    assert_eq!(plane.post(&action, &body).await.text, r#"{"services":{"notModified":[0]}}"#);
    plane.post(&action, "{}").await.assert_refused("400001");
    plane.post(&format!("{REGISTRY}/instances/action?type=nosuch"), &body).await.assert_refused("400001");
}
