//! Accounts and roles: who may change whom, and what stays.
//! They must not go over HTTP.

use super::{access, at, create, log_in, new};
use crate::{AccessError, Caller, Grant, NewAccount, NewRole, Permission, Resource, Verb};

fn role(name: &str, kind: &str, labels: &[(&str, &str)], verbs: &[&str]) -> NewRole {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    NewRole {
        name: name.to_owned(),
        perms: vec![Permission {
            resources: vec![Resource { kind: kind.to_owned(), labels }],
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        }],
    }
}

fn caller(access: &mut crate::Access, name: &str) -> Caller {
    log_in(access, name, at(0)).unwrap()
}

#[test]
fn built_in_accounts_and_roles_stay_as_they_are() {
    let mut access = access();
    let root = caller(&mut access, "root");
    let answers = [
        access.remove_account(&root, "root"),
        access.update_account(&root, "root", &new("root", &["developer"]), at(0)),
        access.remove_role("admin"),
        access.remove_role("developer"),
        access.update_role("admin", NewRole::default(), at(0)),
    ];
    let numbers = answers.map(|answer| answer.unwrap_err().number());
    assert_eq!(numbers, [403_202, 403_202, 403_203, 403_203, 403_203]);
}

#[test]
fn nobody_raises_himself() {
    let mut access = access();
    access.create_role(role("clerk", "account", &[], &["*"]), "r".to_owned(), at(0)).unwrap();
    create(&mut access, "clerk", &["clerk"]);
    create(&mut access, "other", &["developer"]);
    let clerk = caller(&mut access, "clerk");
    let own = access.update_account(&clerk, "clerk", &new("clerk", &["developer"]), at(0));
    assert_eq!(own, Err(AccessError::OwnAccount));
    assert_eq!(access.remove_account(&clerk, "clerk"), Err(AccessError::OwnAccount));
    let made = access.create_account(&clerk, &new("mine", &["admin"]), String::new(), String::new(), at(0));
    assert_eq!(made.unwrap_err().number(), 403_205);
    let raised = access.update_account(&clerk, "other", &new("other", &["admin"]), at(0));
    assert_eq!(raised.unwrap_err().number(), 403_205);
    access.update_account(&clerk, "other", &new("other", &["clerk"]), at(0)).unwrap();
}

#[test]
fn a_change_that_names_nothing_changes_nothing_but_tokens() {
    let mut access = access();
    create(&mut access, "a", &["developer"]);
    let root = caller(&mut access, "root");
    access.update_account(&root, "a", &NewAccount::default(), at(5)).unwrap();
    let seen = access.account("a").unwrap();
    assert_eq!((seen.roles, seen.status), (vec!["developer".to_owned()], "active".to_owned()));
}

#[test]
fn grants_are_all_a_part_or_none() {
    let mut access = access();
    access
        .create_role(role("shop", "service", &[("appId", "shop")], &["get", "create"]), "r".to_owned(), at(0))
        .unwrap();
    create(&mut access, "shop", &["shop"]);
    create(&mut access, "dev", &["shop", "developer"]);
    let (shop, dev, root) =
        (caller(&mut access, "shop"), caller(&mut access, "dev"), caller(&mut access, "root"));
    let Grant::Part(scope) = access.grant(&shop, "service", Verb::Get).unwrap() else { panic!("a part") };
    assert!(scope.admits("", "shop", "pay") && !scope.admits("", "else", "pay"));
    for (kind, verb) in [("service", Verb::Delete), ("service/schema", Verb::Get), ("account", Verb::Get)] {
        assert!(access.grant(&shop, kind, verb).is_err(), "{kind}");
    }
    assert_eq!(access.grant(&dev, "service", Verb::Get), Ok(Grant::All), "the wider role counts");
    assert!(access.grant(&dev, "account", Verb::Get).is_err());
    assert!(access.grant(&dev, "role", Verb::Update).is_err());
    assert_eq!(access.grant(&root, "account", Verb::Delete), Ok(Grant::All));
    // What a role allows changes at once for a token that is out.
    access.update_role("shop", role("shop", "service", &[("appId", "else")], &["get"]), at(1)).unwrap();
    let Grant::Part(scope) = access.grant(&shop, "service", Verb::Get).unwrap() else { panic!("a part") };
    assert!(!scope.admits("", "shop", "pay") && scope.admits("", "else", "pay"));
    access.update_role("shop", NewRole::default(), at(1)).unwrap();
    assert!(access.grant(&shop, "service", Verb::Get).is_err());
}

#[test]
fn a_label_that_is_unknown_to_the_matcher_admits_nothing() {
    let mut access = access();
    let bad = [
        role("r", "services", &[], &["get"]),
        role("r", "service", &[], &["read"]),
        role("r", "service", &[("app", "x")], &["get"]),
        role("r", "ops", &[("appId", "x")], &["get"]),
        role("r", "config", &[("app", "x")], &["get"]),
        role("bad name", "service", &[], &["get"]),
        role("", "service", &[], &["get"]),
        NewRole { name: "r".to_owned(), perms: vec![Permission::default(); 65] },
    ];
    for role in bad {
        let name = format!("{role:?}");
        assert_eq!(
            access.create_role(role, "r".to_owned(), at(0)).unwrap_err().number(),
            400_001,
            "{name:.80}"
        );
    }
    let narrowed = role("r", "config", &[("appId", "x")], &["get"]);
    access.create_role(narrowed, "r".to_owned(), at(0)).unwrap();
}

#[test]
fn numbers_of_accounts_and_roles_are_bounded() {
    let mut access = access();
    let root = caller(&mut access, "root");
    for number in 0..999 {
        let new = new(&format!("a{number}"), &["developer"]);
        access.create_account(&root, &new, String::new(), String::new(), at(0)).unwrap();
    }
    let one_more =
        access.create_account(&root, &new("b", &["developer"]), String::new(), String::new(), at(0));
    assert_eq!(one_more, Err(AccessError::TooManyAccounts));
    for number in 0..98 {
        access.create_role(role(&format!("r{number}"), "ops", &[], &["*"]), String::new(), at(0)).unwrap();
    }
    let one_more = access.create_role(role("b", "ops", &[], &["*"]), String::new(), at(0));
    assert_eq!(one_more, Err(AccessError::TooManyRoles));
}
