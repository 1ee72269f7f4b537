//! What Java Chassis 3.2.0 sends from its start to its end, and what it does with the answers.
//! It must send what was seen on the wire of that SDK, `null` members and all: its client of the registry is not published,
//! so it cannot run here.

use serde_json::{Value, json};

use crate::support::{Answer, Plane, REGISTRY};

/// Java Chassis names its instances itself.
const PROVIDER: &str = "158feb19-bf38-4d90-97d5-d3f83e773451";
const CONSUMER: &str = "14816359-e052-4493-84c6-c0a81cd07f6d";
const CONTRACT: &str = "openapi: 3.0.1\ninfo:\n  title: swagger definition\n";
/// What every one of its requests has.
const FIELDS: [(&str, &str); 4] = [
    ("Accept-Encoding", "gzip,deflate"),
    ("Content-Type", "application/json"),
    ("User-Agent", "microservice-client/1.0.0"),
    ("X-Domain-Name", "default"),
];

async fn send(plane: &Plane, method: &str, path: &str, body: &str) -> Answer {
    plane.send(method, &format!("{REGISTRY}{path}"), &FIELDS, body.to_owned()).await
}

/// Registers a service and an instance as it does, contracts before the instance, and brings the instance up.
async fn come_up(plane: &Plane, name: &str, instance: &str) -> String {
    let path = format!("/existence?type=microservice&appId=trace&serviceName={name}&version=1.0.0&env=");
    send(plane, "GET", &path, "").await.assert_refused("400012");
    let service = json!({"service": {
        "serviceId": null, "framework": {"name": "ServiceComb", "version": "3.2.0"}, "registerBy": null,
        "environment": "", "appId": "trace", "serviceName": name, "alias": null, "version": "1.0.0",
        "description": null, "level": null, "schemas": ["HelloEndpoint"], "paths": [], "status": "UP",
        "properties": {}, "timestamp": null, "modTimestamp": null
    }});
    let answer = send(plane, "POST", "/microservices", &service.to_string()).await;
    let service = answer.json()["serviceId"].as_str().unwrap().to_owned();
    let schema = json!({"schema": CONTRACT, "summary": "8f2b", "schemaId": null}).to_string();
    let path = format!("/microservices/{service}/schemas/HelloEndpoint");
    send(plane, "PUT", &path, &schema).await.assert_empty();
    let body = json!({"instance": {
        "instanceId": instance, "serviceId": service, "version": "1.0.0", "hostName": "host",
        "endpoints": ["rest://127.0.0.1:8080"], "status": "STARTING", "properties": {},
        "healthCheck": {"mode": "push", "port": 0, "interval": 15, "times": 3, "url": null},
        "dataCenterInfo": null, "timestamp": "1795487927123", "modTimestamp": null
    }});
    let answer = send(plane, "POST", &format!("/microservices/{service}/instances"), &body.to_string()).await;
    assert_eq!(answer.json()["instanceId"], instance);
    let one = format!("/microservices/{service}/instances/{instance}");
    send(plane, "PUT", &format!("{one}/heartbeat"), "").await.assert_empty();
    send(plane, "PUT", &format!("{one}/status?value=UP"), "").await.assert_empty();
    service
}

async fn find(plane: &Plane, consumer: &str, revision: &str) -> Answer {
    let path = format!("{REGISTRY}/instances?appId=trace&serviceName=j3-hello&version=0%2B&rev={revision}");
    let mut fields = FIELDS.to_vec();
    fields.push(("X-ConsumerId", consumer));
    plane.send("GET", &path, &fields, "").await
}

#[tokio::test]
async fn a_provider_and_a_consumer_live_through_their_day() {
    let plane = Plane::start().await;
    let provider = come_up(&plane, "j3-hello", PROVIDER).await;
    let consumer = come_up(&plane, "j3-consumer", CONSUMER).await;

    let found = find(&plane, &consumer, "").await;
    let revision = found.header("x-resource-revision").to_owned();
    let instances = found.json()["instances"].clone();
    assert_eq!(
        (found.status, &instances[0]["instanceId"], &instances[0]["status"]),
        (200, &json!(PROVIDER), &json!("UP"))
    );
    // It reads every member without a look: a null breaks it.
    assert!(!found.text.contains("null"), "{}", found.text);
    let read = send(&plane, "GET", &format!("/microservices/{provider}"), "").await.json();
    assert_eq!(read["service"]["serviceName"], "j3-hello");
    let path = format!("/microservices/{provider}/schemas?withSchema=1");
    let schemas = send(&plane, "GET", &path, "").await.json();
    let texts: Vec<&Value> =
        schemas["schemas"].as_array().unwrap().iter().map(|schema| &schema["schema"]).collect();
    assert_eq!(texts, [&json!(CONTRACT)]);

    // Every 15 s a look-up that wants 304 with the revision, and a heartbeat.
    for _ in 0..5 {
        plane.advance(15);
        let unchanged = find(&plane, &consumer, &revision).await;
        assert_eq!((unchanged.status, unchanged.header("x-resource-revision")), (304, &*revision));
        for (service, instance) in [(&provider, PROVIDER), (&consumer, CONSUMER)] {
            let path = format!("/microservices/{service}/instances/{instance}/heartbeat");
            send(&plane, "PUT", &path, "").await.assert_empty();
        }
    }

    // It never deletes its instance: it goes down, and its lease does the rest.
    let path = format!("/microservices/{provider}/instances/{PROVIDER}/status?value=DOWN");
    send(&plane, "PUT", &path, "").await.assert_empty();
    let changed = find(&plane, &consumer, &revision).await;
    assert_eq!((changed.status, &changed.json()["instances"][0]["status"]), (200, &json!("DOWN")));
    plane.advance(61);
    let path = format!("/microservices/{consumer}/instances/{CONSUMER}/heartbeat");
    send(&plane, "PUT", &path, "").await.assert_refused("400017");
    assert_eq!(find(&plane, &consumer, "").await.json()["instances"], json!([]));
}
