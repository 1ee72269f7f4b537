//! The power goes at any step of a run of writes.
//! What was acknowledged must be there, what failed or never came must not, and nothing may be half there.

use super::platter::{Platter, TestClock};
use crate::{KeyRange, Operation, Revision, Store, Transaction, WatchError};

const RUNS: u64 = 150;
const WRITES: u32 = 12;

#[test]
fn st_02_power_cut_at_any_step_keeps_what_was_acknowledged() {
    for seed in 0..RUNS {
        let mut random = fastrand::Rng::with_seed(seed);
        let (platter, clock) = (Platter::with_store(), TestClock::default());
        let store = platter.open_store(&clock).unwrap();
        platter.state().steps_to_cut = Some(random.u32(1..150));
        let (mut acknowledged, mut sent) = (0, 0);
        for number in 1..=WRITES {
            sent = number;
            let value = number.to_string().repeat(random.usize(1..3000));
            let transaction = Transaction::of([
                Operation::put("left", value.clone()),
                Operation::put("right", value.clone()),
                Operation::put(format!("log/{number:04}"), value),
            ]);
            match store.commit(transaction).wait() {
                Ok(_) => acknowledged = number,
                Err(_) => break,
            }
        }
        drop(store);
        check(&platter.after_power_cut(&mut random), &clock, acknowledged, sent, seed);
    }
}

fn check(found: &Platter, clock: &TestClock, acknowledged: u32, sent: u32, seed: u64) {
    let store = found.open_store(clock).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let records = runtime.block_on(store.range(KeyRange::all(), None)).unwrap().records;
    let logged = records.iter().filter(|record| record.key.starts_with(b"log/")).count();
    let logged = u32::try_from(logged).unwrap();
    assert!((acknowledged..=sent).contains(&logged), "seed {seed}: {acknowledged} <= {logged} <= {sent}");
    if logged > 0 {
        let last = &records.iter().rfind(|record| record.key.starts_with(b"log/")).unwrap().value;
        assert_eq!(&records[0].value, last, "seed {seed}: half a transaction");
        assert!(
            records.iter().filter(|record| record.value == last).count() >= 3,
            "seed {seed}: half a transaction"
        );
    }
    assert_eq!(store.status().revision.0, u64::from(logged) + 1, "seed {seed}");
    // And it can be written to.
    store.commit(Transaction::of([Operation::put("after", "1")])).wait().unwrap();
}

/// Runs of the cut while it compacts.
const COMPACTIONS: u64 = 8;
const MANY: usize = 60;

/// A store most of which can be let go of.
fn full_store(clock: &TestClock) -> (Platter, Store) {
    let platter = Platter::with_store();
    let store = platter.open_store(clock).unwrap();
    let put = |key: String, size| store.commit(Transaction::of([Operation::put(key, vec![b'x'; size])]));
    let pending: Vec<_> = (0..MANY).map(|number| put(format!("many/{number:03}"), 40_000)).collect();
    for pending in pending {
        pending.wait().unwrap();
    }
    put("kept".to_owned(), 10).wait().unwrap();
    (platter, store)
}

/// Deletes most of it, compacts, and goes on writing. Answers the last revision that was
/// acknowledged, and the one up to which compaction was.
fn let_go(store: &Store) -> (Revision, Revision) {
    let (mut acknowledged, mut compacted) = (store.status().revision, store.status().compacted);
    let delete = store.commit(Transaction::of([Operation::Delete(KeyRange::prefix("many/"))])).wait();
    let Ok(deleted) = delete else { return (acknowledged, compacted) };
    acknowledged = deleted.revision;
    if store.compact(acknowledged).wait().is_err() {
        return (acknowledged, compacted);
    }
    compacted = acknowledged;
    for number in 0..10 {
        let value = number.to_string().repeat(50_000);
        match store.commit(Transaction::of([Operation::put("churn", value)])).wait() {
            Ok(committed) => acknowledged = committed.revision,
            Err(_) => break,
        }
    }
    // Its answer comes after the look at the file that the last write led to.
    let _seen = store.expire().wait();
    (acknowledged, compacted)
}

/// ST-08: the power goes while most of the rows and their history are let go of.
#[test]
fn st_08_power_cut_while_it_compacts_takes_no_revision_back() {
    let clock = TestClock::default();
    let (platter, store) = full_store(&clock);
    let before = platter.state().steps;
    let_go(&store);
    let steps = platter.state().steps - before;
    for seed in 0..COMPACTIONS {
        let mut random = fastrand::Rng::with_seed(seed);
        let (platter, store) = full_store(&clock);
        platter.state().steps_to_cut = Some(random.u32(1..=steps));
        let (acknowledged, compacted) = let_go(&store);
        drop(store);
        let store = platter.after_power_cut(&mut random).open_store(&clock);
        let store = store.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let status = store.status();
        assert!(status.revision >= acknowledged && status.compacted >= compacted, "seed {seed}: {status:?}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let kept = runtime.block_on(store.get("kept")).unwrap();
        assert!(kept.is_some(), "seed {seed}");
        let records = runtime.block_on(store.range(KeyRange::prefix("many/"), None)).unwrap().records;
        assert!(
            records.is_empty() || (records.len() == MANY && status.revision == Revision(MANY as u64 + 2)),
            "seed {seed}"
        );
        if status.compacted > Revision::FIRST {
            let told = store.watch(KeyRange::all(), Revision::FIRST).take();
            assert_eq!(told, Err(WatchError::Compacted { compacted: status.compacted }), "seed {seed}");
        }
        store.commit(Transaction::of([Operation::put("after", "1")])).wait().unwrap();
    }
}
