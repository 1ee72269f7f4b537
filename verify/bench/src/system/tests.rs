//! Readers of the system's tables, and how a program ends.
//! It must hold the forms in which the system writes, and start nothing that outlives its test.

use std::path::Path;
use std::time::Duration;

use super::account::{parse_rollup, parse_schedstat, parse_stat};
use super::syscalls::parse_count;
use super::{Child, GENERATOR, Spent, command, program, proportional_memory, spent, threads_spent};

#[test]
fn a_schedstat_begins_with_the_time_on_a_processor() {
    assert_eq!(parse_schedstat("2389571123 4411 190\n"), Some(2_389_571_123));
    assert_eq!(parse_schedstat(""), None);
}

#[test]
fn a_stat_is_read_behind_the_name() {
    let text = "17 (a) b (c) S 1 17 17 0 -1 4194560 100 0 0 0 321 654 0 0 20 0 1 0 5000 1 1";
    assert_eq!(parse_stat(text), Some((321, 654)));
    assert_eq!(parse_stat("17 (a) S 1"), None);
}

#[test]
fn a_rollup_has_one_line_of_its_own_share() {
    let text =
        "5600-7fff ---p 00000000 00:00 0 [rollup]\nRss:    9000 kB\nPss:    1234 kB\nPss_Anon:  99 kB\n";
    assert_eq!(parse_rollup(text), Some(1234 * 1024));
    assert_eq!(parse_rollup("Rss: 1 kB\n"), None);
}

#[test]
fn a_count_of_perf_has_its_time() {
    let text = "warning\n29,,raw_syscalls:sys_enter,579477,100.00,,\n";
    assert_eq!(parse_count(text), Some((29, 579_477)));
    assert_eq!(parse_count("<not counted>,,raw_syscalls:sys_enter,0,100.00,,"), None);
    assert_eq!(parse_count("event syntax error"), None);
}

#[test]
fn this_process_uses_something() {
    let own = std::process::id();
    let before = spent(own);
    let after = spent(own) - before;
    assert!(before.run > 0 && after.run < before.run + 1_000_000_000);
    assert!(proportional_memory(own) > 0);
    let (main, others) = threads_spent(own);
    // Less than the process: threads that have ended are not among them.
    assert!(
        main + others > 0 && main + others <= spent(own).run + 1_000_000_000,
        "{main} {others} {before:?}"
    );
    assert_eq!(Spent::default() - before, Spent::default(), "time never runs backwards");
}

/// A shell that is ready to end with this code once it is asked to.
fn ending_with(code: u8) -> Child {
    let mut shell = command(&program("sh").unwrap());
    shell.arg("-c").arg(format!("trap 'exit {code}' TERM; echo ready; while :; do sleep 0.01; done"));
    let mut child = Child::start(&mut shell, "shell", GENERATOR, Path::new("/dev/null")).unwrap();
    assert_eq!(child.first_line().unwrap(), "ready");
    child
}

#[test]
fn a_program_has_to_end_with_success() {
    let limit = Duration::from_secs(30);
    ending_with(0).end(limit).unwrap();
    let error = ending_with(3).end(limit).unwrap_err().to_string();
    assert!(error.contains("exit status: 3"), "{error}");
}
