//! The parent: it kills, and compares what it was told with what is there.
//! It must not trust the process that it killed with more than what it said.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use mesher_store::{KeyRange, Record, Store};

use crate::writers::{CHILD, KEPT, WRITERS, last_key, log_key, settings, value};

/// The most lines of a process that are read before it is killed.
const LINES: usize = 400;

/// What all writers said.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By writer: the last number sent, and the last acknowledged with its revision.
    sent: BTreeMap<u32, u32>,
    done: BTreeMap<u32, (u32, u64)>,
    /// The newest revision that anybody was told.
    revision: u64,
    pub(crate) acknowledged: u64,
    pub(crate) unacknowledged: u64,
}

pub(crate) fn run(cycles: u32) -> Ledger {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("data");
    let mut random = fastrand::Rng::with_seed(7);
    let mut ledger = Ledger::default();
    for cycle in 0..cycles {
        let lines = random.usize(..LINES);
        ledger.listen_and_kill(&directory, cycle, lines);
        ledger.compare(&directory, cycle);
    }
    assert!(ledger.acknowledged > u64::from(cycles), "writes were acknowledged");
    ledger
}

impl Ledger {
    /// Kills the process at its line of that number, wherever it is by then.
    fn listen_and_kill(&mut self, directory: &Path, cycle: u32, lines: usize) {
        let program = std::env::current_exe().expect("our own path");
        let mut child = Command::new(program)
            .args([CHILD.as_ref(), directory.as_os_str(), cycle.to_string().as_ref()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let mut said = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        for line in said.by_ref().take(lines) {
            self.note(&line.expect("lines of text"));
        }
        child.kill().expect("it runs until it is killed");
        // What it had said by then counts too.
        for line in said {
            self.note(&line.expect("lines of text"));
        }
        let status = child.wait().expect("it was ours");
        assert!(status.code().is_none(), "cycle {cycle}: it ended by itself: {status}");
    }

    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |place: usize| words[place].parse::<u32>().expect("a number");
        match words[0] {
            "open" => {}
            "sent" => {
                self.sent.insert(number(1), number(2));
            }
            "done" => {
                let revision = words[3].parse().expect("a revision");
                let former = self.done.insert(number(1), (number(2), revision));
                assert!(former.is_none_or(|(_, former)| former < revision), "revisions grow: {line}");
                self.revision = self.revision.max(revision);
                self.acknowledged += 1;
            }
            _ => panic!("not a line of ours: {line}"),
        }
    }

    fn compare(&mut self, directory: &Path, cycle: u32) {
        let store =
            Store::open(&settings(directory)).unwrap_or_else(|error| panic!("cycle {cycle}: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let reading = runtime.block_on(store.range(KeyRange::all(), None)).expect("it reads");
        assert!(reading.revision.0 >= self.revision, "cycle {cycle}: revision {}", reading.revision);
        let mut records: BTreeMap<_, _> =
            reading.records.into_iter().map(|record| (record.key.to_vec(), record)).collect();
        for writer in 0..WRITERS {
            self.compare_writer(writer, &mut records, cycle);
        }
        assert!(records.is_empty(), "cycle {cycle}: never sent: {:?}", records.keys().next());
        runtime.block_on(store.close());
        self.revision = reading.revision.0;
    }

    fn compare_writer(&mut self, writer: u32, records: &mut BTreeMap<Vec<u8>, Record>, cycle: u32) {
        let sent = self.sent.get(&writer).copied().unwrap_or(0);
        let (done, revision) = self.done.get(&writer).copied().unwrap_or((0, 0));
        let last = records.remove(last_key(writer).as_bytes());
        let found = last.as_ref().map_or(0, |record| {
            let text = std::str::from_utf8(&record.value).expect("our value");
            text.split(':').nth(1).expect("our value").parse().expect("a number")
        });
        let place = format!("cycle {cycle}, writer {writer}: {done} done, {found} found, {sent} sent");
        assert!(done <= found && found <= sent, "{place}");
        self.unacknowledged += u64::from(found > done);
        for number in found.saturating_sub(KEPT - 1).max(1)..=found {
            let record = records.remove(log_key(writer, number).as_bytes());
            let record = record.unwrap_or_else(|| panic!("{place}: {number} is missing"));
            assert_eq!(record.value, value(writer, number), "{place}");
            if number == found {
                assert_eq!(
                    last.as_ref().map(|last| last.modified),
                    Some(record.modified),
                    "{place}: half done"
                );
            }
            if number == done {
                assert_eq!(record.modified.0, revision, "{place}: another revision than was told");
            }
        }
        // The next process goes on from what was found.
        if let Some(last) = last {
            self.done.insert(writer, (found, last.modified.0));
        }
        self.sent.insert(writer, found);
    }
}
