//! Every lasting change is told, can be taken back, and makes the same state again elsewhere.
//! They must not look into a store.

use serde_json::json;

use super::{access, at, beginnings, create, log_in, new, token};
use crate::{Access, Edit, NewRole, Secret};

/// Writes edits to a map as a store does.
fn replay(edits: &[Edit]) -> Access {
    let mut access = Access::new(Secret::new([0; 64]));
    for edit in edits {
        access.restore(&edit.key, edit.after.clone()).unwrap();
    }
    access
}

fn busy() -> (Access, Vec<Edit>) {
    let mut access = access();
    create(&mut access, "a", &["developer"]);
    create(&mut access, "b", &["developer"]);
    let root = log_in(&mut access, "root", at(0)).unwrap();
    access.create_role(NewRole { name: "r".to_owned(), perms: Vec::new() }, "r".to_owned(), at(1)).unwrap();
    access.update_account(&root, "a", &new("a", &["r"]), at(2)).unwrap();
    access.remove_account(&root, "b").unwrap();
    let edits = access.take_edits();
    assert!(access.take_edits().is_empty(), "an edit is told once");
    (access, edits)
}

#[test]
fn stored_records_make_the_same_state_and_keep_tokens_good() {
    let (mut access, edits) = busy();
    let mut again = replay(&edits);
    assert_eq!((again.accounts(), again.roles()), (access.accounts(), access.roles()));
    let token = token(&mut access, "a", at(3)).unwrap();
    assert!(again.recognise(&token, at(3)).is_ok(), "the secret is among the records");
    assert!(again.complete(beginnings(), at(4)));
    assert!(again.take_edits().is_empty(), "nothing is made twice");
}

#[test]
fn edits_undone_from_the_last_leave_nothing() {
    let (mut access, edits) = busy();
    for edit in edits.iter().rev() {
        access.restore(&edit.key, edit.before.clone()).unwrap();
    }
    assert!(access.accounts().is_empty() && access.roles().is_empty());
    assert!(access.take_edits().is_empty(), "taking back is no edit");
}

#[test]
fn no_secret_is_in_what_people_see() {
    let (access, edits) = busy();
    let shown = format!("{:?}", edits.iter().map(Edit::without_secrets).collect::<Vec<_>>());
    assert!(!shown.contains("hash") && !shown.contains("0707"), "{shown}");
    let views = serde_json::to_string(&access.accounts()).unwrap();
    assert!(!views.contains("hash") && !views.contains("generation"), "{views}");
    assert!(!format!("{access:?}").contains("0707"));
}

#[test]
fn a_record_of_another_kind_is_refused() {
    let mut access = access();
    for (key, value) in [
        ("access/other", json!({})),
        ("access/account/a", json!({"name": 7})),
        ("access/secret", json!({"secret": "00"})),
        ("access/secret", json!({"secret": "é".repeat(64)})),
    ] {
        assert!(access.restore(key, Some(value)).is_err(), "{key}");
    }
}
