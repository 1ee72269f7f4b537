//! Tables for counting, for reports and for what CI allows.
//! Must not start cargo, nor write outside the system's folder for temporary files.

use std::io::Write;

use crate::fuzz::Request;
use crate::skips::{SkipReport, lines};
use crate::soak::row_of;
use crate::steps::{Outcome, settle};
use crate::tally::Tally;

#[test]
fn closing_lines_are_added_up_and_others_passed_over() {
    let mut tally = Tally::default();
    for line in [
        "running 15 tests",
        "test bmi::the_index_is_rounded ... ok",
        "test result: ok. 15 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s",
        "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 10.05s",
        "said a test: test result: ok. 100 passed",
    ] {
        tally.add_line(line);
    }
    assert_eq!(tally, Tally { passed: 17, failed: 3, ignored: 1 });
}

#[test]
fn a_report_names_each_omission_once() {
    let text =
        "load: wrk is not installed\n\nstore: redis-server is not installed\r\nload: wrk is not installed\n";
    assert_eq!(lines(text), ["load: wrk is not installed", "store: redis-server is not installed"]);
}

#[test]
fn a_suite_appends_to_the_report_of_this_run() {
    let report = SkipReport::begin(&std::env::temp_dir()).unwrap();
    let path = report.path().to_owned();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(file, "load: wrk is not installed").unwrap();
    assert_eq!(report.end().unwrap(), ["load: wrk is not installed"]);
    assert!(!path.exists(), "a report is taken away with its run");
}

#[test]
fn only_a_desk_may_skip() {
    let skipped = || Outcome::Skipped("cargo-deny is not installed".to_owned());
    assert_eq!(settle(skipped(), false), skipped());
    assert_eq!(settle(skipped(), true), Outcome::Failed);
    assert_eq!(settle(Outcome::Passed, true), Outcome::Passed);
}

#[test]
fn a_fuzz_run_names_its_targets_and_ends() {
    let known = ["chunked_body".to_owned(), "request_head".to_owned()];
    let read = |words: &str| {
        let arguments: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        Request::read(&arguments, &known).map_err(|error| error.to_string())
    };
    let request = |targets: &[String], seconds| Ok(Request { targets: targets.to_vec(), seconds });
    assert_eq!(read(""), request(&known, 60));
    assert_eq!(read("request_head --seconds 5"), request(&known[1..], 5));
    assert_eq!(read("--seconds 5 request_head chunked_body").map(|request| request.targets.len()), Ok(2));
    for wrong in ["--seconds", "--seconds x", "--seconds 0", "--seconds -1", "response", "--jobs 2"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_figures_of_a_row_are_found_behind_the_words_of_the_runner() {
    assert_eq!(row_of("test up::up_01 ... row up_01: 1.2 s; canary"), Some("up_01: 1.2 s; canary"));
    assert_eq!(row_of("row up_01: 1.2 s"), Some("up_01: 1.2 s"));
    for line in ["test up::up_01 ... ok", "said a test: row up_01", "running 2 tests"] {
        assert_eq!(row_of(line), None, "{line}");
    }
}
