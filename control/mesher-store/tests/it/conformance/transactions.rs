//! Transactions, conditions and revisions.
//! Expectations must not go beyond what etcd would answer.

use mesher_store::{Committed, Condition, KeyRange, Operation, Revision, StoreError, Transaction};

use crate::bed::Bed;

pub(super) async fn new_store_has_revision_one(bed: Bed) {
    let status = bed.store.status();
    assert_eq!((status.revision, status.compacted, status.leases), (Revision(1), Revision(1), 0));
    let reading = bed.store.range(KeyRange::all(), None).await.unwrap();
    assert_eq!((reading.revision, reading.records.len()), (Revision(1), 0));
    assert_eq!(bed.put("a", "1").await, Revision(2));
}

pub(super) async fn record_tells_its_revisions_and_version(bed: Bed) {
    bed.put("a", "1").await;
    bed.put("other", "1").await;
    bed.put("a", "2").await;
    let record = bed.store.get("a").await.unwrap().unwrap();
    assert_eq!((record.created, record.modified, record.version), (Revision(2), Revision(4), 2));
    assert_eq!((&record.value[..], record.lease), (&b"2"[..], None));
    bed.delete("a").await;
    bed.put("a", "3").await;
    let record = bed.store.get("a").await.unwrap().unwrap();
    assert_eq!((record.created, record.modified, record.version), (Revision(6), Revision(6), 1));
}

pub(super) async fn transaction_has_one_revision(bed: Bed) {
    bed.put("c", "0").await;
    let transaction =
        Transaction::of([Operation::put("a", "1"), Operation::put("b", "1"), Operation::delete("c")]);
    let committed = bed.store.commit(transaction).await.unwrap();
    assert_eq!(committed, Committed { revision: Revision(3), succeeded: true });
    let reading = bed.store.range(KeyRange::all(), None).await.unwrap();
    assert!(reading.records.iter().all(|record| record.modified == Revision(3)));
    assert_eq!(bed.keys().await, ["a", "b"]);
}

pub(super) async fn transaction_without_effect_makes_no_revision(bed: Bed) {
    let before = bed.put("a", "1").await;
    assert_eq!(bed.delete("missing").await, before);
    let failed = bed.store.commit(Transaction::of([]).when("a", Condition::Absent)).await.unwrap();
    assert_eq!(failed, Committed { revision: before, succeeded: false });
    assert_eq!(bed.put("a", "1").await, before.next(), "the same value is a change");
}

pub(super) async fn conditions_choose_the_branch(bed: Bed) {
    let revision = bed.put("a", "1").await;
    let cases = [
        ("a", Condition::Present, true),
        ("a", Condition::Absent, false),
        ("b", Condition::Absent, true),
        ("b", Condition::Present, false),
        ("a", Condition::ModifiedIn(revision), true),
        ("a", Condition::ModifiedIn(revision.next()), false),
        ("b", Condition::ModifiedIn(revision), false),
        ("a", Condition::Value("1".into()), true),
        ("a", Condition::Value("2".into()), false),
        ("b", Condition::Value("1".into()), false),
    ];
    for (key, condition, holds) in cases {
        let transaction = Transaction {
            otherwise: vec![Operation::put("branch", "otherwise")],
            ..Transaction::of([Operation::put("branch", "then")])
        };
        let both = transaction.when("a", Condition::Present).when(key, condition.clone());
        let committed = bed.store.commit(both).await.unwrap();
        assert_eq!(committed.succeeded, holds, "{key} {condition:?}");
        let expected = if holds { "then" } else { "otherwise" };
        assert_eq!(bed.value("branch").await.as_deref(), Some(expected), "{key} {condition:?}");
    }
}

pub(super) async fn st_15_one_of_two_with_the_same_base_wins(bed: Bed) {
    let base = bed.put("config", "0").await;
    let edit = |value: &'static str| {
        let change = Transaction::of([Operation::put("config", value)]);
        bed.store.commit(change.when("config", Condition::ModifiedIn(base)))
    };
    let (first, second) = (edit("first"), edit("second"));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.succeeded, second.succeeded), (true, false));
    assert_eq!(first.revision, second.revision, "the loser learns the current one");
    assert_eq!(bed.value("config").await.as_deref(), Some("first"));
}

pub(super) async fn ranges_are_in_order_and_bounded(bed: Bed) {
    for key in ["b/2", "a", "b/1", "b", "c", "b/10"] {
        bed.put(key, "1").await;
    }
    assert_eq!(bed.keys().await, ["a", "b", "b/1", "b/10", "b/2", "c"]);
    let count = |range, limit| {
        let store = bed.store.clone();
        async move { store.range(range, limit).await.unwrap().records.len() }
    };
    assert_eq!(count(KeyRange::prefix("b/"), None).await, 3);
    assert_eq!(count(KeyRange::prefix("b/"), Some(2)).await, 2);
    assert_eq!(count(KeyRange::one("b"), None).await, 1);
    assert_eq!(count(KeyRange { start: "c".into(), end: Some("a".into()) }, None).await, 0);
    assert_eq!(count(KeyRange { start: "b/2".into(), end: None }, None).await, 2);
    assert_eq!(count(KeyRange::prefix(vec![0xff]), None).await, 0);
    bed.store.commit(Transaction::of([Operation::Delete(KeyRange::prefix("b/"))])).await.unwrap();
    assert_eq!(bed.keys().await, ["a", "b", "c"]);
}

pub(super) async fn order_of_submission_is_order_of_revisions(bed: Bed) {
    let submit = |number: u64| bed.store.commit(Transaction::of([Operation::put("a", number.to_string())]));
    let pending: Vec<_> = (0..500).map(submit).collect();
    for (number, pending) in (0..).zip(pending) {
        assert_eq!(pending.await.unwrap().revision, Revision(2 + number));
    }
    assert_eq!(bed.value("a").await.as_deref(), Some("499"));
}

pub(super) async fn concurrent_clients_lose_nothing(bed: Bed) {
    let bed = std::sync::Arc::new(bed);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..16 {
        let bed = bed.clone();
        clients.spawn(async move {
            let mut last = Revision(0);
            for number in 0..20 {
                let revision = bed.put(&format!("{client:02}/{number:02}"), "1").await;
                assert!(revision > last);
                last = revision;
            }
        });
    }
    clients.join_all().await;
    assert_eq!(bed.keys().await.len(), 320);
    assert_eq!(bed.store.status().revision, Revision(321));
    assert_eq!(bed.events(KeyRange::all(), Revision(2)).len(), 320);
}

pub(super) async fn all_is_there_after_a_restart(mut bed: Bed) {
    bed.put("a", "1").await;
    bed.put("b", "2").await;
    bed.put("a", "3").await;
    let (before, status) = (bed.store.range(KeyRange::all(), None).await.unwrap(), bed.store.status());
    bed.restart().await;
    assert_eq!(bed.store.range(KeyRange::all(), None).await.unwrap(), before);
    let after = bed.store.status();
    assert_eq!((after.id, after.epoch, after.revision), (status.id, status.epoch, status.revision));
    assert_eq!(bed.put("a", "4").await, before.revision.next());
}

pub(super) async fn closed_store_answers_so(bed: Bed) {
    bed.put("a", "1").await;
    let other = bed.store.clone();
    let last = other.commit(Transaction::of([Operation::put("a", "2")]));
    bed.store.close().await;
    last.await.unwrap();
    let late = other.commit(Transaction::of([Operation::put("a", "3")])).await;
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
    other.close().await;
}
