//! Replays the corpus of the fuzz targets: every input that was ever worth keeping, with the compiler that is pinned.
//! It must not pass over a folder or a target: whatever is there is run, and every target has something.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test: what fails here fails it, and the last file named is the one that failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use mesher_codec_checks::{CHECKS, Check};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn replay(name: &str) {
    let (_, check): (_, Check) = *CHECKS.iter().find(|(known, _)| *known == name).unwrap();
    let folder = corpus().join(name);
    let files = names(&folder);
    assert!(!files.is_empty(), "{name} has no corpus");
    for file in files {
        println!("{name}/{file}");
        check(&fs::read(folder.join(file)).unwrap());
    }
}

#[test]
fn every_target_has_a_check_a_corpus_and_a_replay() {
    let mut known: Vec<_> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    assert_eq!(names(&corpus()), known);
    let targets: Vec<_> = known.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&corpus().join("../fuzz_targets")), targets);
    let replayed = include_str!("corpus.rs");
    for name in known {
        assert!(replayed.contains(&format!("fn {name}() {{")), "{name} is not replayed");
    }
}

#[test]
fn request_head() {
    replay("request_head");
}

#[test]
fn response_head() {
    replay("response_head");
}

#[test]
fn chunked_body() {
    replay("chunked_body");
}

#[test]
fn conversation() {
    replay("conversation");
}
