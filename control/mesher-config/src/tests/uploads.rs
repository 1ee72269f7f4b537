//! Many records at once.
//! They must tell what became of each.

use super::{NOW, create, draft};
use crate::{Configuration, Draft, Override, Status, Tenant};

#[test]
fn t_kie_13_each_word_does_what_it_says_where_a_record_is_there() {
    for (choice, taken, refused) in [
        (Override::Force, vec!["new", "k", "last"], vec![("a b", 400_001)]),
        (Override::Skip, vec!["new", "last"], vec![("k", 400_004), ("a b", 400_001)]),
        (Override::Abort, vec!["new"], vec![("k", 400_005), ("a b", 400_005), ("last", 400_005)]),
    ] {
        let mut configuration = Configuration::default();
        create(&mut configuration, "k", "v", "app=a");
        let drafts = ["new", "k", "a b", "last"].map(|key| draft(key, "w", "app=a")).into();
        let uploaded = configuration.keys_mut().upload(Tenant::DEFAULT, drafts, choice, NOW);
        let success: Vec<_> = uploaded.success.iter().map(|record| record.key.as_str()).collect();
        let failure: Vec<_> =
            uploaded.failure.iter().map(|one| (one.draft.key.as_str(), one.error.number())).collect();
        assert_eq!((success, failure), (taken, refused), "{choice:?}");
    }
    assert_eq!(Override::parse("Force"), None);
}

#[test]
fn a_forced_record_keeps_its_status_unless_one_is_named() {
    let mut configuration = Configuration::default();
    create(&mut configuration, "k", "v", "app=a");
    for (status, wanted) in [("", Status::Enabled), ("disabled", Status::Disabled)] {
        let one = Draft { status: status.to_owned(), ..draft("k", "w", "app=a") };
        let uploaded = configuration.keys_mut().upload(Tenant::DEFAULT, vec![one], Override::Force, NOW);
        assert_eq!((uploaded.success[0].value.as_str(), uploaded.success[0].status), ("w", wanted));
    }
}
