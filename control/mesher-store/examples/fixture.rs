//! Writes the fixtures of the present format into an empty directory: a store and a backup of it.
//! It must be run once for each format, before the first release that has it, and never for an older one.

use std::path::PathBuf;
use std::time::Duration;

use mesher_store::{Clock, EmbeddedSettings, Lease, Operation, Store, StoreError, Transaction};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StoreError> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "fixture".into()));
    let store = Store::open(&EmbeddedSettings { directory: folder.join("data"), clock: Clock::system() })?;
    let lease = Lease::lasting(Duration::from_secs(3600));
    store.grant(lease).await?;
    for operation in [
        Operation::put("changed", "1"),
        Operation::put("changed", "2"),
        Operation::put_leased("leased", "1", lease.id),
        Operation::put("gone", "1"),
        Operation::delete("gone"),
    ] {
        store.commit(Transaction::of([operation])).await?;
    }
    store.backup(&folder.join("backup")).await?;
    store.close().await;
    Ok(())
}
