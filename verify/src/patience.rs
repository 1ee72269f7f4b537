//! Waits for a condition, never for the clock: asked again and again until it holds or its time is over.
//! It must be the only place of the testkit that pauses.

use std::time::{Duration, Instant};

/// How long anything may take that has no tighter bound of its own: a noisy machine with two processors is slow.
pub const LIMIT: Duration = Duration::from_secs(30);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends the test.
#[track_caller]
#[expect(clippy::panic, reason = "a panic is how a test fails")]
pub fn fail(message: &str) -> ! {
    panic!("{message}")
}

/// Asks until there is an answer, at most [`LIMIT`] long; fails the test after that.
#[track_caller]
pub fn until<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    until_within(LIMIT, what, attempt)
}

/// As [`until`], with a bound of its own.
#[track_caller]
pub fn until_within<T>(limit: Duration, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = attempt() {
            return answer;
        }
        if Instant::now() > deadline {
            fail(&format!("not within {limit:?}: {what}"));
        }
        pause();
    }
}

/// Asks for the whole of `duration`, and fails the test as soon as something is wrong.
#[track_caller]
pub fn throughout(duration: Duration, mut check: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + duration;
    while Instant::now() < deadline {
        if let Err(reason) = check() {
            fail(&reason);
        }
        pause();
    }
}

/// A moment in which others can work.
#[expect(clippy::disallowed_methods, reason = "the one pause between two questions")]
pub fn pause() {
    std::thread::sleep(PAUSE);
}
