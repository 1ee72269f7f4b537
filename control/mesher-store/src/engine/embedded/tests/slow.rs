//! A disk that takes its time.
//! Only what has to be durable may wait for it; no test here may wait for real time.

use std::time::Duration;

use super::platter::{Platter, TestClock};
use crate::{KeyRange, Lease, Operation, Transaction};

/// ST-07: a sync that does not come back holds up writes, and neither reads, leases nor watches.
#[tokio::test]
async fn st_07_a_slow_sync_holds_up_writes_alone() {
    let (platter, clock) = (Platter::with_store(), TestClock::default());
    let store = platter.open_store(&clock).unwrap();
    let lease = Lease::lasting(Duration::from_secs(60));
    store.grant(lease).await.unwrap();
    let put = |key: &'static str| store.commit(Transaction::of([Operation::put(key, "1")]));
    let before = put("kept").await.unwrap().revision;
    let mut watch = store.watch(KeyRange::all(), before);

    platter.state().is_busy = true;
    let steps = platter.state().steps;
    let waiting = tokio::spawn(put("slow"));
    // The writer is at work on it.
    while platter.state().steps == steps {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert_eq!(store.get("kept").await.unwrap().unwrap().modified, before);
        assert!(store.get("slow").await.unwrap().is_none(), "what is not durable is not seen");
        store.keep_alive(lease.id).await.unwrap();
        assert_eq!(store.status().revision, before);
    }
    assert_eq!(watch.take().unwrap().unwrap().revision, before);
    assert_eq!(watch.take(), Ok(None));
    assert!(!waiting.is_finished());

    platter.state().is_busy = false;
    assert_eq!(waiting.await.unwrap().unwrap().revision, before.next());
    assert_eq!(watch.take().unwrap().unwrap().revision, before.next());
}
