//! What is too much, too long, or nonsense.
//! A refusal must leave no trace.

use std::time::Duration;

use mesher_store::{KeyRange, Lease, LeaseId, Operation, StoreError, Transaction};

use crate::bed::Bed;

pub(super) async fn what_no_store_would_do_is_refused(bed: Bed) {
    let put = |key: &str| Operation::put(key.to_owned(), "1");
    let cases: Vec<Vec<Operation>> = vec![
        vec![put("")],
        vec![put(&"k".repeat(4097))],
        vec![Operation::put("a", vec![0; (4 << 20) + 1])],
        vec![put("a"), put("a")],
        vec![put("a/1"), Operation::Delete(KeyRange::prefix("a/"))],
        vec![Operation::delete("a"), put("a")],
        vec![Operation::Delete(KeyRange { start: "b".into(), end: Some("a".into()) })],
        (0..129).map(|number| put(&number.to_string())).collect(),
    ];
    for (number, operations) in cases.into_iter().enumerate() {
        let refused = bed.store.commit(Transaction::of(operations.clone())).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "case {number}: {refused:?}");
        let otherwise = Transaction { otherwise: operations, ..Transaction::default() };
        let refused = bed.store.commit(otherwise).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "case {number}: {refused:?}");
    }
    let second = Duration::from_secs(1);
    for (id, period) in [(0, second), (u64::MAX, second), (1, second / 2), (1, second * 40_000_000)] {
        let refused = bed.store.grant(Lease { id: LeaseId(id), period }).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{id} {period:?}: {refused:?}");
    }
    assert!(bed.keys().await.is_empty());
    assert_eq!(bed.store.status().revision.0, 1);
}

pub(super) async fn large_value_comes_back(mut bed: Bed) {
    let value: Vec<u8> = (0..2 << 20).map(|place: u32| place.to_le_bytes()[place as usize % 3]).collect();
    bed.store.commit(Transaction::of([Operation::put("a", value.clone())])).await.unwrap();
    bed.store.commit(Transaction::of([Operation::put("b", "")])).await.unwrap();
    bed.restart().await;
    assert_eq!(bed.store.get("a").await.unwrap().unwrap().value, value);
    assert_eq!(bed.value("b").await.as_deref(), Some(""));
}

pub(super) async fn queue_is_bounded(bed: Bed) {
    let value = bytes::Bytes::from(vec![0; 4 << 20]);
    let submit = |number: u32| {
        let operations: Vec<_> =
            (0..16).map(|part| Operation::put(format!("{number}/{part}"), value.clone())).collect();
        bed.store.commit(Transaction::of(operations))
    };
    // 64 MiB each: what is large is taken alone.
    let pending: Vec<_> = (0..3).map(submit).collect();
    let mut refused = 0;
    for pending in pending {
        match pending.await {
            Ok(_) => {}
            Err(StoreError::Overloaded) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused >= 1, "{refused}");
    bed.put("after", "1").await;
}
