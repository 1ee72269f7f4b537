//! Many clients on few keys, and a check that what each of them saw fits one order of all writes.
//! That order must be the one that a watch tells; the check must not look at the store again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mesher_store::{Condition, Event, KeyRange, Operation, Revision, Transaction};

use crate::bed::{Bed, Engine, text};

const CLIENTS: u64 = 12;
const KEYS: [&str; 3] = ["a", "b", "c"];
/// What each client does at most; fewer where the disk is slow.
const CALLS: u64 = 200;
const TIME: Duration = Duration::from_secs(2);

/// What a client asked for and was answered.
#[derive(Debug)]
enum Seen {
    /// The value and the revision of the record, if there was one.
    Got(Option<(String, Revision)>),
    Put(String, Revision),
    Deleted(Revision),
    /// What was put, on which base, and whether it was the right one.
    Swapped(String, Revision, Revision, bool),
}

#[derive(Debug)]
struct Call {
    key: &'static str,
    began: u64,
    ended: u64,
    seen: Seen,
}

/// All states of the keys: what each held from a revision on.
#[derive(Default)]
struct States(BTreeMap<String, BTreeMap<Revision, Option<String>>>);

impl States {
    fn of(bed: &Bed) -> Self {
        let (mut states, mut last) = (Self::default(), Revision::FIRST);
        let mut watch = bed.store.watch(KeyRange::all(), Revision::FIRST);
        while let Some(changes) = watch.take().unwrap() {
            assert!(changes.revision > last, "ordered and unique");
            last = changes.revision;
            for event in &changes.events {
                let (key, value) = match event {
                    Event::Put(record) => (&record.key, Some(text(&record.value))),
                    Event::Delete { key } => (key, None),
                };
                let was_there = states.0.entry(text(key)).or_default().insert(last, value);
                assert!(was_there.is_none(), "one event of a key in a revision");
            }
        }
        states
    }

    /// The value that a key had in a revision, and since when.
    fn at(&self, key: &str, revision: Revision) -> (Option<&str>, Revision) {
        let states = self.0.get(key).and_then(|states| states.range(..=revision).next_back());
        states.map_or((None, Revision::FIRST), |(since, value)| (value.as_deref(), *since))
    }

    /// The first revision from `low` on in which a key was as it was seen.
    fn find(&self, key: &str, seen: Option<&(String, Revision)>, low: Revision) -> Option<Revision> {
        let fits = |revision| {
            let (value, since) = self.at(key, revision);
            value == seen.map(|(value, _)| value.as_str())
                && seen.is_none_or(|(_, modified)| *modified == since)
        };
        let later =
            self.0.get(key).into_iter().flat_map(|states| states.range(low..).map(|(since, _)| *since));
        std::iter::once(low).chain(later).find(|revision| fits(*revision))
    }
}

/// One call, whose key and kind are drawn.
async fn call(bed: &Bed, time: &AtomicU64, random: &mut fastrand::Rng, value: String) -> Call {
    let key = KEYS[random.usize(..KEYS.len())];
    let began = time.fetch_add(1, Ordering::SeqCst);
    let commit = |transaction| bed.store.commit(transaction);
    let put = |value: &String| Transaction::of([Operation::put(key, value.clone())]);
    let seen = match random.u8(..10) {
        0..=3 => {
            let record = bed.store.get(key).await.unwrap();
            Seen::Got(record.map(|record| (text(&record.value), record.modified)))
        }
        4..=6 => Seen::Put(value.clone(), commit(put(&value)).await.unwrap().revision),
        7 => Seen::Deleted(commit(Transaction::of([Operation::delete(key)])).await.unwrap().revision),
        _ => {
            // Others may change it meanwhile; what is not there fits no base.
            let base = bed.store.get(key).await.unwrap().map_or(Revision(0), |record| record.modified);
            let committed = commit(put(&value).when(key, Condition::ModifiedIn(base))).await.unwrap();
            Seen::Swapped(value, base, committed.revision, committed.succeeded)
        }
    };
    Call { key, began, ended: time.fetch_add(1, Ordering::SeqCst), seen }
}

async fn run(bed: Arc<Bed>) -> Vec<Call> {
    let (time, end) = (Arc::new(AtomicU64::new(0)), Instant::now() + TIME);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (bed, time) = (bed.clone(), time.clone());
        clients.spawn(async move {
            let (mut random, mut calls) = (fastrand::Rng::with_seed(client), Vec::new());
            for number in 0..CALLS {
                if Instant::now() > end {
                    break;
                }
                calls.push(call(&bed, &time, &mut random, format!("{client}/{number}")).await);
            }
            calls
        });
    }
    let mut calls: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    calls.sort_by_key(|call| call.began);
    calls
}

/// The revision in which a call took place, not before `low`.
fn place(states: &States, call: &Call, low: Revision) -> Revision {
    match &call.seen {
        Seen::Got(record) => states
            .find(call.key, record.as_ref(), low)
            .unwrap_or_else(|| panic!("stale: {call:?} after {low}")),
        Seen::Put(value, revision) => {
            assert_eq!(states.at(call.key, *revision), (Some(value.as_str()), *revision), "{call:?}");
            *revision
        }
        Seen::Deleted(revision) => {
            assert_eq!(states.at(call.key, *revision).0, None, "{call:?}");
            *revision
        }
        Seen::Swapped(value, base, revision, true) => {
            assert_eq!(states.at(call.key, *revision), (Some(value.as_str()), *revision), "{call:?}");
            let (before, since) = states.at(call.key, Revision(revision.0 - 1));
            assert_eq!(before.map(|_| since), Some(*base), "{call:?}");
            *revision
        }
        Seen::Swapped(_, base, revision, false) => {
            let (found, since) = states.at(call.key, *revision);
            assert_ne!(found.map(|_| since), Some(*base), "{call:?}");
            *revision
        }
    }
}

/// Gives each call its place, in the order in which they began: none before one that had ended by then.
fn check(states: &States, calls: &[Call]) {
    let mut ended: BTreeMap<u64, Revision> = BTreeMap::new();
    for call in calls {
        let low = ended.range(..call.began).next_back().map_or(Revision::FIRST, |(_, revision)| *revision);
        let place = place(states, call, low);
        assert!(place >= low, "it was over in {low} when this began: {call:?}");
        // Kept as the highest of all that ended up to a time.
        let before =
            ended.range(..call.ended).next_back().map_or(place, |(_, revision)| place.max(*revision));
        ended.insert(call.ended, before);
        ended.range_mut(call.ended..).for_each(|(_, revision)| *revision = place.max(*revision));
    }
}

/// ST-13, ST-14: for one node. Reads, writes, deletes and swaps of many clients fit one order.
async fn st_13(engine: Engine) {
    let bed = Arc::new(Bed::new(engine));
    let calls = run(bed.clone()).await;
    let states = States::of(&bed);
    let swapped =
        |wanted| calls.iter().filter(move |call| matches!(call.seen, Seen::Swapped(.., is) if is == wanted));
    assert!(calls.len() > 100, "{} calls in {TIME:?}", calls.len());
    assert!(swapped(true).count() > 0 && swapped(false).count() > 0, "both ends of a swap came up");
    let written =
        calls.iter().filter(|call| matches!(call.seen, Seen::Put(..) | Seen::Swapped(.., true))).count();
    let told = states.0.values().flat_map(BTreeMap::values).filter(|value| value.is_some()).count();
    assert_eq!(told, written, "a watch tells all that was acknowledged, and nothing else");
    check(&states, &calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_13_what_clients_see_fits_one_order_in_memory() {
    st_13(Engine::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_13_what_clients_see_fits_one_order_on_disk() {
    st_13(Engine::Embedded).await;
}

/// The check itself: a read that is too old, and one that no state explains.
#[test]
fn st_13_the_check_finds_what_fits_no_order() {
    let mut states = States::default();
    let of_key = states.0.entry("a".to_owned()).or_default();
    of_key.insert(Revision(2), Some("1".to_owned()));
    of_key.insert(Revision(3), Some("2".to_owned()));
    let put = |value: &str, revision, began| Call {
        key: "a",
        began,
        ended: began + 1,
        seen: Seen::Put(value.to_owned(), Revision(revision)),
    };
    let got = |value: &str, revision, began| Call {
        key: "a",
        began,
        ended: began + 1,
        seen: Seen::Got(Some((value.to_owned(), Revision(revision)))),
    };
    check(&states, &[put("1", 2, 0), got("1", 2, 2), put("2", 3, 4), got("2", 3, 6)]);
    for wrong in [got("1", 2, 6), got("3", 3, 6)] {
        let calls = [put("1", 2, 0), put("2", 3, 4), wrong];
        assert!(std::panic::catch_unwind(|| check(&states, &calls)).is_err(), "{calls:?}");
    }
}
