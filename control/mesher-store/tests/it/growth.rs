//! How large the file of a store becomes under churn.
//! It must stay within a small multiple of what is in it, however long that goes on.

use mesher_store::{KeyRange, Operation, Store, Transaction};

use crate::bed::system_settings;

/// Registrations that live at any time.
const LIVE: usize = 200;
const ROUNDS: usize = 90;
const VALUE: usize = 2_000;

#[tokio::test]
async fn st_09_file_does_not_grow_with_churn() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&system_settings(folder.path().join("data"))).unwrap();
    let mut sizes = Vec::new();
    for round in 0..ROUNDS {
        let mut pending = Vec::new();
        for number in 0..LIVE {
            let value = vec![b'x'; VALUE / 2 + (round * 37 + number * 101) % VALUE];
            let put = Operation::put(format!("{round:04}/{number:04}"), value);
            let gone = format!("{:04}/{number:04}", round.wrapping_sub(1));
            pending.push(store.commit(Transaction::of([put, Operation::delete(gone)])));
        }
        for pending in pending {
            pending.await.unwrap();
        }
        sizes.push(store.status().file_bytes);
    }
    let reading = store.range(KeyRange::all(), None).await.unwrap();
    assert_eq!(reading.records.len(), LIVE);
    let live: usize = reading.records.iter().map(|record| record.key.len() + record.value.len()).sum();
    let largest = sizes[ROUNDS / 3..].iter().max().copied().unwrap_or_default();
    println!(
        "rows {} KiB, history at most 8192 KiB; file at most {} KiB, {sizes:?}",
        live >> 10,
        largest >> 10
    );
    let rows = live as u64 + (8 << 20);
    assert!(largest <= 2 * rows + (8 << 20), "{sizes:?}");
    assert_eq!(sizes[ROUNDS * 2 / 3..].iter().max(), Some(&largest), "it no longer grows: {sizes:?}");
    store.close().await;
}
