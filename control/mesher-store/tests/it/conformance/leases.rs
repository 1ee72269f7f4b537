//! Leases: what belongs to them, and when they end.
//! No case may wait for a clock: the bed's goes when it is told to.

use std::time::Duration;

use mesher_store::{KeyRange, Lease, Operation, Revision, StoreError, Transaction};

use crate::bed::Bed;

pub(super) async fn end_deletes_all_keys_in_one_revision(bed: Bed) {
    let lease = bed.grant(10).await;
    bed.put_leased("a", "1", lease).await;
    bed.put_leased("b", "1", lease).await;
    let before = bed.put("c", "1").await;
    bed.advance(9);
    bed.store.expire().await.unwrap();
    assert_eq!(bed.keys().await, ["a", "b", "c"]);
    bed.advance(1);
    bed.store.expire().await.unwrap();
    assert_eq!(bed.keys().await, ["c"]);
    let events = bed.events(KeyRange::all(), before.next());
    assert_eq!(events, ["5 delete a", "5 delete b"]);
    assert!(matches!(bed.store.keep_alive(lease.id).await, Err(StoreError::LeaseNotFound(_))));
    assert_eq!(bed.store.status().leases, 0);
}

pub(super) async fn keeping_alive_puts_the_end_off(bed: Bed) {
    let (kept, left) = (bed.grant(10).await, bed.grant(10).await);
    bed.put_leased("kept", "1", kept).await;
    let before = bed.put_leased("left", "1", left).await;
    bed.advance(9);
    assert_eq!(bed.store.keep_alive(kept.id).await.unwrap(), Duration::from_secs(10));
    assert_eq!(bed.store.status().revision, before, "keeping alive is no change");
    bed.advance(9);
    bed.store.expire().await.unwrap();
    assert_eq!(bed.keys().await, ["kept"]);
    let (period, rest) = bed.store.time_to_live(kept.id).await.unwrap();
    assert_eq!((period, rest), (Duration::from_secs(10), Duration::from_secs(1)));
    bed.advance(1);
    bed.store.expire().await.unwrap();
    assert!(bed.keys().await.is_empty());
}

pub(super) async fn revoking_deletes_at_once(bed: Bed) {
    let lease = bed.grant(10).await;
    bed.put_leased("a", "1", lease).await;
    let before = bed.put_leased("b", "1", lease).await;
    assert_eq!(bed.store.revoke(lease.id).await.unwrap().revision, before.next());
    assert!(bed.keys().await.is_empty());
    assert!(matches!(bed.store.revoke(lease.id).await, Err(StoreError::LeaseNotFound(_))));
    let again = bed.store.commit(Transaction::of([Operation::put_leased("a", "1", lease.id)])).await;
    assert!(matches!(again, Err(StoreError::LeaseNotFound(_))));
    bed.advance(20);
    assert_eq!(bed.store.expire().await.unwrap().revision, before.next());
}

pub(super) async fn put_without_the_lease_takes_the_key_off_it(bed: Bed) {
    let lease = bed.grant(10).await;
    bed.put_leased("a", "1", lease).await;
    bed.put_leased("b", "1", lease).await;
    bed.put("a", "2").await;
    bed.delete("b").await;
    bed.put("b", "2").await;
    bed.advance(10);
    bed.store.expire().await.unwrap();
    assert_eq!(bed.keys().await, ["a", "b"]);
}

pub(super) async fn key_can_change_its_lease(bed: Bed) {
    let (short, long) = (bed.grant(5).await, bed.grant(50).await);
    bed.put_leased("a", "1", short).await;
    bed.put_leased("a", "2", long).await;
    assert_eq!(bed.store.get("a").await.unwrap().unwrap().lease, Some(long.id));
    bed.advance(5);
    bed.store.expire().await.unwrap();
    assert_eq!(bed.keys().await, ["a"]);
    bed.advance(45);
    bed.store.expire().await.unwrap();
    assert!(bed.keys().await.is_empty());
}

pub(super) async fn unknown_lease_refuses_the_transaction_alone(bed: Bed) {
    let unknown = Lease::lasting(Duration::from_secs(10)).id;
    let good = bed.store.commit(Transaction::of([Operation::put("a", "1")]));
    let operations = [Operation::put("b", "1"), Operation::put_leased("c", "1", unknown)];
    let bad = bed.store.commit(Transaction::of(operations));
    let also_good = bed.store.commit(Transaction::of([Operation::put("d", "1")]));
    assert_eq!(good.await.unwrap().revision, Revision(2));
    assert!(matches!(bad.await, Err(StoreError::LeaseNotFound(id)) if id == unknown));
    assert_eq!(also_good.await.unwrap().revision, Revision(3));
    assert_eq!(bed.keys().await, ["a", "d"]);
}

pub(super) async fn lease_may_be_used_before_it_is_acknowledged(bed: Bed) {
    let lease = Lease::lasting(Duration::from_millis(9_500));
    let granted = bed.store.grant(lease);
    let put = bed.store.commit(Transaction::of([Operation::put_leased("a", "1", lease.id)]));
    let twice = bed.store.grant(lease);
    granted.await.unwrap();
    put.await.unwrap();
    assert!(matches!(twice.await, Err(StoreError::LeaseExists(_))));
    let (period, _) = bed.store.time_to_live(lease.id).await.unwrap();
    assert_eq!(period, Duration::from_secs(10), "whole seconds");
}

pub(super) async fn restart_gives_one_full_period(mut bed: Bed) {
    let lease = bed.grant(10).await;
    bed.put_leased("a", "1", lease).await;
    bed.advance(9);
    bed.restart().await;
    let left = if bed.is_durable() { 10 } else { 1 };
    assert_eq!(bed.store.time_to_live(lease.id).await.unwrap().1, Duration::from_secs(left));
    bed.advance(left - 1);
    bed.store.expire().await.unwrap();
    assert_eq!(bed.keys().await, ["a"]);
    bed.advance(1);
    bed.store.expire().await.unwrap();
    assert!(bed.keys().await.is_empty());
}

pub(super) async fn lease_without_keys_ends_without_a_revision(bed: Bed) {
    let before = bed.put("a", "1").await;
    let lease = bed.grant(10).await;
    bed.advance(10);
    assert_eq!(bed.store.expire().await.unwrap().revision, before);
    assert!(matches!(bed.store.keep_alive(lease.id).await, Err(StoreError::LeaseNotFound(_))));
}
