//! Random requests, compared with a model of a few lines.
//! The model must not share code with the store.

use std::collections::BTreeMap;

use mesher_store::{Condition, KeyRange, Lease, LeaseId, Operation, Revision, StoreError, Transaction};
use proptest::prelude::*;

use crate::bed::{Bed, Engine, text};

const KEYS: u8 = 6;
const LEASES: u64 = 3;
/// The period of every lease in seconds.
const PERIOD: u64 = 10;

#[derive(Debug, Clone)]
enum Step {
    Put { key: u8, value: u8, lease: Option<u64> },
    Delete { from: u8, to: u8 },
    Swap { key: u8, base: u64, one: u8, other: u8 },
    Grant(u64),
    Revoke(u64),
    KeepAlive(u64),
    Advance(u64),
    Compact(u64),
    Restart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    value: String,
    created: u64,
    modified: u64,
    version: u64,
    lease: Option<u64>,
}

#[derive(Default)]
struct Model {
    now: u64,
    revision: u64,
    compacted: u64,
    rows: BTreeMap<String, Row>,
    leases: BTreeMap<u64, u64>,
    events: Vec<(u64, String)>,
}

impl Model {
    fn put(&mut self, revision: u64, key: &str, value: &str, lease: Option<u64>) {
        let former = self.rows.get(key);
        let created = former.map_or(revision, |row| row.created);
        let version = former.map_or(0, |row| row.version) + 1;
        let row = Row { value: value.to_owned(), created, modified: revision, version, lease };
        self.rows.insert(key.to_owned(), row);
        self.events.push((revision, format!("{revision} put {key}={value}")));
        self.revision = revision;
    }

    fn delete(&mut self, keys: Vec<String>) {
        if keys.is_empty() {
            return;
        }
        self.revision += 1;
        for key in keys {
            self.rows.remove(&key);
            self.events.push((self.revision, format!("{} delete {key}", self.revision)));
        }
    }

    fn end_lease(&mut self, lease: u64) {
        self.leases.remove(&lease);
        let of_lease = self.rows.iter().filter(|(_, row)| row.lease == Some(lease));
        self.delete(of_lease.map(|(key, _)| key.clone()).collect());
    }

    /// Sooner ends first; of the same end, the smaller id.
    fn expire(&mut self) {
        let mut due: Vec<_> =
            self.leases.iter().filter(|(_, end)| **end <= self.now).map(|(id, end)| (*end, *id)).collect();
        due.sort_unstable();
        due.into_iter().for_each(|(_, id)| self.end_lease(id));
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lease = 1..=LEASES;
    let step = prop_oneof![
        6 => (0..KEYS, any::<u8>(), prop::option::of(lease.clone()))
            .prop_map(|(key, value, lease)| Step::Put { key, value, lease }),
        2 => (0..KEYS, 0..=KEYS).prop_map(|(from, to)| Step::Delete { from, to }),
        3 => (0..KEYS, 0..3_u64, 0..KEYS, 0..KEYS)
            .prop_map(|(key, base, one, other)| Step::Swap { key, base, one, other }),
        3 => lease.clone().prop_map(Step::Grant),
        1 => lease.clone().prop_map(Step::Revoke),
        2 => lease.prop_map(Step::KeepAlive),
        3 => (1..8_u64).prop_map(Step::Advance),
        1 => (0..6_u64).prop_map(Step::Compact),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

fn key(number: u8) -> String {
    format!("key/{number}")
}

async fn perform(bed: &mut Bed, model: &mut Model, step: &Step) {
    match *step {
        Step::Put { key: number, value, lease } => {
            let operation = match lease {
                Some(lease) => Operation::put_leased(key(number), value.to_string(), LeaseId(lease)),
                None => Operation::put(key(number), value.to_string()),
            };
            let answer = bed.store.commit(Transaction::of([operation])).await;
            if lease.is_some_and(|lease| !model.leases.contains_key(&lease)) {
                assert!(matches!(answer, Err(StoreError::LeaseNotFound(_))), "{answer:?}");
            } else {
                model.put(model.revision + 1, &key(number), &value.to_string(), lease);
                assert_eq!(answer.unwrap().revision, Revision(model.revision));
            }
        }
        Step::Delete { from, to } => {
            let range = KeyRange { start: key(from).into(), end: Some(key(to).into()) };
            let answer = bed.store.commit(Transaction::of([Operation::Delete(range)])).await;
            if to <= from {
                assert!(matches!(answer, Err(StoreError::Invalid(_))), "{answer:?}");
            } else {
                model.delete(model.rows.range(key(from)..key(to)).map(|(key, _)| key.clone()).collect());
                assert_eq!(answer.unwrap().revision, Revision(model.revision));
            }
        }
        Step::Swap { key: number, base, one, other } => swap(bed, model, number, base, one, other).await,
        Step::Grant(id) => {
            let lease = Lease { id: LeaseId(id), period: std::time::Duration::from_secs(PERIOD) };
            let answer = bed.store.grant(lease).await;
            assert_eq!(answer.is_ok(), !model.leases.contains_key(&id), "{answer:?}");
            model.leases.entry(id).or_insert(model.now + PERIOD);
        }
        Step::Revoke(id) => {
            let answer = bed.store.revoke(LeaseId(id)).await;
            assert_eq!(answer.is_ok(), model.leases.contains_key(&id), "{answer:?}");
            model.end_lease(id);
        }
        Step::KeepAlive(id) => {
            let answer = bed.store.keep_alive(LeaseId(id)).await;
            assert_eq!(answer.is_ok(), model.leases.contains_key(&id), "{answer:?}");
            let now = model.now;
            model.leases.entry(id).and_modify(|end| *end = now + PERIOD);
        }
        Step::Advance(seconds) => {
            bed.advance(seconds);
            model.now += seconds;
            bed.store.expire().await.unwrap();
            model.expire();
        }
        Step::Compact(back) => {
            let before = model.revision.saturating_sub(back).max(1);
            let answer = bed.store.compact(Revision(before)).await;
            assert_eq!(answer.is_ok(), before > model.compacted, "{answer:?}");
            model.compacted = model.compacted.max(before);
        }
        Step::Restart => {
            bed.restart().await;
            if bed.is_durable() {
                let now = model.now;
                model.leases.values_mut().for_each(|end| *end = now + PERIOD);
            }
        }
    }
}

/// Two puts if a key still has the revision that was read, another one if not.
async fn swap(bed: &Bed, model: &mut Model, number: u8, base: u64, one: u8, other: u8) {
    let modified = model.rows.get(&key(number)).map_or(1, |row| row.modified);
    let base = modified + base;
    let then = if one == other { vec![one] } else { vec![one, other] };
    let operations: Vec<_> = then.iter().map(|number| Operation::put(key(*number), "then")).collect();
    let transaction = Transaction {
        otherwise: vec![Operation::put(key(number), "otherwise")],
        ..Transaction::of(operations)
    };
    let condition = Condition::ModifiedIn(Revision(base));
    let answer = bed.store.commit(transaction.when(key(number), condition)).await.unwrap();
    let holds = model.rows.get(&key(number)).is_some_and(|row| row.modified == base);
    let revision = model.revision + 1;
    if holds {
        then.iter().for_each(|number| model.put(revision, &key(*number), "then", None));
    } else {
        model.put(revision, &key(number), "otherwise", None);
    }
    assert_eq!((answer.succeeded, answer.revision), (holds, Revision(revision)));
}

async fn compare(bed: &Bed, model: &Model) {
    let reading = bed.store.range(KeyRange::all(), None).await.unwrap();
    assert_eq!(reading.revision, Revision(model.revision));
    let rows: BTreeMap<_, _> = reading
        .records
        .iter()
        .map(|record| {
            let row = Row {
                value: text(&record.value),
                created: record.created.0,
                modified: record.modified.0,
                version: record.version,
                lease: record.lease.map(|lease| lease.0),
            };
            (text(&record.key), row)
        })
        .collect();
    assert_eq!(rows, model.rows);
    let left = model.events.iter().filter(|(revision, _)| *revision >= model.compacted);
    let expected: Vec<_> = left.map(|(_, event)| event.clone()).collect();
    assert_eq!(bed.events(KeyRange::all(), Revision(model.compacted)), expected);
}

fn run(engine: Engine, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut bed = Bed::new(engine);
        let mut model = Model { revision: 1, compacted: 1, ..Model::default() };
        for step in steps {
            perform(&mut bed, &mut model, step).await;
        }
        compare(&bed, &model).await;
        bed.restart().await;
        compare(&bed, &model).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_does_as_the_model(steps in steps()) {
        run(Engine::Memory, &steps);
    }
}

proptest! {
    // Each case waits for the disk dozens of times.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn embedded_does_as_the_model(steps in steps()) {
        run(Engine::Embedded, &steps);
    }
}

/// One that was kept alive waits under its earlier deadline, and must not end before another whose deadline is sooner.
#[test]
fn leases_that_are_due_together_end_in_the_order_of_their_deadlines() {
    let put = |key, lease| Step::Put { key, value: 0, lease: Some(lease) };
    let steps = [
        Step::Grant(3),
        Step::Advance(1),
        Step::KeepAlive(3),
        put(2, 3),
        Step::Grant(2),
        put(0, 2),
        Step::Advance(4),
        Step::Advance(6),
    ];
    run(Engine::Memory, &steps);
    run(Engine::Embedded, &steps);
}
