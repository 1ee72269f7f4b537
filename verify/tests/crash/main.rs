//! The control plane on a data directory, killed again and again while many write, and started again where it was.
//! It must accept nothing but what was acknowledged, and at most the one call that each writer had under way.
//!
//! | file | holds |
//! |---|---|
//! | `outage` | the control plane away while calls flow and instances die |
//! | `model` | what a writer has written, and what one more call makes of it |
//! | `writer` | a writer on a connection of its own, and the comparison after a restart |
//!
//! `cargo xtask test` runs 100 kills and an outage of seconds, `cargo xtask soak` 2000 and one of ten minutes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure of the system is a failure of the test")]

mod model;
mod outage;
mod writer;

use std::path::Path;
use std::time::{Duration, Instant};

use mesher_verify::draw::Draw;
use mesher_verify::mesh::{ANY_PORT, Control};
use mesher_verify::patience::throughout;
use mesher_verify::process::Process;
use mesher_verify::scale::scaled;
use tempfile::TempDir;

use writer::{Writer, compare};

/// Connections that write at the same time.
const WRITERS: usize = 16;
/// How long a life lasts under load, in milliseconds.
const LIFE: std::ops::Range<u64> = 50..450;
/// One start in so many is killed, too, before it is done.
const KILLED_START_IN: u64 = 4;
/// How long such a start is left alone at most, in milliseconds.
const KILLED_START: std::ops::Range<u64> = 0..60;
/// The longest that a restart may take.
const RESTART_MAX: Duration = Duration::from_secs(5);

/// What there was to see.
#[derive(Default)]
struct Report {
    acknowledged: u64,
    loaded: Duration,
    /// Writers whose last call was written, though nobody was told so.
    unacknowledged_kept: usize,
    restarts: Vec<Duration>,
}

#[test]
fn st_01_what_was_acknowledged_and_nothing_else_is_there_after_each_crash() {
    let cycles = scaled(100, 2000);
    let mut draw = Draw::by_time();
    let seed = draw.seed();
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let mut writers: Vec<_> = (0..WRITERS).map(|number| Writer::new(number, draw.number())).collect();
    let mut report = Report::default();
    let mut address = ANY_PORT.to_owned();
    for cycle in 0..cycles {
        if draw.one_in(KILLED_START_IN) {
            start_and_kill(&directory, &address, draw.within(KILLED_START));
        }
        let mut control = start(&directory, &address, &mut report);
        address = control.address.to_string();
        report.unacknowledged_kept += compare(&mut writers, &control, &format!("seed {seed}, cycle {cycle}"));
        let life = Duration::from_millis(draw.within(LIFE));
        report.acknowledged += live_and_crash(&mut writers, &mut control, life);
        report.loaded += life;
        judge_log(&control.process.errors());
    }
    let mut control = start(&directory, &address, &mut report);
    compare(&mut writers, &control, &format!("seed {seed}, after the last crash"));
    assert_eq!(control.process.stop(), Some(0));
    let control = start(&directory, &address, &mut report);
    compare(&mut writers, &control, &format!("seed {seed}, after an end in order"));
    tell(cycles, seed, report);
}

fn start(directory: &Path, address: &str, report: &mut Report) -> Control {
    let begun = Instant::now();
    let control = Control::keeping(directory, address);
    let took = begun.elapsed();
    assert!(took < RESTART_MAX, "a restart took {took:?}");
    report.restarts.push(took);
    control
}

/// A start that does not come to its end, or has just come there.
fn start_and_kill(directory: &Path, address: &str, milliseconds: u64) {
    let mut process = Process::start(&mut Control::command(directory, address));
    throughout(Duration::from_millis(milliseconds), || Ok(()));
    kill(&mut process);
    judge_log(&process.errors());
}

/// All write until the control plane is killed. Answers how many calls were acknowledged.
fn live_and_crash(writers: &mut [Writer], control: &mut Control, life: Duration) -> u64 {
    let address = control.address;
    std::thread::scope(|threads| {
        let written: Vec<_> = writers
            .iter_mut()
            .map(|writer| threads.spawn(move || writer.write_until_the_end(address)))
            .collect();
        throughout(life, || Ok(()));
        kill(&mut control.process);
        written.into_iter().map(|written| written.join().unwrap()).sum()
    })
}

/// Kills a process that must still be running: one that ended by itself must not pass for a kill.
#[track_caller]
fn kill(process: &mut Process) {
    assert!(process.is_running(), "it ended by itself: {}", process.errors());
    process.crash();
}

/// No life may end in a panic, nor begin with half of what belongs together.
#[track_caller]
fn judge_log(errors: &str) {
    for word in ["panicked", "without its service", "damaged"] {
        assert!(!errors.contains(word), "{errors}");
    }
}

#[expect(clippy::print_stdout, reason = "the figures of a row are what a soak is read for")]
fn tell(cycles: u64, seed: u64, mut report: Report) {
    report.restarts.sort_unstable();
    let (median, longest) = (report.restarts.get(report.restarts.len() / 2), report.restarts.last());
    let rate = Duration::from_secs(1).div_duration_f64(report.loaded) * report.acknowledged as f64;
    println!(
        "row st_01: {cycles} kills, {} writes acknowledged, {rate:.0} in a second of load, none lost; {} calls were kept \
         before they were acknowledged; restart median {:?}, longest {:?}; seed {seed}",
        report.acknowledged,
        report.unacknowledged_kept,
        median.unwrap(),
        longest.unwrap()
    );
    assert!(report.acknowledged > cycles, "next to nothing was written");
}
