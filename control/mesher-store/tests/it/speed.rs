//! What a store does in a second, for whoever wants to know: `cargo test -p mesher-store --test it speed -- --ignored --nocapture`.
//! It must not fail for a slow disk: it prints.

use std::time::{Duration, Instant};

use mesher_store::{KeyRange, Lease, Operation, Store, Transaction};

use crate::bed::system_settings;

const CLIENTS: usize = 64;
const EACH: usize = 500;
const RECORDS: usize = 100_000;
const VALUE: usize = 600;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
#[ignore = "a measurement: it prints figures and takes its time"]
fn durable_transactions_of_many_clients() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&system_settings(folder.path().join("data"))).unwrap();
    let runtime = runtime();
    let start = Instant::now();
    let mut latencies: Vec<Duration> = runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            let store = store.clone();
            clients.spawn(async move {
                let mut latencies = Vec::with_capacity(EACH);
                for number in 0..EACH {
                    let key =
                        format!("/mesher/registry/services/default/default/{client:03}/{:04}", number % 50);
                    let begin = Instant::now();
                    store.commit(Transaction::of([Operation::put(key, vec![b'x'; VALUE])])).await.unwrap();
                    latencies.push(begin.elapsed());
                }
                latencies
            });
        }
        clients.join_all().await.concat()
    });
    let took = start.elapsed();
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    println!(
        "{CLIENTS} clients, {VALUE} bytes: {:.0} transactions/s; latency p50 {:?}, p99 {:?}, max {:?}; file {} KiB",
        latencies.len() as f64 / took.as_secs_f64(),
        at(50),
        at(99),
        at(100),
        store.status().file_bytes >> 10
    );
    runtime.block_on(store.close());
}

#[test]
#[ignore = "a measurement: it prints figures and takes its time"]
fn start_with_many_records() {
    let folder = tempfile::tempdir().unwrap();
    let settings = system_settings(folder.path().join("data"));
    let runtime = runtime();
    let store = Store::open(&settings).unwrap();
    runtime.block_on(fill(&store));
    let file = store.status().file_bytes >> 20;
    runtime.block_on(store.close());
    drop(store);
    let start = Instant::now();
    let store = Store::open(&settings).unwrap();
    let opened = start.elapsed();
    let count = runtime.block_on(store.range(KeyRange::all(), None)).unwrap().records.len();
    println!(
        "{count} records under leases, {file} MiB: opened in {opened:?}, read after {:?}",
        start.elapsed()
    );
    runtime.block_on(store.close());
}

async fn fill(store: &Store) {
    let mut pending = Vec::new();
    for number in 0..RECORDS {
        let lease = Lease::lasting(Duration::from_secs(3600));
        pending.push(store.grant(lease));
        let key = format!("/mesher/registry/instances/default/default/{:05}/{number:06}", number % 1000);
        let put = Operation::put_leased(key, vec![b'x'; VALUE], lease.id);
        pending.push(store.commit(Transaction::of([put])));
        if pending.len() >= 4000 {
            for pending in pending.drain(..) {
                pending.await.unwrap();
            }
        }
    }
    for pending in pending {
        pending.await.unwrap();
    }
}
