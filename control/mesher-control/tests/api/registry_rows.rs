//! Faults of a registry as one control plane meets them, one test for each, called by the id of its row.
//! They must speak to it as clients do; what a proxy makes of a registry's faults is tested with the proxy.
//!
//! | row | fault | where |
//! |---|---|---|
//! | RG-07 | most instances are gone at once | here; `mesher-registry`, `tests/leases` |
//! | RG-08 | an instance comes and goes every second | here |
//! | RG-09 | bodies that are no calls | `rows` |
//! | RG-11 | one bad instance among good ones | here |
//! | RG-12 | revisions that go back | here |
//! | RG-17 | the registry stood still | here; `mesher-registry`, `tests/leases` |
//! | RG-18 | heartbeats for what is unknown, and many | `rows`; a foreign identity: here |
//! | RG-19 | a calendar that jumps | `mesher-registry`, `tests/leases` |
//! | RG-22 | what is another tenant's | `rows` as AD-12 |
//!
//! RG-01 to RG-06, RG-10, RG-13, RG-14, RG-16, RG-20, RG-21 and RG-23 are of a proxy; RG-15 needs several nodes.

use serde_json::json;

use crate::support::{Plane, SERVICES};

const FIND: &str = "/v4/default/registry/instances?appId=shop&serviceName=pay&version=0%2B";

async fn count(plane: &Plane, service: &str) -> usize {
    let list = plane.get(&format!("{SERVICES}/{service}/instances")).await;
    list.json()["instances"].as_array().unwrap().len()
}

async fn beat(plane: &Plane, service: &str, instance: &str) -> u16 {
    plane.put(&format!("{SERVICES}/{service}/instances/{instance}/heartbeat"), "").await.status
}

/// A service with this many instances.
async fn many(plane: &Plane, count: usize) -> (String, Vec<String>) {
    let service = plane.service("pay", "1.0.0").await;
    let mut instances = Vec::new();
    for number in 0..count {
        instances.push(plane.instance(&service, &format!("h{number}")).await);
    }
    (service, instances)
}

/// Each of these instances is known, and its lease begins again.
async fn beat_all(plane: &Plane, service: &str, instances: &[String]) {
    for instance in instances {
        assert_eq!(beat(plane, service, instance).await, 200, "{instance}");
    }
}

/// RG-07: nine of ten instances fall silent in one moment; they are kept for one lease more, and those that come back stay.
#[tokio::test]
async fn rg_07_most_instances_fall_silent_and_look_ups_still_find_them() {
    let plane = Plane::start().await;
    let (service, instances) = many(&plane, 50).await;
    plane.advance(15);
    beat_all(&plane, &service, &instances[..5]).await;
    plane.advance(6);
    assert_eq!(count(&plane, &service).await, 50, "their ends wait");
    let found = plane.get(FIND).await.json();
    assert_eq!(found["instances"].as_array().unwrap().len(), 50);
    beat_all(&plane, &service, &instances[..20]).await;
    plane.advance(19);
    beat_all(&plane, &service, &instances[..20]).await;
    plane.advance(19);
    assert_eq!(count(&plane, &service).await, 20, "those that stayed away are gone");
}

/// RG-17: the process stood still for nearly two leases, and its clients are all alive. One that stood still for longer lets
/// go of them, as the ends of leases wait for one lease more.
#[tokio::test]
async fn rg_17_a_registry_that_stood_still_lets_no_instance_go() {
    let plane = Plane::start().await;
    let (service, instances) = many(&plane, 30).await;
    plane.advance(39);
    assert_eq!(count(&plane, &service).await, 30);
    beat_all(&plane, &service, &instances).await;
    plane.advance(19);
    assert_eq!(count(&plane, &service).await, 30);
}

/// RG-08: an instance that comes and goes every second. Each state is told as it is, and nothing piles up.
#[tokio::test]
async fn rg_08_an_instance_that_comes_and_goes_is_told_as_it_is() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    plane.instance(&service, "steady").await;
    let mut revisions = Vec::new();
    for _ in 0..15 {
        let instance = plane.instance(&service, "flaps").await;
        let up = plane.get(FIND).await;
        assert_eq!(up.json()["instances"].as_array().unwrap().len(), 2);
        plane.delete(&format!("{SERVICES}/{service}/instances/{instance}")).await.assert_empty();
        let down = plane.get(FIND).await;
        assert_eq!(down.json()["instances"].as_array().unwrap().len(), 1);
        revisions.extend([up, down].map(|answer| answer.header("x-resource-revision").to_owned()));
        plane.advance(1);
    }
    assert!(revisions.windows(2).all(|pair| pair[0] != pair[1]), "every change has a revision of its own");
    plane.advance(5);
    assert_eq!(count(&plane, &service).await, 0, "the lease of the steady one went on meanwhile");
}

/// RG-11: what is wrong with one instance is said of that one, and the others are as they were.
#[tokio::test]
async fn rg_11_a_bad_instance_is_refused_alone() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let path = format!("{SERVICES}/{service}/instances");
    plane.instance(&service, "h1").await;
    for bad in [
        json!({"hostName": ""}),
        json!({"hostName": 7}),
        json!({"hostName": "h", "endpoints": [""]}),
        json!({"hostName": "h", "endpoints": ["rest://a b:1"]}),
        json!({"hostName": "h", "endpoints": [7]}),
        json!({"hostName": "h", "status": "NONSENSE"}),
        json!({"hostName": "h", "healthCheck": {"mode": "push", "interval": -1, "times": 3}}),
        json!({"hostName": "h", "healthCheck": {"mode": "push", "interval": 1e300, "times": 3}}),
        json!({"hostName": "h", "healthCheck": {"mode": "guess", "interval": 5, "times": 3}}),
    ] {
        let answer = plane.post(&path, &json!({"instance": bad}).to_string()).await;
        assert_eq!((answer.status, &answer.json()["errorCode"]), (400, &json!("400001")), "{bad}");
        assert_eq!(count(&plane, &service).await, 1, "{bad}");
    }
}

/// RG-12: a caller whose revision is old, of another time or nonsense gets all there is, never "not modified".
#[tokio::test]
async fn rg_12_a_revision_that_is_not_the_present_one_gets_everything() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    plane.instance(&service, "h1").await;
    let old = plane.get(FIND).await.header("x-resource-revision").to_owned();
    plane.instance(&service, "h2").await;
    let now = plane.get(FIND).await.header("x-resource-revision").to_owned();
    assert_eq!(plane.get(&format!("{FIND}&rev={now}")).await.status, 304);
    for revision in [old.as_str(), "0", "-1", "99999999999999999999999", "nonsense"] {
        let answer = plane.get(&format!("{FIND}&rev={revision}")).await;
        assert_eq!(answer.status, 200, "{revision}");
        assert_eq!(answer.json()["instances"].as_array().unwrap().len(), 2, "{revision}");
    }
}

/// RG-18: a heartbeat with the identity of another service renews nothing.
#[tokio::test]
async fn rg_18_a_heartbeat_under_another_service_renews_nothing() {
    let plane = Plane::start().await;
    let (service, other) = (plane.service("pay", "1.0.0").await, plane.service("web", "1.0.0").await);
    let instance = plane.instance(&service, "h1").await;
    plane.advance(15);
    assert_eq!(beat(&plane, &other, &instance).await, 400);
    plane.advance(5);
    assert_eq!(count(&plane, &service).await, 0);
}
