//! The process that is killed: writers that tell what they send and what was acknowledged.
//! It must tell before it sends, and only after it was told.

use std::io::Write;
use std::path::Path;

use mesher_store::{Clock, EmbeddedSettings, KeyRange, Operation, Store, Transaction};

/// The first argument of such a process.
pub(crate) const CHILD: &str = "writers";
pub(crate) const WRITERS: u32 = 16;
/// How many of its last writes each writer leaves.
pub(crate) const KEPT: u32 = 20;

pub(crate) fn settings(directory: &Path) -> EmbeddedSettings {
    EmbeddedSettings { directory: directory.to_owned(), clock: Clock::system() }
}

/// What a writer writes as its write of this number.
pub(crate) fn value(writer: u32, number: u32) -> String {
    format!("{writer}:{number}:").repeat(1 + (writer + number) as usize % 200)
}

pub(crate) fn log_key(writer: u32, number: u32) -> String {
    format!("log/{writer:02}/{number:010}")
}

pub(crate) fn last_key(writer: u32) -> String {
    format!("last/{writer:02}")
}

pub(crate) fn write_until_killed(directory: &Path, seed: u64) {
    let store = Store::open(&settings(directory)).expect("what the last kill left opens");
    say("open");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = store.clone();
            scope.spawn(move || write(&store, writer, seed));
        }
    });
}

fn write(store: &Store, writer: u32, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed ^ u64::from(writer));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let own = KeyRange::prefix(format!("log/{writer:02}/"));
    let left = runtime.block_on(store.range(own, None)).expect("the store reads");
    let mut number = left.records.last().map_or(0, |record| {
        let key = std::str::from_utf8(&record.key).expect("our key");
        key[key.len() - 10..].parse().expect("our number")
    });
    loop {
        number += 1;
        say(&format!("sent {writer} {number}"));
        let mut operations = vec![
            Operation::put(last_key(writer), value(writer, number)),
            Operation::put(log_key(writer, number), value(writer, number)),
        ];
        if number > KEPT {
            operations.push(Operation::delete(log_key(writer, number - KEPT)));
        }
        let committed = store.commit(Transaction::of(operations)).wait().expect("the disk is well");
        say(&format!("done {writer} {number} {}", committed.revision));
        if random.u8(..8) == 0 {
            std::thread::yield_now();
        }
    }
}

/// One line in one write, so that lines of several writers do not mix.
fn say(line: &str) {
    // The parent is gone: there is nobody to write for.
    if std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).is_err() {
        std::process::exit(1);
    }
}
