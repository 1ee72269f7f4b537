//! Kills a process that writes, again and again, and looks at what it left: `cargo test -p mesher-store --test crash -- --cycles 2000`.
//! It must find every acknowledged write, nothing that was never sent, and nothing half done.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test without libtest: it says by itself what libtest would"
)]

mod ledger;
mod writers;

use std::process::ExitCode;

/// How often the process is killed when nothing else is said.
const CYCLES: u32 = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [writers::CHILD, directory, seed] => {
            writers::write_until_killed(directory.as_ref(), seed.parse().expect("our parent gave a number"));
            ExitCode::SUCCESS
        }
        ["--cycles", cycles] => check(cycles.parse().expect("--cycles wants a number")),
        // What cargo passes on to all tests, such as a filter, means nothing to this one, but for two words.
        _ if arguments.iter().any(|argument| argument == "--list") => ExitCode::SUCCESS,
        _ => check(CYCLES),
    }
}

/// A failure is a panic, as in any test.
fn check(cycles: u32) -> ExitCode {
    println!("\nrunning 1 test");
    let ledger = ledger::run(cycles);
    println!(
        "{cycles} kills: {} writes acknowledged, {} of the last ones came through unacknowledged",
        ledger.acknowledged, ledger.unacknowledged
    );
    println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
    ExitCode::SUCCESS
}
