//! What a control plane keeps in its data directory: through a restart, through a failing disk, in a backup.
//! It must end each control plane before it looks at what was kept.

use mesher_control::Settings;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Plane, SERVICES};

fn settings(folder: &TempDir) -> Settings {
    Settings { data_directory: Some(folder.path().join("data")), ..Settings::default() }
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_what_was_removed_is_not() {
    let folder = TempDir::new().unwrap();
    let plane = Plane::start_with(settings(&folder)).await;
    let service = plane.service("pay", "1.0.0").await;
    let gone = plane.service("gone", "1.0.0").await;
    plane.instance(&service, "host").await;
    plane.instance(&gone, "other").await;
    let schema = json!({"schema": "a text", "summary": "digest"}).to_string();
    plane.put(&format!("{SERVICES}/{service}/schemas/one"), &schema).await.assert_empty();
    let tags = json!({"tags": {"colour": "blue"}}).to_string();
    plane.post(&format!("{SERVICES}/{service}/tags"), &tags).await.assert_empty();
    plane.delete(&format!("{SERVICES}/{gone}?force=true")).await.assert_empty();
    let paths = ["", "/instances", "/schemas", "/schemas/one", "/tags"];
    let before = read(&plane, &service, &paths).await;
    plane.stop().await.unwrap();

    let plane = Plane::start_with(settings(&folder)).await;
    assert_eq!(read(&plane, &service, &paths).await, before);
    assert_eq!(plane.get(&format!("{SERVICES}/{gone}")).await.status, 400);
    plane.stop().await.unwrap();
}

async fn read(plane: &Plane, service: &str, paths: &[&str]) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for path in paths {
        let answer = plane.get(&format!("{SERVICES}/{service}{path}")).await;
        answers.push((answer.status, answer.text));
    }
    answers
}

#[tokio::test]
async fn an_instance_gets_one_full_lease_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let plane = Plane::start_with(settings(&folder)).await;
    let service = plane.service("pay", "1.0.0").await;
    let instance = plane.instance(&service, "host").await;
    plane.stop().await.unwrap();

    let plane = Plane::start_with(settings(&folder)).await;
    let path = format!("{SERVICES}/{service}/instances/{instance}");
    plane.advance(15);
    assert_eq!(plane.get(&path).await.status, 200, "its lease is 20 s");
    plane.advance(10);
    assert_eq!(plane.get(&path).await.status, 400);
    plane.stop().await.unwrap();
    // Its end was kept, too.
    let plane = Plane::start_with(settings(&folder)).await;
    assert_eq!(plane.get(&path).await.status, 400);
    plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_directory_has_one_control_plane() {
    let folder = TempDir::new().unwrap();
    let plane = Plane::start_with(settings(&folder)).await;
    let listen = ([127, 0, 0, 1], 0).into();
    let second = mesher_control::Server::bind(Settings { listen, ..settings(&folder) }).await;
    let error = second.unwrap_err().to_string();
    assert!(error.contains("is in use by process"), "{error}");
    plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_running_control_plane_can_be_restored() {
    let folder = TempDir::new().unwrap();
    let plane = Plane::start_with(settings(&folder)).await;
    let service = plane.service("pay", "1.0.0").await;
    let backup = plane.get_bytes("/mesher/v1/backup").await;
    plane.service("later", "1.0.0").await;
    plane.stop().await.unwrap();

    let (file, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    std::fs::write(&file, backup).unwrap();
    mesher_store::restore(&file, &restored).unwrap();
    let plane = Plane::start_with(Settings { data_directory: Some(restored), ..Settings::default() }).await;
    assert_eq!(plane.get(&format!("{SERVICES}/{service}")).await.status, 200);
    let services = plane.get(SERVICES).await.json();
    let names: Vec<_> =
        services["services"].as_array().unwrap().iter().map(|one| one["serviceName"].clone()).collect();
    assert!(!names.contains(&json!("later")), "{names:?}");
    plane.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_directory_there_is_no_backup() {
    let plane = Plane::start_with(Settings::default()).await;
    let answer = plane.get("/mesher/v1/backup").await;
    assert_eq!((answer.status, &answer.json()["error"]), (409, &json!("no_store")));
}
