//! Says what a store does in a second on the disk at hand: `cargo run --release -p mesher-store --example speed`.
//! It must not fail for a slow disk: it prints.

#![expect(clippy::print_stdout, reason = "a report to whoever asked for it")]

use std::error::Error;
use std::time::{Duration, Instant};

use mesher_store::{Clock, EmbeddedSettings, KeyRange, Lease, Operation, Store, StoreError, Transaction};
use tokio::task::JoinSet;

const CLIENTS: usize = 64;
const EACH: usize = 500;
const RECORDS: usize = 100_000;
const VALUE: usize = 600;
/// Calls under way at once while a store is filled.
const PENDING_MAX: usize = 4000;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    tell_transactions().await?;
    tell_start().await
}

/// Durable transactions of many clients.
async fn tell_transactions() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&settings(&folder))?;
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(write(store.clone(), client));
    }
    let mut latencies = Vec::with_capacity(CLIENTS * EACH);
    while let Some(written) = clients.join_next().await {
        latencies.extend(written??);
    }
    let took = start.elapsed();
    latencies.sort_unstable();
    let at =
        |percent: usize| latencies.get((latencies.len() - 1) * percent / 100).copied().unwrap_or_default();
    println!(
        "{CLIENTS} clients, {VALUE} bytes: {:.0} transactions/s; latency p50 {:?}, p99 {:?}, max {:?}; file {} KiB",
        latencies.len() as f64 / took.as_secs_f64(),
        at(50),
        at(99),
        at(100),
        store.status().file_bytes >> 10
    );
    store.close().await;
    Ok(())
}

/// One client, which waits for each of its transactions. Answers how long each took.
async fn write(store: Store, client: usize) -> Result<Vec<Duration>, StoreError> {
    let mut latencies = Vec::with_capacity(EACH);
    for number in 0..EACH {
        let key = format!("/mesher/registry/services/default/default/{client:03}/{:04}", number % 50);
        let begin = Instant::now();
        store.commit(Transaction::of([Operation::put(key, vec![b'x'; VALUE])])).await?;
        latencies.push(begin.elapsed());
    }
    Ok(latencies)
}

/// The start with many records.
async fn tell_start() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder);
    let store = Store::open(&settings)?;
    fill(&store).await?;
    let file = store.status().file_bytes >> 20;
    store.close().await;
    drop(store);
    let start = Instant::now();
    let store = Store::open(&settings)?;
    let opened = start.elapsed();
    let count = store.range(KeyRange::all(), None).await?.records.len();
    println!(
        "{count} records under leases, {file} MiB: opened in {opened:?}, read after {:?}",
        start.elapsed()
    );
    store.close().await;
    Ok(())
}

async fn fill(store: &Store) -> Result<(), StoreError> {
    let mut pending = Vec::new();
    for number in 0..RECORDS {
        let lease = Lease::lasting(Duration::from_secs(3600));
        pending.push(store.grant(lease));
        let key = format!("/mesher/registry/instances/default/default/{:05}/{number:06}", number % 1000);
        let put = Operation::put_leased(key, vec![b'x'; VALUE], lease.id);
        pending.push(store.commit(Transaction::of([put])));
        if pending.len() >= PENDING_MAX {
            for pending in pending.drain(..) {
                pending.await?;
            }
        }
    }
    for pending in pending {
        pending.await?;
    }
    Ok(())
}

fn settings(folder: &tempfile::TempDir) -> EmbeddedSettings {
    EmbeddedSettings { directory: folder.path().join("data"), clock: Clock::system() }
}
