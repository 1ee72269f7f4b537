//! RG-16: every answer names the control plane that gives it, by its data.
//! They must not read the name: it is opaque to clients.

use mesher_control::Settings;
use tempfile::TempDir;

use crate::support::{Plane, SERVICES};

const CLUSTER: &str = "x-mesher-cluster";

async fn name(plane: &Plane) -> String {
    plane.get("/livez").await.header(CLUSTER).to_owned()
}

#[tokio::test]
async fn rg_16_every_answer_names_its_control_plane() {
    let (plane, other) = (Plane::start().await, Plane::start().await);
    let own = name(&plane).await;
    assert!(!own.is_empty() && own.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{own:?}");
    for (method, path, status) in [
        ("GET", SERVICES, 200),
        ("POST", SERVICES, 400),
        ("GET", "/mesher/v1/services", 200),
        ("GET", "/v1/default/kie/kv", 200),
        ("GET", "/v3/default/configuration/items", 400),
        ("GET", "/nosuch", 404),
        ("PATCH", SERVICES, 405),
        ("GET", "/metrics", 200),
    ] {
        let answer = plane.send(method, path, &[], "").await;
        assert_eq!((answer.header(CLUSTER), answer.status), (&*own, status), "{method} {path}: {answer:?}");
    }
    let foreign = plane.send("GET", "/", &[("host", "evil.test")], "").await;
    assert_eq!((foreign.header(CLUSTER), foreign.status), (&*own, 403));
    assert_ne!(name(&other).await, own, "each in memory is one of its own");
}

#[tokio::test]
async fn rg_16_the_name_goes_with_the_data() {
    let folder = TempDir::new().unwrap();
    let settings =
        |name: &str| Settings { data_directory: Some(folder.path().join(name)), ..Settings::default() };
    let plane = Plane::start_with(settings("one")).await;
    let own = name(&plane).await;
    plane.stop().await.unwrap();
    let plane = Plane::start_with(settings("one")).await;
    assert_eq!(name(&plane).await, own, "wherever it is started");
    let other = Plane::start_with(settings("two")).await;
    assert_ne!(name(&other).await, own);
}
