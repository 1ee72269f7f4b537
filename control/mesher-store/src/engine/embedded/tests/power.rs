//! The power goes at any step of a run of writes.
//! What was acknowledged must be there, what failed or never came must not, and nothing may be half there.

use super::platter::{Platter, TestClock};
use crate::{KeyRange, Operation, Transaction};

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
