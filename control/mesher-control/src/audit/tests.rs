//! What stands in the audit, whatever is in the fields and however often the process began.
//! They must not read a line in any other way than as JSON.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::file::{AuditFile, OLDER_MAX};
use super::{Auditor, Origin, Record};
use crate::Clock;

fn record(target: &str) -> Record {
    Record {
        origin: Origin { who: "root".to_owned(), from: Some(([127, 0, 0, 1], 7).into()) },
        action: "changed",
        target: target.to_owned(),
        before: Some(json!({"a": target})),
        after: None,
    }
}

#[test]
fn no_field_can_forge_a_line() {
    let nasty = [
        "\u{1b}[2J\r\n{\"who\":\"root\"}",
        "a\u{202e}b\u{2066}\u{2028}\u{85}\u{7f}\u{9b}",
        "\",\"who\":\"root",
        "größe 😀",
        "\u{0}",
    ];
    for target in nasty {
        let line = record(target).to_line(Duration::from_millis(1));
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["target"], &read["before"]["a"]), (&json!(target), &json!(target)));
        assert_eq!((&read["who"], &read["from"]), (&json!("root"), &json!("127.0.0.1:7")));
        assert_eq!(read["at"], "1970-01-01T00:00:00.001Z");
    }
}

#[test]
fn a_large_state_is_left_out_and_said_to_be() {
    let large = Record { before: Some(json!("x".repeat(100_000))), ..record("t") };
    let read: Value = serde_json::from_str(&large.to_line(Duration::ZERO)).unwrap();
    assert_eq!(read["before"]["omitted_bytes"], 100_002);
}

#[test]
fn lines_survive_a_restart_and_a_cut_one_does_not_swallow_the_next() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.jsonl");
    for target in ["first", "second"] {
        Auditor::open(Some(folder.path()), Clock::system()).unwrap().take(&record(target));
    }
    fs::write(&path, fs::read_to_string(&path).unwrap() + "{\"cut").unwrap();
    Auditor::open(Some(folder.path()), Clock::system()).unwrap().take(&record("third"));
    let text = fs::read_to_string(&path).unwrap();
    let targets: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|line| line["target"].clone())
        .collect();
    assert_eq!(targets, ["first", "second", "third"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn files_are_bounded_in_size_and_number_and_keep_the_youngest() {
    let folder = TempDir::new().unwrap();
    let mut file = AuditFile::open_with(folder.path(), 64).unwrap();
    for number in 0..100 {
        file.append(&format!("{{\"number\":{number:040}}}")).unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 1 + OLDER_MAX as usize, "{names:?}");
    for (place, number) in [("audit.jsonl", 99), ("audit.jsonl.1", 98), ("audit.jsonl.8", 91)] {
        let path = folder.path().join(place);
        assert!(fs::read_to_string(&path).unwrap().contains(&format!("{number}}}")), "{place}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{place}");
        assert!(fs::metadata(&path).unwrap().len() <= 64, "{place}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let told = Auditor::open(Some("/nowhere/at/all".as_ref()), Clock::system()).unwrap_err().to_string();
    assert!(told.contains("/nowhere/at/all"), "{told}");
}

#[test]
fn a_file_that_could_not_be_made_costs_no_older_one() {
    let folder = TempDir::new().unwrap();
    let name = |number: u32| folder.path().join(format!("audit.jsonl.{number}"));
    let mut file = AuditFile::open_with(folder.path(), 8).unwrap();
    for line in ["first", "second"] {
        file.append(line).unwrap();
    }
    // As it stands after an attempt that had no descriptor or no space left for the next file.
    fs::rename(name(1), name(2)).unwrap();
    fs::rename(folder.path().join("audit.jsonl"), name(1)).unwrap();
    file.append("third").unwrap();
    for (path, text) in
        [(folder.path().join("audit.jsonl"), "third\n"), (name(1), "second\n"), (name(2), "first\n")]
    {
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
}
