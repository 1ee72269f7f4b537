//! Watches: ordered, unique, complete, whole for each transaction, resumable.
//! A watch that cannot be all of that must end with its reason.

use mesher_store::{KeyRange, Operation, Revision, StoreError, Transaction, WatchError};

use crate::bed::{Bed, describe};

pub(super) async fn st_14_watch_is_complete_from_any_revision(bed: Bed) {
    bed.put("a", "1").await;
    bed.put("b", "1").await;
    bed.put("a", "2").await;
    bed.delete("a").await;
    let all = ["2 put a=1", "3 put b=1", "4 put a=2", "5 delete a"];
    for from in 1..=6 {
        let skipped = usize::try_from(from).unwrap().saturating_sub(2);
        assert_eq!(bed.events(KeyRange::all(), Revision(from)), all[skipped..], "from {from}");
    }
    assert_eq!(bed.events(KeyRange::one("b"), Revision(1)), ["3 put b=1"]);
}

pub(super) async fn st_14_watch_waits_for_what_comes(bed: Bed) {
    let mut watch = bed.store.watch(KeyRange::prefix("a/"), Revision(3));
    let store = bed.store.clone();
    let writer = tokio::spawn(async move {
        for (number, key) in (0..30).zip(["b/1", "a/1", "a/2"].into_iter().cycle()) {
            store.commit(Transaction::of([Operation::put(key, number.to_string())])).await.unwrap();
        }
    });
    let mut last = Revision(2);
    for _ in 0..20 {
        let changes = watch.next().await.unwrap();
        assert!(changes.revision > last, "ordered and unique");
        assert_eq!(changes.events.len(), 1);
        last = changes.revision;
        assert_eq!(watch.position(), last.next());
    }
    writer.await.unwrap();
    assert_eq!(watch.take(), Ok(None));
}

pub(super) async fn st_14_transaction_is_seen_whole_and_filtered(bed: Bed) {
    bed.put("a/3", "1").await;
    let operations = [Operation::put("a/1", "1"), Operation::put("b", "1"), Operation::delete("a/3")];
    bed.store.commit(Transaction::of(operations)).await.unwrap();
    let mut watch = bed.store.watch(KeyRange::prefix("a/"), Revision(3));
    let changes = watch.take().unwrap().unwrap();
    let events: Vec<_> = changes.events.iter().map(|event| describe(changes.revision, event)).collect();
    assert_eq!(events, ["3 put a/1=1", "3 delete a/3"]);
}

pub(super) async fn st_08_compacted_watch_says_so(mut bed: Bed) {
    for number in 0..10 {
        bed.put("a", &number.to_string()).await;
    }
    bed.store.compact(Revision(8)).await.unwrap();
    for _ in 0..2 {
        let mut watch = bed.store.watch(KeyRange::all(), Revision(7));
        assert_eq!(watch.next().await, Err(WatchError::Compacted { compacted: Revision(8) }));
        assert_eq!(watch.take(), Err(WatchError::Compacted { compacted: Revision(8) }), "again");
        assert_eq!(bed.events(KeyRange::all(), Revision(8)).len(), 4);
        assert_eq!(bed.value("a").await.as_deref(), Some("9"), "the state stays");
        bed.restart().await;
    }
}

pub(super) async fn st_08_slow_watcher_is_told_that_it_fell_behind(bed: Bed) {
    bed.put("a", "1").await;
    let mut watch = bed.store.watch(KeyRange::all(), Revision(2));
    assert!(watch.take().unwrap().is_some());
    bed.put("a", "2").await;
    let last = bed.put("a", "3").await;
    bed.store.compact(last).await.unwrap();
    assert_eq!(watch.next().await, Err(WatchError::Lagged { compacted: last }));
}

pub(super) async fn compaction_has_bounds(bed: Bed) {
    let last = bed.put("a", "1").await;
    let future = bed.store.compact(last.next()).await;
    assert!(matches!(future, Err(StoreError::FutureRevision { current, .. }) if current == last));
    bed.store.compact(last).await.unwrap();
    let again = bed.store.compact(last).await;
    assert!(matches!(again, Err(StoreError::Compacted { compacted }) if compacted == last));
    assert_eq!(bed.store.status().compacted, last);
}

pub(super) async fn st_14_history_outlives_a_restart(mut bed: Bed) {
    bed.put("a", "1").await;
    bed.delete("a").await;
    let before = bed.events(KeyRange::all(), Revision(1));
    bed.restart().await;
    assert_eq!(bed.events(KeyRange::all(), Revision(1)), before);
}

pub(super) async fn st_09_history_is_bounded_by_itself(mut bed: Bed) {
    let value = bytes::Bytes::from(vec![0; 1 << 20]);
    for _ in 0..40 {
        bed.store.commit(Transaction::of([Operation::put("a", value.clone())])).await.unwrap();
    }
    for _ in 0..2 {
        let status = bed.store.status();
        let left = status.revision.0 - status.compacted.0 + 1;
        assert!((6..=8).contains(&left), "{left} transactions of 1 MiB are left");
        assert_eq!(bed.events(KeyRange::all(), status.compacted).len() as u64, left);
        bed.restart().await;
    }
}

pub(super) async fn watch_ends_with_the_store(bed: Bed) {
    let mut watch = bed.store.watch(KeyRange::all(), Revision(1));
    bed.put("a", "1").await;
    let waiting = tokio::spawn(async move {
        let first = watch.next().await;
        (first.map(|changes| changes.revision), watch.next().await)
    });
    bed.store.close().await;
    assert_eq!(waiting.await.unwrap(), (Ok(Revision(2)), Err(WatchError::Closed)));
}
