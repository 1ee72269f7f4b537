//! The audit as an owner of the data directory reads it: who changed what from where.
//! It must not read it in any other way than line by line as JSON.

use mesher_control::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::access::{self, ROOT};
use crate::support::{Plane, SERVICES};

fn lines(folder: &TempDir) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn start(folder: &TempDir, settings: Settings) -> Plane {
    Plane::start_with(Settings { data_directory: Some(folder.path().to_owned()), ..settings }).await
}

#[tokio::test]
async fn changes_of_the_registry_have_an_origin() {
    let folder = TempDir::new().unwrap();
    let plane = start(&folder, Settings::default()).await;
    let service = plane.service("pay", "1.0.0").await;
    plane.instance(&service, "host").await;
    plane.advance(1_000);
    plane.service("other", "1.0.0").await;
    plane.delete(&format!("{SERVICES}/{service}")).await.assert_empty();
    let told: Vec<_> = lines(&folder)
        .iter()
        .map(|line| (line["action"].clone(), line["who"].clone(), line["from"].is_string()))
        .collect();
    let expected = [
        ("created", "anonymous", true),
        ("created", "anonymous", true),
        ("removed", "control-plane", false),
        ("created", "anonymous", true),
        ("removed", "anonymous", true),
    ];
    assert_eq!(told, expected.map(|(action, who, from)| (json!(action), json!(who), from)));
}

#[tokio::test]
async fn changes_of_accounts_say_who_and_never_a_secret_and_survive_a_restart() {
    let folder = TempDir::new().unwrap();
    for (is_first, role) in [(true, "admin"), (false, "developer")] {
        let plane = start(&folder, access::with_root()).await;
        let token = access::token(&plane, "root", ROOT).await;
        if is_first {
            let new = json!({"name": "a", "password": "Acc0unt-pass!", "roles": ["developer"]});
            access::send(&plane, &token, "POST", "/v4/accounts", &new).await.assert_empty();
        }
        let update = json!({"roles": [role]});
        access::send(&plane, &token, "PUT", "/v4/accounts/a", &update).await.assert_empty();
        plane.stop().await.unwrap();
    }
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    for secret in ["argon2", "Pa55word", "Acc0unt", "eyJ", "password_hash"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let of_account: Vec<Value> =
        lines(&folder).into_iter().filter(|line| line["target"] == "access/account/a").collect();
    assert_eq!(of_account.len(), 3);
    for line in &of_account {
        assert_eq!(line["who"], "root");
        assert!(line["from"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert!(line["at"].as_str().unwrap().starts_with("2023-11-14T"), "{line}");
    }
    let change = &of_account[1];
    assert_eq!(
        (&change["before"]["roles"], &change["after"]["roles"]),
        (&json!(["developer"]), &json!(["admin"]))
    );
}
