//! Services and instances over HTTP, in the order in which an SDK calls.
//! They must not repeat the tables of the registry: one case each shows that the wire is right.

use mesher_control::Settings;
use serde_json::json;

use crate::support::{Plane, REGISTRY, SERVICES};

#[tokio::test]
async fn a_client_starts_lives_and_ends() {
    let plane = Plane::start().await;
    let exists =
        format!("{REGISTRY}/existence?type=microservice&appId=shop&serviceName=pay&version=1.0.0&env=");
    plane.get(&exists).await.assert_refused("400012");
    let service = plane.service("pay", "1.0.0").await;
    assert_eq!(service.len(), 40);
    assert_eq!(plane.get(&exists).await.json(), json!({ "serviceId": service }));
    plane.get(&exists.replace("1.0.0", "2.0.0")).await.assert_refused("400026");

    let instance = plane.instance(&service, "n1").await;
    assert_eq!(instance.len(), 32);
    let base = format!("{SERVICES}/{service}/instances/{instance}");
    let read = plane.get(&base).await;
    assert_eq!(
        read.json()["instance"],
        json!({
            "instanceId": instance, "serviceId": service, "endpoints": ["rest://10.0.0.7:8080"],
            "hostName": "n1", "status": "UP", "healthCheck": {"mode": "push", "interval": 5, "times": 3},
            "timestamp": "1700000000", "modTimestamp": "1700000000", "version": "1.0.0"
        })
    );
    assert_eq!(read.header("x-resource-revision").len(), 16);
    plane.put(&format!("{base}/heartbeat"), "").await.assert_empty();
    plane.put(&format!("{base}/status?value=DOWN"), "").await.assert_empty();
    plane.put(&format!("{base}/status"), "").await.assert_refused("400001");
    plane
        .put(&format!("{base}/properties"), r#"{"properties":{"a":"b"},"hostName":"x"}"#)
        .await
        .assert_empty();
    let changed = plane.get(&base).await.json();
    assert_eq!(changed["instance"]["status"], "DOWN");
    assert_eq!(changed["instance"]["properties"], json!({"a": "b"}));
    plane.delete(&base).await.assert_empty();
    plane.delete(&base).await.assert_refused("400017");
}

#[tokio::test]
async fn a_lease_ends_without_heartbeats_and_stays_with_them() {
    let plane = Plane::start().await;
    let service = plane.service("lease", "1.0.0").await;
    let instance = plane.instance(&service, "n1").await;
    let beat = format!("{SERVICES}/{service}/instances/{instance}/heartbeat");
    plane.advance(19);
    plane.put(&beat, "").await.assert_empty();
    plane.advance(19);
    plane.put(&beat, "").await.assert_empty();
    plane.advance(20);
    plane.put(&beat, "").await.assert_refused("400017");
    let left = plane.get(&format!("{SERVICES}/{service}/instances")).await;
    assert_eq!(left.text, r#"{"instances":[]}"#);
    let metrics = plane.get("/metrics").await;
    assert!(metrics.text.contains("mesher_control_lease_expired_total 1\n"), "{}", metrics.text);
}

#[tokio::test]
async fn many_heartbeats_are_spelled_as_old_clients_do() {
    let plane = Plane::start().await;
    let service = plane.service("lease", "1.0.0").await;
    let instance = plane.instance(&service, "n1").await;
    let key = |id: &str| format!(r#"{{"serviceId":"{service}","instanceId":"{id}"}}"#);
    let body = format!(r#"{{"Instances":[{},{}]}}"#, key(&instance), key("nosuch"));
    let answer = plane.put(&format!("{REGISTRY}/heartbeats"), &body).await;
    assert_eq!(
        answer.json(),
        json!({"instances": [
            {"serviceId": service, "instanceId": instance},
            {"serviceId": service, "instanceId": "nosuch",
             "errMessage": "Instance does not exist(leaseId not exist, instance not exist)"}
        ]})
    );
    plane.put(&format!("{REGISTRY}/heartbeats"), r#"{"Instances":[]}"#).await.assert_refused("400001");
}

#[tokio::test]
async fn services_are_read_changed_listed_and_removed() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let base = format!("{SERVICES}/{service}");
    plane.put(&format!("{base}/properties"), r#"{"properties":{"a":"b"}}"#).await.assert_empty();
    let read = plane.get(&format!("{base}?noCache=1&global=true&cacheOnly=1")).await;
    assert_eq!(read.json()["service"]["properties"], json!({"a": "b"}));
    let listed = plane.get(SERVICES).await.json();
    assert_eq!(listed["services"].as_array().unwrap().len(), 1);
    let shared = plane.get(&format!("{SERVICES}?withShared=true")).await.json();
    assert_eq!(shared["services"].as_array().unwrap().len(), 2);
    plane.instance(&service, "n1").await;
    plane.delete(&base).await.assert_refused("400013");
    plane.delete(&format!("{base}?force=maybe")).await.assert_refused("400001");
    let body = format!(r#"{{"serviceIds":["{service}","nosuch"],"force":true}}"#);
    let removed = plane.send("DELETE", SERVICES, &[], body).await.json();
    assert_eq!(removed["services"][0], json!({ "serviceId": service }));
    assert_eq!(removed["services"][1]["errMessage"], "Micro-service does not exist(Service does not exist.)");
    plane.get(&base).await.assert_refused("400012");
}

#[tokio::test]
async fn the_registry_finds_itself() {
    let plane = Plane::start().await;
    let health = plane.get(&format!("{REGISTRY}/health")).await.json();
    let own = &health["instances"][0];
    assert_eq!(own["endpoints"], json!([format!("rest://{}/", plane.address)]));
    assert_eq!(own["status"], "UP");
    assert!(plane.get("/health").await.header("server").starts_with("SERVICECENTER/"));
    plane.advance(1_000_000);
    assert_eq!(plane.get("/health").await.json()["instances"].as_array().unwrap().len(), 1);
    assert_eq!(plane.get("/version").await.json()["apiVersion"], "4.0.0");
    let own_service = format!("{SERVICES}/{}", own["serviceId"].as_str().unwrap());
    plane.delete(&format!("{own_service}?force=true")).await.assert_refused("400001");
    for path in ["/v4/default/registry/health/readiness", "/livez", "/readyz"] {
        assert_eq!(plane.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn other_spellings_of_a_path_are_understood() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    for path in
        [format!("/registry/v3/microservices/{service}"), format!("{REGISTRY}//microservices/{service}")]
    {
        assert_eq!(plane.get(&path).await.json()["service"]["serviceName"], "pay", "{path}");
    }
}

#[tokio::test]
async fn domains_and_projects_are_apart() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let path = format!("{SERVICES}/{service}");
    plane.send("GET", &path, &[("x-domain-name", "other")], "").await.assert_refused("400012");
    plane.get(&path.replace("/default/", "/p2/")).await.assert_refused("400012");
    plane.send("GET", &path, &[("x-domain-name", "a/b")], "").await.assert_refused("400001");
}

#[tokio::test]
async fn java_clients_may_send_null_and_any_case() {
    let plane = Plane::start().await;
    let body = r#"{"service":{"serviceId":null,"AppID":"shop","servicename":"j3","alias":null,"level":null,
        "framework":{"name":"ServiceComb","version":"3.2.0"},"schemas":["Hello"],"paths":[],"instances":null,
        "properties":{"Keep.Case":"x","none":null},"noSuchField":1},"other":2}"#;
    let service = plane.post(SERVICES, body).await.json();
    let service = service["serviceId"].as_str().unwrap().to_owned();
    let read = plane.get(&format!("{SERVICES}/{service}")).await;
    assert_eq!(read.json()["service"]["properties"], json!({"Keep.Case": "x", "none": ""}));
    assert!(!read.text.contains("null"));
    let body = r#"{"instance":{"instanceId":null,"hostName":"vm","endpoints":["rest://127.0.0.1:1"],
        "healthCheck":{"mode":"push","port":0,"interval":30,"times":3,"ttl":120},"stage":"prod",
        "dataCenterInfo":null,"timestamp":null,"properties":{}}}"#;
    let path = format!("{SERVICES}/{service}/instances");
    assert_eq!(plane.post(&path, body).await.status, 200);
}

#[tokio::test]
async fn a_full_registry_says_so() {
    let mut settings = Settings::default();
    settings.limits.services = 1;
    let plane = Plane::start_with(settings).await;
    let body = r#"{"service":{"serviceName":"one too many"}}"#.replace(' ', "-");
    plane.post(SERVICES, &body).await.assert_refused("400100");
}
