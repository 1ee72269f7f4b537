//! Dumps as callgrind writes them, and the comparison with what is kept.
//! It must count nothing.

use super::baseline::{Baseline, Counts, Environment, Verdict};
use super::callgrind::{is_worker, parse_total};

fn environment(compiler: &str) -> Environment {
    let text = |word: &str| word.to_owned();
    Environment {
        compiler: text(compiler),
        processor: text("p"),
        valgrind: text("v"),
        profile: text("release"),
    }
}

const KEPT: Counts =
    Counts { few_services: 10_000.0, with_rules: 0.0, guarded: 0.0, services: 1000, many_services: 10_100.0 };

#[test]
fn a_total_is_found_in_a_dump() {
    assert_eq!(parse_total("version: 1\nthread: 2\nevents: Ir\nfn=(1) a\n1 5\n\ntotals: 345\n"), Some(345));
    assert_eq!(parse_total("summary: 12\n"), Some(12));
    assert_eq!(parse_total("events: Ir\n"), None);
}

#[test]
fn the_main_thread_is_left_out() {
    assert!(is_worker("2-02") && is_worker("1-11"));
    assert!(!is_worker("2-01") && !is_worker("2") && !is_worker("x-y"));
}

#[test]
fn five_per_cent_more_is_too_much() {
    let mut kept = Baseline::default();
    kept.record(environment("one"), KEPT);
    let compare = |few_services, many_services| {
        kept.compare(&environment("one"), Counts { few_services, many_services, ..KEPT })
    };
    assert_eq!(compare(10_500.0, 10_100.0), Verdict::Holds);
    let grown = Verdict::Grown { of: "few known services", kept: 10_000.0, found: 10_501.0 };
    assert_eq!(compare(10_501.0, 10_100.0), grown);
    assert!(matches!(compare(9000.0, 12_000.0), Verdict::Grown { of: "many known services", .. }));
    assert_eq!(kept.compare(&environment("other"), KEPT), Verdict::Unknown);
    assert_eq!(kept.compare(&environment("one"), Counts { services: 9000, ..KEPT }), Verdict::Unknown);
}

#[test]
fn rules_are_compared_once_they_were_counted() {
    let mut kept = Baseline::default();
    let counts = |with_rules| Counts { with_rules, ..KEPT };
    kept.record(environment("one"), KEPT);
    assert_eq!(kept.compare(&environment("one"), counts(99_999.0)), Verdict::Holds);
    kept.record(environment("one"), counts(10_000.0));
    let grown = kept.compare(&environment("one"), counts(10_501.0));
    assert!(matches!(grown, Verdict::Grown { of: "rules of its service", .. }));
}

#[test]
fn only_the_last_rule_of_a_route_is_about_every_call() {
    let text = super::rules::document("a", 20);
    assert_eq!(text.lines().filter(|line| line.starts_with("    - {matches")).count(), 20);
    assert_eq!(text.matches("value: /}").count(), 1);
    assert!(text.trim_end().ends_with("value: /}}], backends: [{}]}"));
}

#[test]
fn every_kind_that_guards_has_its_document() {
    let text = super::rules::guards("a");
    for kind in super::rules::GUARDS {
        assert_eq!(
            text.matches(&format!("kind: {kind}\nmetadata: {{name: a}}\nspec: {{service: a, ")).count(),
            1
        );
    }
}

#[test]
fn a_new_figure_takes_the_place_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.json");
    let mut kept = Baseline::default();
    kept.record(environment("one"), KEPT);
    kept.record(environment("two"), KEPT);
    kept.record(environment("one"), Counts { few_services: 20_000.0, ..KEPT });
    kept.write(&file).unwrap();
    let read = Baseline::read(&file).unwrap();
    assert_eq!(read, kept);
    let found = Counts { few_services: 20_000.0, ..KEPT };
    assert_eq!(read.compare(&environment("one"), found), Verdict::Holds);
    assert!(matches!(read.compare(&environment("two"), found), Verdict::Grown { .. }));
}

#[test]
fn what_is_kept_in_the_tree_can_be_read() {
    let file = crate::system::root().join("verify/bench/instructions.json");
    Baseline::read(&file).unwrap();
}
